/**
 * Goal: administrators are told how the server was told to be and how it is, and nobody is told a secret.
 * Method: things are broken behind the server's back, and it is asked.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { settingKeys } from "../../src/platform/settings.ts";
import { anna, basic, type ClosedApp, startSetUpApp } from "../accounts/closed-app.ts";
import { askOperator } from "../support/operator.ts";
import { testsRunOnS3 } from "../support/test-app.ts";
import { onPostgres } from "../support/test-database.ts";

const key = Buffer.from("a-key-of-32-bytes-nobody-may-see").toString("base64");
const password = "a password nobody may see";

let app: ClosedApp;
let elsewhere = "";
beforeAll(async () => {
  elsewhere = mkdtempSync(join(tmpdir(), "berth-elsewhere-"));
  app = await startSetUpApp({ env: { BERTH_SECRET_KEY: key, BERTH_DATABASE_UNSAFE: "false" } });
});
afterAll(async () => {
  await app.remove();
  rmSync(elsewhere, { recursive: true, force: true });
});

const settings = async () => (await app.api(anna, "GET", "/api/v1/settings?limit=200")).body;
const health = async () => (await app.api(anna, "GET", "/api/v1/health")).body;
const check = async (name: string) =>
  (await health()).checks.find((each: { name: string }) => each.name === name);

async function until(name: string, state: string) {
  for (let tries = 0; tries < 100; tries++) {
    const found = await check(name);
    if (found?.state === state) return found;
    await Bun.sleep(50);
  }
  throw new Error(`${name} was never ${state}: ${JSON.stringify(await check(name))}`);
}

test("settings: those of the server that answers, without the secrets", async () => {
  const told = await settings();
  const names = told.items.map(({ name }: { name: string }) => name);
  expect(names).toEqual([...settingKeys]);
  expect(JSON.stringify(told)).not.toContain(key);
  const secret = told.items.find(({ name }: { name: string }) => name === "secret_key");
  expect(secret).toMatchObject({ value: null, set: true, from: "environment" });
  const [node] = (await app.api(anna, "GET", "/api/v1/nodes")).body.items;
  expect(told.node).toEqual({ id: node.id, name: node.name, version: node.version });
});

test("health: each part says how it is", async () => {
  const { state, checks, node } = await health();
  const names = checks.map(({ name }: { name: string }) => name);
  expect(names).toContain("server");
  expect(names).toContain("disk");
  expect(node.id).toBe((await settings()).node.id);
  for (const { message, advice, state: one } of checks) {
    expect(message).not.toBe("");
    expect(advice === null).toBe(one === "ok");
  }
  expect(["ok", "warn"]).toContain(state);
  // How fast it answers is up to what else runs here.
  const database = await check("database");
  expect(["ok", "warn"]).toContain(database.state);
  expect(database.message).toMatch(/^(SQLite|PostgreSQL) answers within \d+ ms$/);
  expect(await check("blobs")).toMatchObject({ state: "ok" });
  // Neither is of concern to a server that is alone and has no certificate.
  if (!onPostgres) expect(names).not.toContain("clock");
  expect(names).not.toContain("certificate");
});

test("health: work that failed, and collection that stands still", async () => {
  await until("chores", "ok");
  await app.rows(
    "update chores set outcome = 'failed: no room', finished_at = 1 where name = ?",
    ...["collect garbage"],
  );
  expect(await check("chores")).toMatchObject({
    state: "warn",
    message: "collect garbage (failed: no room)",
    at: "1970-01-01T00:00:00.001Z",
  });
  await app.rows("update chores set outcome = 'done'");
  await app.rows("update gc_state set paused = 'amount', paused_at = 1");
  expect(await check("garbage")).toMatchObject({
    state: "warn",
    advice: "When that is meant: berth gc run --accept amount",
  });
  await app.rows("update gc_state set paused = null, paused_at = null");
  expect((await check("garbage")).state).toBe("ok");
  expect((await health()).state).not.toBe("bad");
});

test("health: damage that was found", async () => {
  await app.rows("update verify_pass set findings = 2, last_finding = 'rot'");
  await app.rows(
    "insert into verify_pass (id, after, due_at, blobs, bytes, findings, last_finding) select 1, '', 9e15, 0, 0, 2, 'rot' where not exists (select 1 from verify_pass)",
  );
  expect((await check("stored")).message).toContain("2 stored blobs were wrong");
  await app.rows("update verify_pass set findings = 0, stopped = '9 of 10 blobs are wrong'");
  expect(await check("stored")).toMatchObject({ state: "bad" });
  await app.rows("update verify_pass set stopped = null");
});

test.skipIf(!onPostgres)("health: nodes that are gone, and clocks that are wrong", async () => {
  expect((await check("nodes")).state).toBe("ok");
  expect((await check("clock")).state).toBe("ok");
  await app.rows(
    "insert into nodes (id, name, address, version, processes, clock_ahead_ms, started_at, seen_at) values ('gone', 'other', '', '1', 1, -90000, ?, ?)",
    ...[Date.now() - 60_000, Date.now() - 60_000],
  );
  expect((await check("nodes")).message).toContain("other was not heard of");
  expect(await check("clock")).toMatchObject({ state: "bad" });
  await app.rows("delete from nodes where id = 'gone'");
  expect((await check("nodes")).state).toBe("ok");
});

test.skipIf(testsRunOnS3)("health: blobs that are not where they should be", async () => {
  const bytes = "what is kept";
  const digest = `sha256:${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}`;
  await app.api(anna, "POST", "/api/v1/projects", { name: "team" });
  const pushed = await app.fetch(`/v2/team/app/blobs/uploads/?digest=${digest}`, {
    method: "POST",
    body: bytes,
    headers: { ...basic(anna), "content-type": "application/octet-stream" },
  });
  expect(pushed.status).toBe(201);
  expect((await check("blobs")).state).toBe("ok");
  const shard = join(app.folder, "blobs/sha256", digest.slice(7, 9));
  renameSync(shard, `${shard}.away`);
  expect(await check("blobs")).toMatchObject({ state: "bad" });
  expect((await health()).state).toBe("bad");
  renameSync(`${shard}.away`, shard);
  expect((await check("blobs")).state).toBe("ok");
});

test("backups: none, then the one that was made, and one that came to no end", async () => {
  const history = async () => (await app.api(anna, "GET", "/api/v1/backups")).body;
  expect(await history()).toEqual({ items: [], next: null, unfinished_since: null });
  if (!onPostgres) expect((await check("backup")).state).toBe("warn");
  const make = async (target: string, list_only = onPostgres) => {
    const asked = { target, list_only };
    return await (await askOperator(app.folder, "POST", "/api/v1/backups", asked)).text();
  };
  const target = join(elsewhere, "berth");
  expect(await make(target)).toContain('"report"');
  const [name = ""] = readdirSync(join(target, "backups"));
  const { items, unfinished_since } = await history();
  expect(items).toHaveLength(1);
  expect(items[0]).toMatchObject({ name, to: target, whole: !onPostgres, broken: 0 });
  expect(unfinished_since).toBeNull();
  expect(await check("backup")).toMatchObject({ state: "ok", at: items[0].made_at });

  // A list of blobs is no backup of a database that nobody else backs up.
  await make(join(elsewhere, "list"), true);
  expect((await history()).items[0]).toMatchObject({ whole: false, copied_bytes: 0 });
  const { at } = await check("backup");
  if (!onPostgres) expect(at).toBe(items[0].made_at);
  const page = (await app.api(anna, "GET", "/api/v1/backups?limit=1")).body;
  expect(page.items).toHaveLength(1);
  const next = (await app.api(anna, "GET", `/api/v1/backups?limit=1&after=${page.next}`)).body;
  expect(next.items[0].name).toBe(name);

  await app.rows("update audit set at = 1 where action = 'backup.made'");
  expect((await history()).unfinished_since).not.toBeNull();
  expect(await check("backup")).toMatchObject({ state: "warn", at: "1970-01-01T00:00:00.001Z" });
});

test("nobody but administrators is told", async () => {
  await app.operator("POST", "/api/v1/users", { name: "bea", password });
  for (const path of ["settings", "health", "backups"]) {
    expect((await app.api(["bea", password], "GET", `/api/v1/${path}`)).status).toBe(403);
    expect((await app.api(null, "GET", `/api/v1/${path}`)).status).toBe(401);
    expect((await app.operator("GET", `/api/v1/${path}`)).status).toBe(200);
  }
});
