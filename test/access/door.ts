import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type App, openApp } from "../../src/app.ts";
import { loadConfig } from "../../src/platform/config.ts";
import { createLog } from "../../src/platform/log.ts";
import { bytesOf, type Json } from "../support/images.ts";
import { createOciClient, type OciClient } from "../support/oci-client.ts";
import { blobEnvironment, folderOfNode, nodes, sharedSecretKey } from "../support/test-app.ts";
import { databaseEnvironment, dropDatabaseOf } from "../support/test-database.ts";

export const publicUrl = "https://registry.example";
const sessionCookie = "__Host-berth=";
export const adminPassword = "the first administrator's own";

/** A request as the registry gets it from its socket. */
export interface Ask {
  readonly method?: string;
  /** The Authorization header, or a browser's cookie, which a page of the registry sends; none for nobody. */
  readonly as?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  /** An object goes as JSON. */
  readonly body?: string | Uint8Array | Json | undefined;
  /** Of the peer. Default: one of its own for documentation (RFC 5737). */
  readonly from?: string;
}

/**
 * A Berth under access control in this process, without sockets; where tests run on several nodes, so many of
 * them, which take requests in turn.
 */
export interface Door {
  readonly folder: string;
  /** Everything that was logged, from `debug` on. */
  readonly lines: string[];
  ask(path: string, ask?: Ask): Promise<Response>;
  /** Asks the management API for something that must succeed. */
  api(as: string, method: string, path: string, body?: Json): Promise<Json>;
  /** Asks as whoever may open the control socket. */
  operate(path: string): Promise<Json>;
  client(as: string): OciClient;
  /** Ends it; the folder stays. */
  close(): Promise<void>;
  /** Ends it, with its folder. */
  remove(): Promise<void>;
}

export interface DoorOptions {
  readonly folder?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export async function openDoor({ folder: given, env }: DoorOptions = {}): Promise<Door> {
  const folder = given ?? mkdtempSync(join(tmpdir(), "berth-access-"));
  const settings = {
    BERTH_LOG_REQUESTS: "true",
    BERTH_URL: publicUrl,
    BERTH_ADMIN_PASSWORD: adminPassword,
    ...(await databaseEnvironment(folder)),
    ...(await blobEnvironment(folder)),
    ...(nodes > 1 ? { BERTH_SECRET_KEY: sharedSecretKey } : {}),
    ...env,
  };
  const lines: string[] = [];
  const log = createLog({
    format: "json",
    level: "debug",
    write: (text) => {
      lines.push(...text.split("\n").filter((line) => line !== ""));
    },
  });
  const apps: App[] = [];
  for (let number = 0; number < nodes; number++) {
    const { config } = loadConfig(
      { listen: "127.0.0.1:0", data: folderOfNode(folder, number) },
      settings,
    );
    const app = await openApp(config, log);
    app.start("127.0.0.1:5000");
    apps.push(app);
  }
  let asked = 0;
  const inTurn = () => apps[asked++ % apps.length] as App;
  const close = async () => {
    for (const app of apps) await app.close();
    log.flush();
  };

  async function ask(path: string, { method = "GET", as, headers, body, from }: Ask = {}) {
    const init: RequestInit = { method };
    const all = new Headers({ host: "registry.example", ...headers });
    if (as?.startsWith(sessionCookie)) {
      all.set("cookie", as);
      all.set("origin", publicUrl);
    } else if (as !== undefined && as !== null) all.set("authorization", as);
    if (typeof body === "string" || body instanceof Uint8Array) {
      init.body = bytesOf(body);
    } else if (body !== undefined) {
      init.body = JSON.stringify(body);
      all.set("content-type", "application/json");
    }
    init.headers = all;
    const address = from ?? "192.0.2.7";
    return await inTurn().fetch(new Request(`http://registry.example${path}`, init), {
      requestIP: () => ({ address }),
    });
  }

  return {
    folder,
    lines,
    ask,
    async api(as, method, path, body) {
      const response = await ask(path, { method, as, body });
      const text = await response.text();
      if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
      return text === "" ? {} : (JSON.parse(text) as Json);
    },
    async operate(path) {
      const response = await inTurn().api(new Request(`http://berth${path}`));
      return (await response.json()) as Json;
    },
    client: (as) =>
      createOciClient((path, init = {}) =>
        ask(path, {
          method: init.method ?? "GET",
          as,
          headers: Object.fromEntries(new Headers(init.headers)),
          body: init.body as Uint8Array | string | undefined,
        }),
      ),
    close,
    async remove() {
      await close();
      await dropDatabaseOf(folder);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export function basic(name: string, secret: string): string {
  return `Basic ${Buffer.from(`${name}:${secret}`).toString("base64")}`;
}

export function bearer(token: string): string {
  return `Bearer ${token}`;
}

/** The one text in an answer that is a secret of Berth, whatever its key. */
export function secretIn(answer: Json): string {
  const found = /"(berth_[a-z]+_[A-Za-z0-9]{49})"/.exec(JSON.stringify(answer))?.[1];
  if (found === undefined) throw new Error(`no secret in ${Object.keys(answer)}`);
  return found;
}

/** Asks the token service. */
export async function fetchToken(
  door: Door,
  as: string | null,
  ...scopes: string[]
): Promise<string> {
  const query = new URLSearchParams([
    ["service", "registry.example"],
    ...scopes.map((scope): [string, string] => ["scope", scope]),
  ]);
  const response = await door.ask(`/token?${query}`, { as });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`/token?${query}: ${response.status} ${text}`);
  return (JSON.parse(text) as { token: string }).token;
}
