import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expireUploads, uploadIdleMsMax } from "../../src/registry/expire-uploads.ts";
import { digestOf } from "../support/images.ts";
import { expectError, expectStatus } from "../support/oci-client.ts";
import { asks, type Fault, type FaultProxy, startFaultProxy } from "../support/s3-fault-proxy.ts";
import { type S3Server, startStrictS3, startWeakS3, strictS3 } from "../support/s3-servers.ts";
import { openTestStore, type TestStore } from "../support/s3-store.ts";
import { openTestRegistry, type TestRegistry } from "../support/test-registry.ts";

const repository = "team/app";
const blobs = `/v2/${repository}/blobs`;
const mebibyte = 1024 * 1024;
const never = new AbortController().signal;

let server: S3Server;
let proxy: FaultProxy;
let folder: string;
let prefixes = 0;
let opened: TestStore;
/** Past the proxy. */
let behind: TestStore;
let own: TestRegistry;

beforeAll(async () => {
  const program = strictS3();
  server = await (program === null ? startWeakS3() : startStrictS3(program));
  proxy = startFaultProxy(server.endpoint);
});

afterAll(async () => {
  await proxy.stop();
  await server.stop();
});

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "berth-s3-faults-"));
  const prefix = `f${++prefixes}/`;
  const limits = { firstWaitMs: 2, answerMsMax: 1_500 };
  opened = openTestStore({ endpoint: proxy.endpoint, prefix, folder, ...limits });
  behind = openTestStore({ endpoint: server.endpoint, prefix, folder: join(folder, "behind") });
  own = await openTestRegistry({ blobs: opened.store });
  proxy.use();
});

afterEach(async () => {
  proxy.use();
  await opened.store.close();
  expect(opened.room.heldBytes).toBe(0);
  await own.remove();
  rmSync(folder, { recursive: true, force: true });
});

function contentOf(size: number, seed: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(size).map((_, i) => (i >> 4) * 31 + i + seed);
}

/** In chunks, and ended by a PUT without a body. */
async function push(content: Uint8Array<ArrayBuffer>, chunk = content.length) {
  const began = await own.fetch(`${blobs}/uploads/`, { method: "POST" });
  await expectStatus(began, 202);
  const location = began.headers.get("location") ?? "";
  for (let at = 0; at < content.length; at += chunk) {
    const body = content.slice(at, at + chunk);
    const sent = await own.fetch(location, { method: "PATCH", body });
    if (sent.status !== 202) return { location, response: sent };
  }
  return { location, response: await end(location, content) };
}

function end(location: string, content: Uint8Array<ArrayBuffer>): Promise<Response> {
  return own.fetch(`${location}?digest=${digestOf(content)}`, { method: "PUT" });
}

/** What was acknowledged is there, byte for byte. */
async function expectBlob(content: Uint8Array<ArrayBuffer>): Promise<void> {
  const digest = digestOf(content);
  const [row] = await own.registry.db.reads
    .selectFrom("blobs")
    .select(["key", "size"])
    .where("digest", "=", digest as never)
    .execute();
  const body = await behind.store.open(row?.key as never, content.length, null);
  if (body?.kind !== "stream") throw new Error(`${digest} is not there`);
  expect(digestOf(await new Response(body.stream).bytes())).toBe(digest);
}

/** Objects and unfinished uploads that no blob's row names. */
async function leftovers(): Promise<string[]> {
  const rows = await own.registry.db.reads.selectFrom("blobs").select("key").execute();
  const named = new Set<string>(rows.map(({ key }) => key));
  const found: string[] = [];
  for await (const item of behind.store.list("all")) {
    if (item.kind !== "blob" || !named.has(item.key)) found.push(item.path);
  }
  return found;
}

const large = 12 * mebibyte;

