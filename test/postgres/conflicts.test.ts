/**
 * Goal: a change that PostgreSQL ended for the sake of another one is made once all the same, and given up
 * where that goes on. Method: a second client of the database holds one row and wants another, in the order
 * in which no push does it; the server finds the deadlock itself. Serialization failures come from a database
 * whose transactions are of another level unless they say so.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import pg from "pg";
import { digestOf, makeImage } from "../support/images.ts";
import { createOciClient, expectError, type OciClient } from "../support/oci-client.ts";
import { operatorGets } from "../support/operator.ts";
import { sharedPostgres } from "../support/postgres.ts";
import { startTestApp, type TestApp } from "../support/test-app.ts";
import { migratedDatabase } from "../support/test-database.ts";

/** As record 8 has it. */
const attemptsMax = 5;
const name = "conflicts/app";
let app: TestApp;
let client: OciClient;
let other: pg.Client;

beforeAll(async () => {
  const server = await sharedPostgres();
  const url = await migratedDatabase(server);
  const database = new URL(url).pathname.slice(1);
  await server.run(`alter database ${database} set default_transaction_isolation = 'serializable'`);
  app = await startTestApp({ env: { BERTH_DATABASE: url } });
  client = createOciClient(app.fetch);
  other = new pg.Client({ connectionString: url });
  await other.connect();
  // Whoever finds a deadlock is ended: that is to be the registry. It looks once, a second after it began to wait.
  await other.query("set deadlock_timeout = '1h'");
  await other.query("set default_transaction_isolation = 'read committed'");
});

afterAll(async () => {
  await other.end();
  await app.remove();
});

/** Resolves with true as soon as somebody waits for what this client holds; with false when `unless` has settled. */
async function waits(unless: Promise<unknown>): Promise<boolean> {
  let isSettled = false;
  void unless.finally(() => {
    isSettled = true;
  });
  for (let tries = 0; tries < 2_000; tries++) {
    const { rows } = await other.query(
      "select count(*)::int as n from pg_stat_activity where datname = current_database() and pg_backend_pid() = any(pg_blocking_pids(pid))",
    );
    if (rows[0].n > 0) return true;
    if (isSettled) return false;
    await Bun.sleep(5);
  }
  throw new Error("nobody came to wait");
}

/** A push whose blobs are there. It locks the row of each, and then the end of the audit. */
async function beginPush(seed: string) {
  const image = makeImage(seed);
  for (const blob of [image.config, ...image.layers]) await client.pushBlob(name, blob);
  const push = () =>
    client.fetch(`/v2/${name}/manifests/${seed}`, {
      method: "PUT",
      headers: { "content-type": String(image.descriptor.mediaType) },
      body: image.manifest,
    });
  await other.query("begin");
  await other.query("select id from audit_chain for update");
  return { image, push, pushing: push() };
}

/** Has the row of the blob for a moment: for that the server must end the push that holds it. */
async function endPush(content: string): Promise<void> {
  await other.query("savepoint held");
  await other.query("select state from blobs where digest = $1 for update", [digestOf(content)]);
  await other.query("rollback to savepoint held");
}

async function historyOf(tag: string): Promise<number> {
  const { rows } = await other.query("select count(*)::int as n from tag_history where tag = $1", [
    tag,
  ]);
  return rows[0].n;
}

test("a push that is ended to end a deadlock is made again, and once", async () => {
  const { image, pushing } = await beginPush("once");
  expect(await waits(pushing)).toBeTrue();
  await endPush(image.config);
  await other.query("commit");
  expect((await pushing).status).toBe(201);
  expect(await historyOf("once")).toBe(1);
  expect(await client.status(`/v2/${name}/manifests/once`)).toBe(200);
  expect(app.logged).toEqual([]);
});

test("one that is ended again and again is given up after five attempts, and leaves nothing", async () => {
  const { image, push, pushing } = await beginPush("refused");
  let ended = 0;
  while (await waits(pushing)) {
    await endPush(image.config);
    ended += 1;
  }
  await other.query("commit");
  expect(ended).toBe(attemptsMax);
  const refused = await pushing;
  expect(refused.headers.get("retry-after")).toBe("2");
  const { message } = await expectError(refused, 503, "UNAVAILABLE");
  expect(message).toContain("came in the way of others again and again");
  expect(await historyOf("refused")).toBe(0);
  expect(await client.status(`/v2/${name}/manifests/refused`)).toBe(404);
  expect((await push()).status).toBe(201);
  expect(await historyOf("refused")).toBe(1);
});

test("a statement by itself that met another's change is sent again", async () => {
  const location = await client.openUpload(name);
  await other.query("begin");
  await other.query("update uploads set touched_at = touched_at + 1");
  const appending = client.fetch(location, { method: "PATCH", body: "first " });
  expect(await waits(appending)).toBeTrue();
  await other.query("commit");
  const appended = await appending;
  expect([appended.status, appended.headers.get("range")]).toEqual([202, "0-5"]);
  const digest = digestOf("first second");
  const end = `${appended.headers.get("location")}?digest=${digest}`;
  const ended = await client.fetch(end, { method: "PUT", body: "second" });
  expect(ended.status).toBe(201);
  const stored = await client.fetch(`/v2/${name}/blobs/${digest}`);
  expect(await stored.text()).toBe("first second");
});

test("what was made is in the audit once, whose chain holds", async () => {
  const { rows } = await other.query("select resource from audit order by seq");
  expect(rows.map(({ resource }) => resource)).toEqual([
    "project conflicts",
    name,
    `${name}:once`,
    `${name}:refused`,
  ]);
  expect(await operatorGets(app.folder, "POST", "/audit/verify")).toMatchObject({ ok: true });
});
