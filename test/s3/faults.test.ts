import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expireUploads, uploadIdleMsMax } from "../../src/registry/expire-uploads.ts";
import { digestOf } from "../support/images.ts";
import { expectError, expectStatus } from "../support/oci-client.ts";
import { type S3Fault, type S3FaultProxy, startS3FaultProxy } from "../support/s3-fault-proxy.ts";
import { type S3Server, startStrictS3, startWeakS3, strictS3 } from "../support/s3-servers.ts";
import { openTestStore, type TestStore } from "../support/s3-store.ts";
import { openTestRegistry, type TestRegistry } from "../support/test-registry.ts";

const repository = "team/app";
const blobs = `/v2/${repository}/blobs`;
const mebibyte = 1024 * 1024;
const never = new AbortController().signal;

let server: S3Server;
let proxy: S3FaultProxy;
let folder: string;
let prefixes = 0;
let opened: TestStore;
/** Past the proxy. */
let behind: TestStore;
let own: TestRegistry;

beforeAll(async () => {
  const program = strictS3();
  server = await (program === null ? startWeakS3() : startStrictS3(program));
  proxy = await startS3FaultProxy(server.endpoint, () => 0);
});

afterAll(async () => {
  await proxy.stop();
  await server.stop();
});

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "berth-s3-faults-"));
  const prefix = `f${++prefixes}/`;
  const limits = { firstWaitMs: 2, answerMsMax: 1_500 };
  opened = openTestStore({ endpoint: proxy.url, prefix, folder, ...limits });
  behind = openTestStore({ endpoint: server.endpoint, prefix, folder: join(folder, "behind") });
  own = await openTestRegistry({ blobs: opened.store });
  proxy.clear();
});