describe("trouble that passes", () => {
  const passing: readonly (readonly [string, Fault])[] = [
    ["500", { kind: "answer", status: 500, code: "InternalError" }],
    ["503", { kind: "answer", status: 503, code: "SlowDown" }],
    [
      "500 after the work was done",
      { kind: "done, but answer", status: 500, code: "InternalError" },
    ],
    ["no answer", { kind: "silent", ms: 2_500 }],
    ["a lost answer", { kind: "lost answer" }],
  ];
  const places = ["create", "putPart", "complete", "head", "putObject"] as const;
  for (const [what, fault] of passing) {
    for (const place of places) {
      // An answer without a body cannot be cut off in the middle.
      if (place === "head" && fault.kind === "lost answer") continue;
      test(`${what} to ${place} is not seen by the client`, async () => {
        proxy.use({ name: what, matches: asks[place], fault, times: 1 });
        const small = contentOf(1_000, 1);
        const content = contentOf(large, 2);
        await expectStatus((await push(small)).response, 201);
        await expectStatus((await push(content, 7 * mebibyte)).response, 201);
        expect(proxy.taken.get(what)).toBe(1);
        await expectBlob(small);
        await expectBlob(content);
        await opened.store.close();
        // A first part list may have been opened twice: nobody was told of the other one.
        if (place !== "create") expect(await leftovers()).toEqual([]);
      });
    }
  }

  test("200 with an error in the body is an error, and tried again", async () => {
    const fault = { kind: "200 with an error", code: "InternalError" } as const;
    proxy.use({ name: "200", matches: asks.complete, fault, times: 2 });
    const content = contentOf(large, 3);
    await expectStatus((await push(content)).response, 201);
    expect(proxy.taken.get("200")).toBe(2);
    await expectBlob(content);
  });
});

describe("trouble that stays", () => {
  for (const place of ["putPart", "create", "putObject"] as const) {
    test(`a chunk that ${place} refuses is 503 with Retry-After, and the upload goes on later`, async () => {
      const fault = { kind: "answer", status: 503, code: "SlowDown" } as const;
      const content = contentOf(large + 100, 4);
      const first = 6 * mebibyte;
      const { location } = await pushFirst(content.slice(0, first));
      proxy.use({ name: "down", matches: asks[place], fault });
      const body = content.slice(first);
      const refused = await own.fetch(location, { method: "PATCH", body });
      if (place === "create") {
        // The multipart upload was there already.
        await expectStatus(refused, 202);
      } else {
        expect(refused.headers.get("retry-after")).not.toBeNull();
        await expectError(refused, 503, "UNAVAILABLE");
      }
      proxy.use();
      const status = await own.fetch(location);
      const at = Number(status.headers.get("range")?.split("-")[1]) + 1;
      expect(at).toBeGreaterThanOrEqual(first);
      if (at < content.length) {
        const rest = { method: "PATCH", body: content.slice(at) };
        await expectStatus(await own.fetch(location, rest), 202);
      }
      await expectStatus(await end(location, content), 201);
      await expectBlob(content);
    });
  }

  test("an end that S3 refuses is 503, and may be tried again on the same session", async () => {
    const fault = { kind: "200 with an error", code: "AccessDenied" } as const;
    proxy.use({ name: "denied", matches: asks.complete, fault });
    const content = contentOf(large, 5);
    const { location, response } = await push(content);
    await expectError(response, 503, "UNAVAILABLE");
    expect(await own.fetch(`${blobs}/${digestOf(content)}`).then(({ status }) => status)).toBe(404);
    proxy.use();
    await expectStatus(await end(location, content), 201);
    await expectBlob(content);
    await opened.store.close();
    expect(await leftovers()).toEqual([]);
  });

  test("with all of S3 away pushes are 503, what is known by the database is still told", async () => {
    const before = contentOf(1_000, 6);
    await expectStatus((await push(before)).response, 201);
    const fault = { kind: "answer", status: 500, code: "InternalError" } as const;
    proxy.use({ name: "away", matches: asks.anything, fault });
    const head = await own.fetch(`${blobs}/${digestOf(before)}`, { method: "HEAD" });
    expect(head.status).toBe(200);
    const { location, response } = await push(contentOf(2_000, 7));
    await expectError(response, 503, "UNAVAILABLE");
    proxy.use();
    const again = contentOf(2_000, 7);
    const rest = await own.fetch(location, { method: "PATCH", body: again });
    await expectStatus(rest, 202);
    await expectStatus(await end(location, again), 201);
  });

  test("an upload that was given up leaves nothing, whatever happened to it", async () => {
    const faults: readonly Fault[] = [
      { kind: "lost answer" },
      { kind: "answer", status: 500, code: "InternalError" },
      { kind: "done, but answer", status: 500, code: "InternalError" },
    ];
    for (const [i, fault] of faults.entries()) {
      proxy.use({ name: "fault", matches: asks[i === 0 ? "putObject" : "putPart"], fault });
      const { response } = await push(contentOf(large, 10 + i), 7 * mebibyte);
      await expectError(response, 503, "UNAVAILABLE");
    }
    proxy.use();
    own.advance(uploadIdleMsMax + 1);
    expect(await expireUploads(own.registry, never)).toBe(faults.length);
    await opened.store.close();
    expect(await leftovers()).toEqual([]);
  });
});

