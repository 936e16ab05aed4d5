import { makeImage } from "./images.ts";
import { createOciClient } from "./oci-client.ts";
import { startTestApp } from "./test-app.ts";

export interface ApiAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** Empty where the answer has no JSON. */
  readonly body: Readonly<Record<string, unknown>>;
}

/** Somebody who calls the management API. Paths are those below `/api/v1`. */
export interface ApiClient {
  get(path: string, headers?: Record<string, string>): Promise<ApiAnswer>;
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<ApiAnswer>;
  put(path: string, body: unknown, headers?: Record<string, string>): Promise<ApiAnswer>;
  patch(path: string, body: unknown, headers?: Record<string, string>): Promise<ApiAnswer>;
  delete(path: string, headers?: Record<string, string>): Promise<ApiAnswer>;
  /** Any path of the server. */
  raw(method: string, path: string, init?: RequestInit): Promise<Response>;
  /** The same server as somebody else. */
  as(name: string, secret: string): ApiClient;
}

export interface ApiServer {
  readonly url: string;
  readonly folder: string;
  readonly admin: ApiClient;
  readonly nobody: ApiClient;
  /** Makes a user and returns what they are to the API. */
  user(name: string): Promise<ApiClient>;
  stop(): Promise<void>;
}

const password = "correct horse battery staple";

/** A server with access control, and an administrator. */
export async function openApi(settings: Readonly<Record<string, string>> = {}): Promise<ApiServer> {
  const app = await startTestApp({
    env: { BERTH_OPEN: "", BERTH_ADMIN_PASSWORD: password, ...settings },
  });
  const admin = await withToken(createApiClient(app.url, "admin", password), "admin");
  return {
    url: app.url,
    folder: app.folder,
    admin,
    nobody: createApiClient(app.url, null, ""),
    async user(name) {
      const { status, body } = await admin.post("/users", { name, password });
      if (status !== 201) throw new Error(`${name} was not made: ${JSON.stringify(body)}`);
      return withToken(createApiClient(app.url, name, password), name);
    },
    stop: () => app.remove(),
  };
}

/** Passwords are slow to check, by design, and each change of rights has them checked again. */
async function withToken(client: ApiClient, name: string): Promise<ApiClient> {
  const { body } = await client.post("/account/tokens", { description: "test" });
  return client.as(name, String(body["token"]));
}

function createApiClient(url: string, name: string | null, secret: string): ApiClient {
  const authorization =
    name === null
      ? {}
      : { authorization: `Basic ${Buffer.from(`${name}:${secret}`).toString("base64")}` };

  async function ask(
    method: string,
    path: string,
    body: unknown,
    headers: Record<string, string> = {},
  ): Promise<ApiAnswer> {
    const response = await fetch(`${url}/api/v1${path}`, {
      method,
      headers: {
        ...authorization,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = response.headers.get("content-type")?.includes("json") ?? false;
    const parsed = isJson && text !== "" ? (JSON.parse(text) as Record<string, unknown>) : {};
    return { status: response.status, headers: response.headers, body: parsed };
  }

  return {
    get: (path, headers) => ask("GET", path, undefined, headers),
    post: (path, body, headers) => ask("POST", path, body, headers),
    put: (path, body, headers) => ask("PUT", path, body, headers),
    patch: (path, body, headers) => ask("PATCH", path, body, headers),
    delete: (path, headers) => ask("DELETE", path, undefined, headers),
    raw: (method, path, init = {}) =>
      fetch(url + path, {
        ...init,
        method,
        headers: { ...authorization, ...(init.headers as Record<string, string>) },
      }),
    as: (other, otherSecret) => createApiClient(url, other, otherSecret),
  };
}

/** Pushes a small image. */
export async function pushImage(
  client: ApiClient,
  repository: string,
  tag: string,
  content = `${repository}:${tag}`,
): Promise<string> {
  const oci = createOciClient((path, init = {}) => client.raw(init.method ?? "GET", path, init));
  return oci.pushImage(repository, makeImage(content), tag);
}
