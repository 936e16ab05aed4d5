import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BlobStore } from "../../src/blobs/blob-store.ts";
import { openS3 } from "../../src/blobs/open-s3.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { RegistryError } from "../../src/oci/registry-error.ts";
import { expireUploads, uploadIdleMsMax } from "../../src/registry/expire-uploads.ts";
import { claimTimes, holdMs } from "../../src/registry/upload-session.ts";
import { claimUpload, findAnyUpload } from "../../src/registry/upload-store.ts";
import { digestOf } from "../support/images.ts";
import { createOciClient, expectError, expectStatus } from "../support/oci-client.ts";
import { fixedCredentials, type S3Server, startWeakS3, testBucket } from "../support/s3-servers.ts";
import { openTestRegistry, type TestRegistry } from "../support/test-registry.ts";

// Nodes that stop for a while in the middle of clearing up, and what others do with the upload meanwhile.

const repository = "team/app";
const never = new AbortController().signal;
const content = "a blob that was acknowledged";
const digest = digestOf(content);

let folder: string;
let server: S3Server;
let one: TestRegistry;
let two: TestRegistry;
let stores: BlobStore[];
/** The first node waits for these before it does so. */
let beforeDiscard: () => Promise<void>;
let beforeTakeOver: () => Promise<void>;
let prefixes = 0;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "berth-held-"));
  server = await startWeakS3();
});

afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

beforeEach(async () => {
  stores = [];
  beforeDiscard = async () => {};
  beforeTakeOver = async () => {};
  prefixes += 1;
  const first = await openStore();
  const stopping: BlobStore = {
    ...first,
    async discard(staged) {
      await beforeDiscard();
      await first.discard(staged);
    },
    async takeOver(staged, confirm) {
      await beforeTakeOver();
      await first.takeOver(staged, confirm);
    },
  };
  const shared = { run: "run", sharesUploads: true };
  one = await openTestRegistry({ blobs: stopping, process: { ...shared, id: "run-one" } });
  const process = { ...shared, id: "run-two" };
  two = await openTestRegistry({ blobs: await openStore(), process, beside: one });
});

afterEach(async () => {
  await two.remove();
  await one.remove();
  for (const store of stores) await store.close();
});

async function openStore(): Promise<BlobStore> {
  const { blobs } = await openS3({
    s3: {
      bucket: testBucket,
      prefix: `held-${prefixes}/`,
      region: "us-east-1",
      endpoint: server.endpoint,
      pathStyle: true,
      caFile: null,
      encryption: null,
      redirect: false,
      redirectExcept: [],
      cdn: null,
      cacheBytes: 0,
    },
    folder,
    processes: 1,
    clock: systemClock,
    admitWrite() {},
    credentials: fixedCredentials,
  });
  stores.push(blobs);
  return blobs;
}

async function begin(): Promise<string> {
  const location = await createOciClient(one.fetch).openUpload(repository);
  await expectStatus(await one.fetch(location, { method: "PATCH", body: content }), 202);
  return location;
}

const finish = (at: TestRegistry, location: string) =>
  at.fetch(`${location}?digest=${digest}`, { method: "PUT" });

async function expectBlob(): Promise<void> {
  const response = await two.fetch(`/v2/${repository}/blobs/${digest}`);
  await expectStatus(response, 200);
  expect(await response.text()).toBe(content);
}

const idOf = (location: string) => location.split("/").at(-1) ?? "";

test("an upload whose bytes are being dropped is over: late deletes are of nobody's blob", async () => {
  for (const ending of ["expiry", "cancel"]) {
    const location = await begin();
    const { promise, resolve } = Promise.withResolvers<void>();
    beforeDiscard = () => promise;
    if (ending === "expiry") one.advance(uploadIdleMsMax + 1);
    const ended =
      ending === "expiry"
        ? expireUploads(one.registry, never)
        : one.fetch(location, { method: "DELETE" });
    await Bun.sleep(50);
    one.advance(holdMs + 1);
    await expectError(await finish(two, location), 404, "BLOB_UPLOAD_UNKNOWN");
    await expectError(await two.fetch(location), 404, "BLOB_UPLOAD_UNKNOWN");
    resolve();
    await ended;
    expect(await findAnyUpload(two.registry.db.reads, idOf(location))).toBeNull();
  }
});

test("whoever comes after one that stopped while it dropped an upload comes to the end of it", async () => {
  const location = await begin();
  beforeDiscard = () => Promise.reject(new RegistryError("UNAVAILABLE"));
  expect((await one.fetch(location, { method: "DELETE" })).status).toBe(503);
  one.advance(holdMs + 1);
  await expectError(await finish(two, location), 404, "BLOB_UPLOAD_UNKNOWN");
  one.advance(uploadIdleMsMax);
  expect(await expireUploads(two.registry, never)).toBe(1);
  expect(await findAnyUpload(two.registry.db.reads, idOf(location))).toBeNull();
});

test("a node that stopped while it took an upload over leaves what others made of it", async () => {
  const location = await begin();
  const times = claimTimes(one.registry);
  const killed = { id: idOf(location) };
  await one.registry.db.transaction((tx) => claimUpload(tx, killed, "run-killed", times));
  one.advance(holdMs + 1);
  const { promise, resolve } = Promise.withResolvers<void>();
  beforeTakeOver = () => promise;
  const stopped = one.fetch(location, { method: "PATCH", body: "more" });
  await Bun.sleep(50);
  one.advance(holdMs + 1);
  // Stored under a key that the row which the first node read does not name.
  await expectStatus(await two.fetch(location, { method: "PATCH", body: "!" }), 202);
  const whole = `${content}!`;
  const url = `${location}?digest=${digestOf(whole)}`;
  await expectStatus(await two.fetch(url, { method: "PUT" }), 201);
  resolve();
  await expectError(await stopped, 409, "BLOB_UPLOAD_INVALID");
  const stored = await two.fetch(`/v2/${repository}/blobs/${digestOf(whole)}`);
  expect([stored.status, await stored.text()]).toEqual([200, whole]);
});

test("a blob is acknowledged though the spare bytes of its upload cannot be dropped now", async () => {
  await expectStatus(await finish(two, await begin()), 201);
  const location = await begin();
  beforeDiscard = () => Promise.reject(new RegistryError("UNAVAILABLE"));
  await expectStatus(await finish(one, location), 201);
  await expectBlob();
});
