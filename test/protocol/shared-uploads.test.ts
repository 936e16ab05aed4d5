import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BlobStore } from "../../src/blobs/blob-store.ts";
import { createFsBlobStore } from "../../src/blobs/fs-blob-store.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { expireUploads, uploadIdleMsMax } from "../../src/registry/expire-uploads.ts";
import { claimTimes, holdMs } from "../../src/registry/upload-session.ts";
import { claimUpload, findAnyUpload } from "../../src/registry/upload-store.ts";
import { bytesOf, digestOf } from "../support/images.ts";
import { createOciClient, expectError, expectStatus } from "../support/oci-client.ts";
import { openTestRegistry, type TestRegistry } from "../support/test-registry.ts";

const repository = "team/app";
const never = new AbortController().signal;

let folder: string;
let stores: BlobStore[];
let processes: TestRegistry[];
/** Bytes that were read again from the folder for their hash. */
let reads: number;
let ticking: Timer;

/** Processes of one run of the server, on one folder. */
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "berth-shared-"));
  stores = [];
  processes = [];
  reads = 0;
  for (const name of ["one", "two", "three"]) {
    const store = createFsBlobStore({ folder, clock: systemClock, onSyncFailure() {} });
    stores.push(store);
    const blobs: BlobStore = {
      ...store,
      readStaged(staged) {
        reads += 1;
        return store.readStaged(staged);
      },
    };
    const process = { id: `run-${name}`, run: "run", sharesUploads: true };
    const [beside] = processes;
    processes.push(await openTestRegistry({ blobs, process, ...(beside && { beside }) }));
  }
  ticking = setInterval(() => at(0).advance(100), 100);
});

afterEach(async () => {
  clearInterval(ticking);
  for (const own of processes.reverse()) await own.remove();
  for (const store of stores) await store.close();
  rmSync(folder, { recursive: true });
});

const at = (index: number) => processes[index % 3] as TestRegistry;
const clientAt = (index: number) => createOciClient(at(index).fetch);
const patch = (index: number, location: string, body: string | ReadableStream<Uint8Array>) =>
  at(index).fetch(location, { method: "PATCH", body });
const finish = (index: number, location: string, content: string) =>
  at(index).fetch(`${location}?digest=${digestOf(content)}`, { method: "PUT" });

async function expectBlob(index: number, content: string): Promise<void> {
  const response = await at(index).fetch(`/v2/${repository}/blobs/${digestOf(content)}`);
  await expectStatus(response, 200);
  expect(new Uint8Array(await response.arrayBuffer())).toEqual(bytesOf(content));
}

