import type { Answer, ClosedApp, SignIn } from "../../test/accounts/closed-app.ts";
import { basic } from "../../test/accounts/closed-app.ts";
import type { Json } from "../../test/support/images.ts";
import { createOciClient } from "../../test/support/oci-client.ts";
import type { Built } from "./build.ts";

/** Somebody, or something, that uses the registry: from where, and with which program. */
export interface Client {
  readonly signIn: SignIn;
  readonly address: string;
  readonly agent: string;
}

export interface Clients {
  /** A request to the management API; throws where it is refused. */
  ask(as: Client, method: string, path: string, body?: Json): Promise<Answer["body"]>;
  /** Blobs, children, and the manifest: under each of the tags, or by its digest alone. */
  push(as: Client, repository: string, built: Built, ...tags: readonly string[]): Promise<void>;
  /** Of an index also what it lists for the first platform, as a client does. */
  pull(as: Client, repository: string, tag: string): Promise<void>;
}

/** `publisher` brings the blobs, and may mount those of every repository. */
export function createClients(app: ClosedApp, publisher: Client): Clients {
  /** Where each blob was brought first. */
  const places = new Map<string, string>();
  const send = (as: Client, path: string, init: RequestInit = {}) =>
    app.fetch(path, {
      ...init,
      headers: {
        ...basic(as.signIn),
        ...{ "user-agent": as.agent, "x-forwarded-for": as.address, "x-forwarded-proto": "https" },
        ...Object.fromEntries(new Headers(init.headers)),
      },
    });
  const clientOf = (as: Client) => createOciClient((path, init) => send(as, path, init));

  async function bringBlob(repository: string, blob: string | Uint8Array): Promise<void> {
    const key = `sha256:${new Bun.CryptoHasher("sha256").update(blob).digest("hex")}`;
    const from = places.get(key);
    if (from !== undefined) {
      if (from !== repository) {
        const query = `mount=${key}&from=${encodeURIComponent(from)}`;
        const path = `/v2/${repository}/blobs/uploads/?${query}`;
        await (await send(publisher, path, { method: "POST" })).arrayBuffer();
      }
      return;
    }
    await clientOf(publisher).pushBlob(repository, blob);
    places.set(key, repository);
  }

  async function push(as: Client, repository: string, built: Built, ...tags: readonly string[]) {
    for (const child of built.children) await push(as, repository, child);
    for (const blob of built.blobs) await bringBlob(repository, blob);
    for (const reference of tags.length === 0 ? [built.digest] : tags) {
      await clientOf(as).pushManifest(repository, reference, built.manifest, built.mediaType);
    }
  }

  return {
    push,
    async ask(as, method, path, body) {
      const response = await send(as, path, {
        method,
        ...(body === undefined
          ? {}
          : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
      });
      const text = await response.text();
      if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
      return text === "" ? null : JSON.parse(text);
    },
    async pull(as, repository, tag) {
      const manifest = await clientOf(as).json(`/v2/${repository}/manifests/${tag}`);
      const [first] = (manifest["manifests"] ?? []) as readonly { readonly digest: string }[];
      if (first !== undefined)
        await clientOf(as).json(`/v2/${repository}/manifests/${first.digest}`);
    },
  };
}
