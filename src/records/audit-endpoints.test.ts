import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Access } from "../access/authorize.ts";
import type { ApiCall, Management } from "../access/endpoint.ts";
import { type Audit, createAudit } from "../audit/audit.ts";
import { rowHash } from "../audit/audit-chain.ts";
import { operator, type Principal } from "../auth/principal.ts";
import { createSecretBox } from "../auth/secret-box.ts";
import type { Database } from "../db/database.ts";
import { migrate } from "../db/migrations/migrate.ts";
import { openSqlite } from "../db/sqlite.ts";
import type { PrincipalRow } from "../db/tables.ts";
import { systemClock } from "../lib/clock.ts";
import type { ProjectName } from "../oci/repository-name.ts";
import { auditEndpoints } from "./audit-endpoints.ts";
import type { AuditLineOutput } from "./audit-line.ts";

const folder = mkdtempSync(join(tmpdir(), "berth-records-"));
const secrets = createSecretBox([Buffer.alloc(32, 5)]);
let db: Database;
let audit: Audit;
let deps: Management;

const administratorsOnly: Access = {
  decide: (principal) =>
    principal.kind === "operator" || (principal.kind === "user" && principal.administrator)
      ? { allowed: true }
      : { allowed: false, visible: false, scopeIsShort: false, reason: "no" },
  changed() {},
};

beforeAll(async () => {
  db = openSqlite({ file: join(folder, "berth.db"), onFailure: () => {} });
  await migrate(db, systemClock);
  audit = createAudit({ clock: systemClock, secrets });
  deps = { db, audit, secrets, clock: systemClock, access: administratorsOnly } as never;
  await db.transaction(async (tx) => {
    const project = { generation: 1, created_at: 1, created_by: null };
    const name = "team" as ProjectName;
    await tx
      .insertInto("projects")
      .values([
        { ...project, id: "before", name, state: "trashed" },
        { ...project, id: "now", name, generation: 2, state: "live" },
      ])
      .execute();
    await tx.insertInto("principals").values(principalRow).execute();
  });
  for (let k = 1; k <= 1_200; k++) await append(`team/app:v${k}`, k <= 200 ? "before" : "now");
});

afterAll(async () => {
  await db.close();
  rmSync(folder, { recursive: true });
});

const principalRow: PrincipalRow = {
  id: "p1",
  kind: "user",
  name: "alice",
  project_id: null,
  state: "active",
  kept_state: null,
  generation: 1,
  administrator: 1,
  email: null,
  description: "",
  password_hash: null,
  second_factor: 0,
  cidrs: "[]",
  expires_at: null,
  expiry_told_at: null,
  last_used_at: null,
  created_at: 1,
  created_by: null,
  version: 1,
};

function append(resource: string, projectId: string | null = null) {
  return db.transactionUnsynced(async (tx) =>
    audit.append(tx, {
      actor: { id: "p1", name: "alice", credentialId: null, address: "192.0.2.1" },
      action: "tag.moved",
      resource,
      projectId,
      result: "done",
      detail: { from: null, to: "sha256:1" },
    }),
  );
}

function callAs(principal: Principal): ApiCall {
  return { principal, address: "local", requestId: "r", ifMatch: null, remember: null };
}

/** What the router does with an endpoint, but for rights. */
async function ask(name: string, input: object, principal: Principal = operator) {
  const endpoint = auditEndpoints.find((one) => one.command === name || one.path === name);
  if (endpoint === undefined) throw new Error(`no endpoint ${name}`);
  const output = await endpoint.handler(deps, endpoint.input.parse(input), callAs(principal));
  return endpoint.output.parse(output);
}

const ofProject = "/api/v1/projects/{project}/audit";

interface Page {
  items: AuditLineOutput[];
  next: string | null;
}

describe("lists", () => {
  test("come in pages", async () => {
    const seen: number[] = [];
    let after = "";
    do {
      const page = (await ask("audit list", { limit: "200", after })) as Page;
      seen.push(...page.items.map((line) => line.seq));
      after = page.next ?? "";
    } while (after !== "");
    expect(seen).toEqual(Array.from({ length: 1_200 }, (_, k) => 1_200 - k));
  });

  test("of a name have every project that had it; owners see their own", async () => {
    const every = (await ask("audit list", { project: "team", resource: "app:v1" })) as Page;
    expect(every.items).toHaveLength(50);
    const old = (await ask("audit list", { project: "team", resource: "app:v200" })) as Page;
    expect(old.items.map((line) => line.project_id)).toEqual(["before"]);
    const own = (await ask(ofProject, { project: "team", resource: "v200" })) as Page;
    expect(own.items).toEqual([]);
    expect(ask(ofProject, { project: "other" })).rejects.toMatchObject({ status: 404 });
  });

  test.each([{ after: "x" }, { since: "yesterday" }, { limit: "0" }, { unknown: "1" }])(
    "refuse %j",
    (input) => {
      expect(ask("audit list", input)).rejects.toThrow();
    },
  );
});

