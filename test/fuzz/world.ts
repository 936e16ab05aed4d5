import { Database } from "bun:sqlite";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type App, openApp } from "../../src/app.ts";
import { loadConfig } from "../../src/platform/config.ts";
import { createLog } from "../../src/platform/log.ts";
import { basic, secretIn } from "../access/door.ts";
import {
  bytesOf,
  describeContent,
  type Json,
  makeImage,
  makeIndex,
  types,
} from "../support/images.ts";
import { createOciClient } from "../support/oci-client.ts";
import { type Answer, faultOf, readAnswer } from "./answer.ts";

export const publicUrl = "https://registry.example";
const adminPassword = "the first administrator's own";
export const repository = "team/app";
export const image = makeImage("fuzz");
export const child = makeImage("fuzz, a child of the index");
export const index = makeIndex([child.descriptor]);
export const indexDescriptor = describeContent(index, types.index);
/** A blob that nothing refers to, of more than what is sent from memory. */
export const large = "0123456789abcdef".repeat(5_000);
export const largeDescriptor = describeContent(large, types.layer);

/** A request as the registry gets it from its socket. */
export interface Ask {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | null;
  /** Whether the length of the body is stated; else it comes in chunks. Default: it is. */
  readonly statesLength?: boolean;
}

/** A whole Berth with access control on SQLite and files, without sockets and without work beside requests. */
export interface World {
  readonly folder: string;
  /** Authorization headers: the administrator, who may do everything, and a robot that may pull and push. */
  readonly admin: string;
  readonly robot: string;
  /** Secrets by themselves. */
  readonly secrets: { readonly token: string; readonly robot: string };
  /** Answers, and throws where the answer is not as every answer must be, or a refusal left something behind. */
  ask(ask: Ask): Promise<Answer>;
  /** Whether all that is stored is whole; ends it, and removes its folder. */
  end(): Promise<void>;
}

export async function openWorld(): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), "berth-fuzz-"));
  const env = {
    BERTH_URL: publicUrl,
    BERTH_ADMIN_PASSWORD: adminPassword,
    BERTH_TRUSTED_PROXIES: "192.0.2.0/24",
  };
  const { config } = loadConfig({ listen: "127.0.0.1:0", data: folder }, env);
  let logged = "";
  const write = (text: string) => {
    logged += text;
  };
  const log = createLog({ format: "json", level: "warn", write });
  const app = await openApp(config, log);
  const watch = watchChanges(folder);
  const send = (ask: Ask) =>
    app.fetch(requestOf(ask), { requestIP: () => ({ address: "192.0.2.7" }) });

  const admin = basic("admin", adminPassword);
  const client = createOciClient(async (path, init = {}) => {
    const headers = { ...Object.fromEntries(new Headers(init.headers)), authorization: admin };
    const body = init.body as Uint8Array | undefined;
    return await send({ method: init.method ?? "GET", path, headers, body: body ?? null });
  });
  await client.pushImage(repository, image, "v1");
  await client.pushImage(repository, child);
  await client.pushManifest(repository, "multi", index);
  await client.pushBlob(repository, large);
  await client.pushBlob(repository, "{}");
  const make = async (path: string, body: Json) => {
    const headers = { authorization: admin, "content-type": "application/json" };
    const answer = await send({ method: "POST", path, headers, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return secretIn((await answer.json()) as Json);
  };
  const token = await make("/api/v1/account/tokens", { description: "fuzz" });
  const grants = [{ pattern: repository, role: "ci" }];
  const robot = await make("/api/v1/projects/team/robots", { name: "fuzz", grants });

  async function ask(asked: Ask): Promise<Answer> {
    const before = watch.changes();
    const uploads = watch.uploads();
    const request = requestOf(asked);
    const answer = await readAnswer(
      await app.fetch(request, { requestIP: () => ({ address: "192.0.2.7" }) }),
    );
    log.flush();
    const said = logged;
    logged = "";
    const fault = faultOf(asked, answer) ?? (said === "" ? null : `logged: ${said}`);
    if (fault !== null) throw new Error(`${asked.method} ${asked.path}: ${fault}`);
    if (answer.status < 400) return answer;
    const isChanged = watch.changes() !== before && !mayChange(asked, answer);
    if (isChanged || watch.uploads() > uploads) {
      throw new Error(
        `${asked.method} ${asked.path}: refused with ${answer.status}, and something changed`,
      );
    }
    return answer;
  }

  return {
    folder,
    admin: basic("admin", token),
    robot: basic("robot.team.fuzz", robot),
    secrets: { token, robot },
    ask,
    async end() {
      watch.close();
      await verify(app);
      await app.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function requestOf({ method, path, headers = {}, body, statesLength = true }: Ask): Request {
  const all = new Headers({ host: "registry.example" });
  for (const [name, value] of Object.entries(headers)) all.set(name, value);
  const init: RequestInit = { method, headers: all };
  if (body !== null && body !== undefined && method !== "GET" && method !== "HEAD") {
    const bytes = bytesOf(body);
    init.body = bytes;
    if (statesLength && !all.has("content-length"))
      all.set("content-length", `${bytes.byteLength}`);
  }
  return new Request(`http://registry.example${path}`, init);
}

/**
 * A blob whose digest is not the one that was named ends the upload, whose bytes are of no use. What is sent
 * at once has an upload of its own, which goes with the refusal.
 */
function mayChange({ method, path }: Ask, { body }: Answer): boolean {
  if (!path.includes("/blobs/uploads/")) return false;
  return method === "POST" || (method === "PUT" && body.includes('"code":"DIGEST_INVALID"'));
}

/** Looks through a connection of its own at how often anything was committed. */
function watchChanges(folder: string) {
  const db = new Database(join(folder, "berth.db"), { readonly: true });
  const version = db.query<{ data_version: number }, []>("pragma data_version");
  const audit = db.query<{ seq: number | null }, []>("select max(seq) as seq from audit");
  const uploads = db.query<{ n: number }, []>("select count(*) as n from uploads");
  // A refused sign-in is told in the audit, a minute apart, and beside the request.
  let told = audit.get()?.seq ?? 0;
  let excused = 0;
  let last = version.get()?.data_version ?? 0;
  return {
    changes(): number {
      const now = version.get()?.data_version ?? 0;
      const seq = audit.get()?.seq ?? 0;
      if (now !== last && seq !== told) excused += now - last;
      [last, told] = [now, seq];
      return now - excused;
    },
    uploads: () => uploads.get()?.n ?? 0,
    close() {
      version.finalize();
      audit.finalize();
      uploads.finalize();
      db.close();
    },
  };
}

async function verify(app: App): Promise<void> {
  const answer = await app.api(new Request("http://berth/api/v1/verify", { method: "POST" }));
  const report = (await answer.json()) as { exitCode: number; findings: { message: string }[] };
  if (report.exitCode !== 0) {
    throw new Error(`berth verify: ${report.findings.map(({ message }) => message).join("\n")}`);
  }
}
