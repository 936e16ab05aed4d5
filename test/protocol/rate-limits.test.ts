import { Database } from "bun:sqlite";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { makeImage } from "../support/images.ts";
import { createOciClient, expectError, type OciClient } from "../support/oci-client.ts";
import { startTestApp, type TestApp } from "../support/test-app.ts";
import { onPostgres } from "../support/test-database.ts";

const image = makeImage("limits");
const path = "/v2/limits/app/manifests/v1";
let app: TestApp;
let client: OciClient;

beforeAll(async () => {
  app = await startTestApp({ env: { BERTH_TRUSTED_PROXIES: "127.0.0.1" } });
  client = createOciClient(app.fetch);
  await client.pushImage("limits/app", image, "v1");
});

afterAll(async () => {
  await app.remove();
  expect(app.logged).toEqual([]);
});

/** As another node would set them: this one notices within a second. */
async function setLimits(limits: Record<string, number>): Promise<void> {
  await app.rows("delete from rate_limits");
  for (const [counts, amount] of Object.entries(limits)) {
    await app.rows(
      `insert into rate_limits (id, subject_kind, subject_id, counts, amount, window_seconds,
                                created_at, version)
       values (?, 'anonymous', null, ?, ?, 21600, 0, 1)`,
      Bun.randomUUIDv7(),
      counts,
      amount,
    );
  }
  await app.rows("update access_version set version = version + 1");
  await Bun.sleep(1_100);
}

const ask = (from: string, init: RequestInit = {}, at = path) =>
  client.fetch(at, { ...init, headers: { ...init.headers, "x-forwarded-for": from } });
const told = ({ status, headers }: Response) =>
  [status, headers.get("ratelimit-limit"), headers.get("ratelimit-remaining")].join(" ");

test("a manifest that goes out is a pull; a HEAD, an unchanged one and an unknown one are none", async () => {
  await setLimits({ pulls: 3 });
  const etag = `"${image.digest}"`;
  expect(told(await ask("192.0.2.1"))).toBe("200 3;w=21600 2;w=21600");
  expect((await ask("192.0.2.1", { method: "HEAD" })).status).toBe(200);
  expect((await ask("192.0.2.1", { headers: { "if-none-match": etag } })).status).toBe(304);
  expect((await ask("192.0.2.1", {}, `${path}0`)).status).toBe(404);
  const blob = `/v2/limits/app/blobs/${JSON.parse(image.manifest)["config"]["digest"]}`;
  expect((await ask("192.0.2.1", {}, blob)).status).toBe(200);
  const second = await ask("192.0.2.1");
  expect(told(second)).toBe("200 3;w=21600 1;w=21600");
  expect(second.headers.get("docker-ratelimit-source")).toBe("192.0.2.1");
  expect(told(await ask("192.0.2.1"))).toBe("200 3;w=21600 0;w=21600");

  const refused = await ask("192.0.2.1");
  expect(told(refused)).toBe("429 3;w=21600 0;w=21600");
  expect(refused.headers.get("retry-after")).toBe("7200");
  const { message } = await expectError(refused, 429, "TOOMANYREQUESTS");
  expect(message).toContain("192.0.2.1 has used up its 3 pulls in 21600 s");
  expect((await ask("192.0.2.1", { method: "HEAD" })).status).toBe(200);
});

test("networks are counted apart, an IPv6 one by its /64", async () => {
  await setLimits({ pulls: 1 });
  expect((await ask("192.0.2.11")).status).toBe(200);
  expect((await ask("192.0.2.12")).status).toBe(200);
  expect((await ask("2001:db8:1:2::1")).status).toBe(200);
  expect((await ask("2001:db8:1:2:ffff::1")).status).toBe(429);
  expect((await ask("2001:db8:1:3::1")).status).toBe(200);
});

test("every request counts as one, whatever its answer, and none of them writes", async () => {
  await setLimits({ requests: 4 });
  // Goes up with each transaction that writes.
  const version = onPostgres ? writes : () => watched.query("pragma data_version").all();
  const watched = new Database(onPostgres ? ":memory:" : join(app.folder, "berth.db"));
  const before = await version();
  const from = { "x-forwarded-for": "192.0.2.21" };
  expect((await ask("192.0.2.21")).status).toBe(200);
  expect((await ask("192.0.2.21", { method: "HEAD" })).status).toBe(200);
  expect((await ask("192.0.2.21", {}, `${path}0`)).status).toBe(404);
  expect((await client.fetch("/v2/", { headers: from })).status).toBe(200);
  for (let k = 0; k < 50; k++) {
    const refused = await client.fetch("/v2/", { headers: from });
    await expectError(refused, 429, "TOOMANYREQUESTS");
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
  }
  expect(await version()).toEqual(before);
  watched.close();
  await setLimits({});
  expect((await client.fetch("/v2/", { headers: from })).status).toBe(200);
});

/** Rows that were changed, but for what goes on without a request, or in this test: they are counted late. */
async function writes() {
  await Bun.sleep(1_500);
  return await app.rows(
    `select sum(n_tup_ins + n_tup_upd + n_tup_del) as changes from pg_stat_user_tables
      where relname not in ('nodes', 'chores', 'gc_state', 'pulls', 'pull_days', 'images', 'rate_limits', 'access_version')`,
  );
}