afterEach(async () => {
  proxy.clear();
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
const everything = ["create", "part", "complete", "put", "get", "head", "delete", "list"] as const;

describe("trouble that passes", () => {
  const passing: readonly (readonly [string, S3Fault])[] = [
    ["500", { kind: "refuse", status: 500, code: "InternalError" }],
    ["503", { kind: "refuse", status: 503, code: "SlowDown" }],
    ["500 after the work", { kind: "done-but-refused", status: 500, code: "InternalError" }],
    ["no answer", { kind: "never" }],
    ["a lost answer", { kind: "done-but-lost" }],
    ["an answer that is too late", { kind: "late", ms: 2_500 }],
    ["an error in 200", { kind: "error-in-200" }],
  ];
  const places = ["create", "part", "complete", "head", "put"] as const;
  for (const [what, fault] of passing) {
    for (const place of places) {
      // An error comes in a 200 only where S3 begins to answer before it is done.
      if (fault.kind === "error-in-200" && place !== "complete") continue;
      test(`${what} to ${place} is not seen by the client`, async () => {
        const before = proxy.struck;
        proxy.set([place], fault, { times: 1 });
        const small = contentOf(1_000, 1);
        const content = contentOf(large, 2);
        await expectStatus((await push(small)).response, 201);
        await expectStatus((await push(content, 7 * mebibyte)).response, 201);
        expect(proxy.struck).toBe(before + 1);
        await expectBlob(small);
        await expectBlob(content);
        await opened.store.close();
        // A first part list may have been opened twice: nobody was told of the other one.
        if (place !== "create") expect(await leftovers()).toEqual([]);
      });
    }
  }
});

describe("trouble that stays", () => {
  for (const place of ["part", "create", "put"] as const) {
    test(`a chunk that ${place} refuses is 503 with Retry-After, and the upload goes on later`, async () => {
      const fault = { kind: "refuse", status: 503, code: "SlowDown" } as const;
      const content = contentOf(large + 100, 4);
      const first = 6 * mebibyte;
      const { location } = await pushFirst(content.slice(0, first));
      proxy.set([place], fault);
      const body = content.slice(first);
      const refused = await own.fetch(location, { method: "PATCH", body });
      if (place === "create") {
        // The multipart upload was there already.
        await expectStatus(refused, 202);
      } else {
        expect(refused.headers.get("retry-after")).not.toBeNull();
        await expectError(refused, 503, "UNAVAILABLE");
      }
      proxy.clear();
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
    proxy.set(["complete"], { kind: "error-in-200", code: "AccessDenied" });
    const content = contentOf(large, 5);
    const { location, response } = await push(content);
    await expectError(response, 503, "UNAVAILABLE");
    expect(await own.fetch(`${blobs}/${digestOf(content)}`).then(({ status }) => status)).toBe(404);
    proxy.clear();
    await expectStatus(await end(location, content), 201);
    await expectBlob(content);
    await opened.store.close();
    expect(await leftovers()).toEqual([]);
  });

  test("with all of S3 away pushes are 503, what is known by the database is still told", async () => {
    const before = contentOf(1_000, 6);
    await expectStatus((await push(before)).response, 201);
    proxy.set(everything, { kind: "refuse", status: 500, code: "InternalError" });
    const head = await own.fetch(`${blobs}/${digestOf(before)}`, { method: "HEAD" });
    expect(head.status).toBe(200);
    const { location, response } = await push(contentOf(2_000, 7));
    await expectError(response, 503, "UNAVAILABLE");
    proxy.clear();
    const again = contentOf(2_000, 7);
    const rest = await own.fetch(location, { method: "PATCH", body: again });
    await expectStatus(rest, 202);
    await expectStatus(await end(location, again), 201);
  });

  test("an upload that was given up leaves nothing, whatever happened to it", async () => {
    const faults: readonly S3Fault[] = [
      { kind: "done-but-lost" },
      { kind: "refuse", status: 500, code: "InternalError" },
      { kind: "done-but-refused", status: 500, code: "InternalError" },
    ];
    for (const [i, fault] of faults.entries()) {
      proxy.clear();
      proxy.set([i === 0 ? "put" : "part"], fault);
      const { response } = await push(contentOf(large, 10 + i), 7 * mebibyte);
      await expectError(response, 503, "UNAVAILABLE");
    }
    proxy.clear();
    own.advance(uploadIdleMsMax + 1);
    expect(await expireUploads(own.registry, never)).toBe(faults.length);
    await opened.store.close();
    expect(await leftovers()).toEqual([]);
  });
});

describe("a delete that comes late", () => {
  test("takes nothing from who pushed the same blob meanwhile", async () => {
    const content = contentOf(3_000, 20);
    proxy.set(["delete"], { kind: "answered-before-done", ms: 400 });
    await expectStatus((await push(content)).response, 201);
    const [row] = await own.registry.db.reads.selectFrom("blobs").select("key").execute();
    await opened.store.remove([row?.key as never]);
    await own.registry.db.transaction(async (tx) => {
      await tx.deleteFrom("repository_blobs").execute();
      await tx.deleteFrom("blobs").execute();
    });
    await expectStatus((await push(content)).response, 201);
    await proxy.settled();
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
        endpoint: proxy.url,
        prefix: `f${prefixes}/`,
        folder: join(folder, "near"),
        firstWaitMs: 2,
        cacheBytes,
      });
      const before = proxy.struck;
      proxy.set(["get"], { kind: "cut-short", bytes: mebibyte }, { times: 2 });
      const body = await near.store.open(row?.key as never, content.length, null);
      if (body?.kind !== "stream") throw new Error("a cold blob is a stream");
      expect(digestOf(await new Response(body.stream).bytes())).toBe(digestOf(content));
      expect(proxy.struck).toBe(before + 2);
      await near.store.close();
    });
  }
});

test("a slow S3 does not fill the memory, however many push at once", async () => {
  const roomBytes = 16 * mebibyte;
  const tight = openTestStore({
    endpoint: proxy.url,
    prefix: `f${prefixes}/`,
    folder: join(folder, "tight"),
    roomBytes,
  });
  const beside = await openTestRegistry({ blobs: tight.store });
  proxy.set(["part"], { kind: "late", ms: 300 });
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
});

/** Begins an upload with one chunk. */
async function pushFirst(chunk: Uint8Array<ArrayBuffer>): Promise<{ location: string }> {
  const began = await own.fetch(`${blobs}/uploads/`, { method: "POST" });
  const location = began.headers.get("location") ?? "";
  await expectStatus(await own.fetch(location, { method: "PATCH", body: chunk }), 202);
  return { location };
}
