/**
 * Goal: a server finds rot by itself, sets it aside, says so, and the next push heals it. Method: a byte of
 * a stored file is changed, and the reading of all blobs, which is not due for a day, is made due.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { digestOf } from "../support/images.ts";
import { createOciClient, type OciClient } from "../support/oci-client.ts";
import { startTestApp, type TestApp, testsRunOnS3 } from "../support/test-app.ts";

const repository = "team/app";
const chore = "read all stored blobs";
const waitMsMax = 30_000;

let app: TestApp;
let client: OciClient;
beforeAll(async () => {
  app = await startTestApp();
  client = createOciClient(app.fetch);
});
afterAll(() => app.remove());

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let waited = 0; waited < waitMsMax; waited += 100) {
    if (await isSo()) return;
    await Bun.sleep(100);
  }
  throw new Error("it did not come to pass");
}

const passes = () => app.rows("select * from verify_pass");

test.skipIf(testsRunOnS3)(
  "a rotten blob is found, is 404, and comes back by a push",
  async () => {
    const rotten = new Uint8Array(200_000).fill(7);
    const whole = new Uint8Array(100_000).fill(8);
    const digest = await client.pushBlob(repository, rotten);
    await client.pushBlob(repository, whole);
    await until(async () => (await passes()).length === 1);

    const shard = join(app.folder, "blobs/sha256", digest.slice(7, 9));
    const [name = ""] = readdirSync(shard).filter((file) => file.startsWith(digest.slice(7)));
    const bytes = readFileSync(join(shard, name));
    bytes[100_000] = 6;
    writeFileSync(join(shard, name), bytes);

    await app.rows("update verify_pass set due_at = 0");
    await app.rows("update chores set due_at = 0 where name = ?", chore);
    await until(async () => (await passes())[0]?.["finished_at"] !== null);
    expect((await passes())[0]).toMatchObject({ started_at: null, stopped: null });
    expect(Number((await passes())[0]?.["findings"])).toBe(1);
    expect(app.logged.join("\n")).toContain(`should hold the blob ${digest}`);
    const metrics = await (await app.fetch("/metrics")).text();
    expect(metrics).toMatch(/^berth_verify_findings_total 1$/m);
    expect(metrics).toMatch(/^berth_verify_stopped 0$/m);

    const path = `/v2/${repository}/blobs`;
    expect(await client.status(`${path}/${digest}`)).toBe(404);
    expect(await client.status(`${path}/${digestOf(whole)}`)).toBe(200);
    await client.pushBlob(repository, rotten);
    expect(digestOf(await (await app.fetch(`${path}/${digest}`)).bytes())).toBe(digest);
  },
  60_000,
);