describe("an upload that several processes share", () => {
  test("takes its chunks in turn on each of them, and its end on any", async () => {
    const location = await clientAt(0).openUpload(repository);
    let content = "";
    for (let i = 0; i < 9; i++) {
      const response = await patch(i, location, `chunk ${i};`);
      content += `chunk ${i};`;
      expect(response.headers.get("range")).toBe(`0-${content.length - 1}`);
      const status = await at(i + 1).fetch(location);
      expect(status.headers.get("range")).toBe(`0-${content.length - 1}`);
    }
    await expectStatus(await finish(2, location, content), 201);
    await expectBlob(0, content);
    expect(reads).toBe(1);
    await expectError(await at(1).fetch(location), 404, "BLOB_UPLOAD_UNKNOWN");
  });

  test("is not read again where one process took all of it and another ends it", async () => {
    const location = await clientAt(0).openUpload(repository);
    for (const chunk of ["one ", "two"]) await expectStatus(await patch(0, location, chunk), 202);
    await expectStatus(await finish(1, location, "one two"), 201);
    await expectBlob(2, "one two");
    expect(reads).toBe(0);
  });

  test("is read again after a restart: what the row tells of may not be in the file", async () => {
    const location = await clientAt(0).openUpload(repository);
    await patch(0, location, "content");
    const { db } = at(0).registry;
    await db.transaction(async (tx) => {
      await tx.updateTable("uploads").set({ digest_run: "the run before" }).execute();
    });
    await expectStatus(await finish(1, location, "content"), 201);
    expect(reads).toBe(1);
  });

  test("with a wrong digest ends, wherever it was taken", async () => {
    const location = await clientAt(0).openUpload(repository);
    await patch(0, location, "content");
    await expectError(await finish(1, location, "another"), 400, "DIGEST_INVALID");
    expect(await clientAt(2).status(location)).toBe(404);
  });

  test("has one writer: another process answers 409 while that one says that it is there", async () => {
    const location = await clientAt(0).openUpload(repository);
    const slow = slowBody();
    const first = patch(0, location, slow.body);
    await slow.send("aaa");
    const started = performance.now();
    await expectError(await patch(1, location, "bbb"), 409, "BLOB_UPLOAD_INVALID");
    expect(performance.now() - started).toBeLessThan(holdMs);
    await expectError(await patch(0, location, "ccc"), 409, "BLOB_UPLOAD_INVALID");
    await slow.end();
    await expectStatus(await first, 202);
    await expectStatus(await patch(1, location, "bbb"), 202);
    await expectStatus(await finish(2, location, "aaabbb"), 201);
  });

  test("goes on elsewhere once the time of a process that was killed is over", async () => {
    const location = await clientAt(0).openUpload(repository);
    await patch(0, location, "before ");
    await hold(idOf(location), "run-killed");
    const waiting = patch(1, location, "after");
    await Bun.sleep(300);
    at(0).advance(holdMs + 1);
    await expectStatus(await waiting, 202);
    await expectStatus(await finish(2, location, "before after"), 201);
    await expectBlob(0, "before after");
  });

  test("that was taken over keeps what its new writer wrote, whatever the old one still does", async () => {
    const location = await clientAt(0).openUpload(repository);
    const slow = slowBody();
    const stopped = patch(0, location, slow.body);
    await slow.send("x".repeat(1_000_000));
    at(0).advance(holdMs + 1);
    const content = "y".repeat(2_000_000);
    await expectStatus(await patch(1, location, content), 202);
    await slow.send("x".repeat(1_000_000));
    await slow.end();
    await expectError(await stopped, 409, "BLOB_UPLOAD_INVALID");
    const [row] = await at(0).registry.db.reads.selectFrom("uploads").selectAll().execute();
    expect(row).toMatchObject({ offset_bytes: content.length, held_by: null });
    await expectStatus(await finish(2, location, content), 201);
    await expectBlob(0, content);
  });

  test("ends where it is cancelled, and stays with who has it", async () => {
    const location = await clientAt(0).openUpload(repository);
    const slow = slowBody();
    const first = patch(0, location, slow.body);
    await slow.send("aaa");
    const cancelled = await at(1).fetch(location, { method: "DELETE" });
    await expectError(cancelled, 409, "BLOB_UPLOAD_INVALID");
    await slow.end();
    await first;
    expect((await at(1).fetch(location, { method: "DELETE" })).status).toBe(204);
    await expectError(await patch(0, location, "bbb"), 404, "BLOB_UPLOAD_UNKNOWN");
  });

  test("does not expire while another process has it", async () => {
    const location = await clientAt(0).openUpload(repository);
    at(0).advance(uploadIdleMsMax + 1);
    await hold(idOf(location), "run-other");
    expect(await expireUploads(at(1).registry, never)).toBe(0);
    at(0).advance(holdMs + 1);
    expect(await expireUploads(at(1).registry, never)).toBe(1);
    expect(await findAnyUpload(at(0).registry.db.reads, idOf(location))).toBeNull();
  });

  test("whose body broke off goes on elsewhere from what came", async () => {
    const location = await clientAt(0).openUpload(repository);
    const broken = slowBody();
    const first = patch(0, location, broken.body);
    await broken.send("aaa");
    await broken.fail();
    expect((await first).status).toBe(400);
    const status = await at(1).fetch(location);
    expect(status.headers.get("range")).toBe("0-2");
    await expectStatus(await patch(2, location, "bbb"), 202);
    await expectStatus(await finish(1, location, "aaabbb"), 201);
  });
});

async function hold(id: string, holder: string): Promise<void> {
  const { registry } = at(0);
  const times = claimTimes(registry);
  const row = await registry.db.transaction((tx) => claimUpload(tx, { id }, holder, times));
  expect(row?.held_by).toBe(holder);
}

function idOf(location: string): string {
  return location.split("/").at(-1) ?? "";
}

/** A body that arrives when the test says so. */
function slowBody() {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  return {
    body: readable,
    async send(text: string) {
      await writer.write(bytesOf(text));
      await Bun.sleep(20);
    },
    end: () => writer.close(),
    fail: () => writer.abort(new Error("the client went away")),
  };
}