function reading(stream: unknown) {
  const reader = (stream as ReadableStream<Uint8Array>).getReader();
  const decoder = new TextDecoder();
  let text = "";
  return {
    reader,
    /** Lines as they come, until one has `last`. */
    async until(last: string): Promise<(AuditLineOutput & { head?: string })[]> {
      while (!text.includes(last)) {
        const { done, value } = await reader.read();
        if (done) break;
        text += decoder.decode(value, { stream: true });
      }
      const lines = text.split("\n").filter((line) => line !== "");
      text = "";
      return lines.map((line) => JSON.parse(line));
    },
  };
}

describe("an export", () => {
  test("has every line, oldest first, and ends with the head; anybody can check it", async () => {
    const lines = await reading(await ask("audit export", {})).until("never");
    const head = lines.pop();
    expect(lines.map((line) => line.seq)).toEqual(Array.from({ length: 1_200 }, (_, k) => k + 1));
    let hash = "";
    for (const line of lines) {
      hash = rowHash(hash, {
        ...line,
        at: Date.parse(line.at),
        actor_name: line.actor,
        detail: JSON.stringify(line.detail),
      });
      expect(hash).toBe(line.hash);
    }
    expect(head as object).toEqual({ head: `1200:${hash}` });
    expect(await ask("audit verify", { head: `1200:${hash}` })).toMatchObject({
      ok: true,
      compared: true,
    });
    expect(await ask("audit head", {})).toEqual({ head: `1200:${hash}` });
  });

  test("goes on after a line, and keeps to times", async () => {
    const tail = await reading(await ask("audit export", { after: "1198" })).until("never");
    expect(tail.map((line) => line.seq)).toEqual([1199, 1200, undefined as never]);
    const none = await reading(await ask("audit export", { since: "2100-01-01T00:00:00Z" })).until(
      "never",
    );
    expect(none).toHaveLength(1);
    const early = { until: "2000-01-01T00:00:00Z", follow: "true" };
    expect(await reading(await ask("audit export", early)).until("never")).toHaveLength(1);
  });

  test("that follows tells of what is written later, until its reader may not any more", async () => {
    const principal: Principal = {
      ...{ kind: "user", id: "p1", name: "alice", generation: 1, administrator: true },
      ...{ credentialId: null, credentialKind: "password", scope: null },
    };
    const input = { after: "1200", follow: "true" };
    const { reader, until } = reading(await ask("audit export", input, principal));
    expect(await until("head")).toHaveLength(1);
    await append("team/later:v1");
    const [line, head] = await until("head");
    expect(line?.resource).toBe("team/later:v1");
    expect(head?.head).toStartWith("1201:");
    await db.transaction((tx) => tx.updateTable("principals").set({ administrator: 0 }).execute());
    await append("team/later:v2");
    expect((await reader.read()).done).toBe(true);
  });

  test("is followed by so many at once", async () => {
    const follow = () => ask("audit export", { after: "1200", follow: "true" });
    const open = await Promise.all(Array.from({ length: 32 }, follow));
    expect(follow()).rejects.toMatchObject({ status: 429 });
    await (open[0] as ReadableStream).cancel();
    const again = await follow();
    for (const stream of [...open.slice(1), again]) await (stream as ReadableStream).cancel();
  });
});

describe("verification", () => {
  test("runs once at a time, and says what it found", async () => {
    const first = ask("audit verify", {});
    expect(ask("audit verify", {})).rejects.toMatchObject({ status: 409 });
    expect(await first).toMatchObject({ ok: true, problem: null });
    expect(ask("audit verify", { head: "12" })).rejects.toMatchObject({ status: 400 });
    await db.transaction((tx) =>
      tx.updateTable("audit").set({ detail: "no JSON" }).where("seq", "=", 7).execute(),
    );
    expect(await ask("audit verify", {})).toMatchObject({
      ok: false,
      problem: { kind: "edited", seq: 7 },
    });
    const { items } = (await ask("audit list", { after: "8", limit: "1" })) as Page;
    expect(items[0]?.detail).toEqual({ unreadable: "no JSON" });
  });
});