describe("a delete that comes late", () => {
  test("takes nothing from who pushed the same blob meanwhile", async () => {
    const content = contentOf(3_000, 20);
    const fault = { kind: "late", ms: 400 } as const;
    proxy.use({ name: "late", matches: asks.remove, fault });
    await expectStatus((await push(content)).response, 201);
    const [row] = await own.registry.db.reads.selectFrom("blobs").select("key").execute();
    await opened.store.remove([row?.key as never]);
    await own.registry.db.transaction(async (tx) => {
      await tx.deleteFrom("repository_blobs").execute();
      await tx.deleteFrom("blobs").execute();
    });
    await expectStatus((await push(content)).response, 201);
    await Bun.sleep(600);
    await expectBlob(content);
  });
});

describe("a read that breaks off", () => {
  for (const cacheBytes of [0, 64 * mebibyte]) {
    test(`goes on where it was, ${cacheBytes === 0 ? "without" : "with"} a cache`, async () => {
      const content = contentOf(4 * mebibyte, 30);
      await expectStatus((await push(content)).response, 201);
      const [row] = await own.registry.db.reads.selectFrom("blobs").select("key").execute();
      const near = openTestStore({
        endpoint: proxy.endpoint,
        prefix: `f${prefixes}/`,
        folder: join(folder, "near"),
        firstWaitMs: 2,
        cacheBytes,
      });
      const fault = { kind: "cut short", bytes: mebibyte } as const;
      proxy.use({ name: "cut", matches: asks.get, fault, times: 2 });
      const body = await near.store.open(row?.key as never, content.length, null);
      if (body?.kind !== "stream") throw new Error("a cold blob is a stream");
      expect(digestOf(await new Response(body.stream).bytes())).toBe(digestOf(content));
      expect(proxy.taken.get("cut")).toBe(2);
      await near.store.close();
    });
  }
});

test("a slow S3 does not fill the memory, however many push at once", async () => {
  const roomBytes = 16 * mebibyte;
  const tight = openTestStore({
    endpoint: proxy.endpoint,
    prefix: `f${prefixes}/`,
    folder: join(folder, "tight"),
    roomBytes,
  });
  const beside = await openTestRegistry({ blobs: tight.store });
  proxy.use({ name: "slow", matches: asks.putPart, fault: { kind: "silent", ms: 300 }, times: 8 });
  let most = 0;
  const watching = setInterval(() => {
    most = Math.max(most, tight.room.heldBytes);
  }, 5);
  const all = await Promise.all(
    Array.from({ length: 8 }, async (_, i) => {
      const content = contentOf(large, 40 + i);
      const at = `${blobs}/uploads/?digest=${digestOf(content)}`;
      return (await beside.fetch(at, { method: "POST", body: content })).status;
    }),
  );
  clearInterval(watching);
  expect(all).toEqual(Array(8).fill(201));
  expect(most).toBeGreaterThan(0);
  expect(most).toBeLessThanOrEqual(roomBytes);
  await tight.store.close();
  await beside.remove();
}, 60_000);

/** Begins an upload with one chunk. */
async function pushFirst(chunk: Uint8Array<ArrayBuffer>): Promise<{ location: string }> {
  const began = await own.fetch(`${blobs}/uploads/`, { method: "POST" });
  const location = began.headers.get("location") ?? "";
  await expectStatus(await own.fetch(location, { method: "PATCH", body: chunk }), 202);
  return { location };
}
