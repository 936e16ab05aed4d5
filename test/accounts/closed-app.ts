import type { Json } from "../support/images.ts";
import { askOperator } from "../support/operator.ts";
import { startTestApp, type TestApp, type TestAppOptions } from "../support/test-app.ts";

/** Name and password, token or secret. */
export type SignIn = readonly [name: string, secret: string];

/** A Berth under access control, as people and the operator reach it. */
export interface ClosedApp extends TestApp {
  /** A request to the management API over HTTP. */
  api(as: SignIn | null, method: string, path: string, body?: Json): Promise<Answer>;
  /** The same over the control socket: as the operator. */
  operator(method: string, path: string, body?: Json): Promise<Answer>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** Null where there is no body. */
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked at, not trusted.
  readonly body: any;
}

export const anna: SignIn = ["anna", "correct horse battery"];

/** Without an administrator. */
export async function startClosedApp(options: TestAppOptions = {}): Promise<ClosedApp> {
  const app = await startTestApp({ ...options, env: { BERTH_OPEN: "", ...options.env } });
  return {
    ...app,
    api: async (as, method, path, body) =>
      answerOf(
        await fetch(`${app.url}${path}`, {
          method,
          headers: {
            ...(as === null ? {} : basic(as)),
            ...(body === undefined ? {} : { "content-type": "application/json" }),
          },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        }),
      ),
    operator: async (method, path, body) =>
      answerOf(await askOperator(app.folder, method, path, body)),
  };
}

/** With the administrator `anna`. */
export async function startSetUpApp(options: TestAppOptions = {}): Promise<ClosedApp> {
  const app = await startClosedApp(options);
  const { status } = await app.operator("POST", "/api/v1/setup", {
    name: anna[0],
    password: anna[1],
  });
  if (status !== 201) throw new Error(`setup answered ${status}`);
  return app;
}

export function basic([name, secret]: SignIn): Record<string, string> {
  return { authorization: `Basic ${Buffer.from(`${name}:${secret}`).toString("base64")}` };
}

async function answerOf(response: Response): Promise<Answer> {
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: text === "" ? null : JSON.parse(text),
  };
}
