import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { appendFileSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { bytesOf, digestOf } from "../support/images.ts";
import {
  createOciClient,
  expectError,
  expectStatus,
  type OciClient,
} from "../support/oci-client.ts";
import { startTestApp, type TestApp, testsRunOnS3 } from "../support/test-app.ts";

const repository = "team/app";
const uploads = `/v2/${repository}/blobs/uploads/`;

type Body = string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>;

let app: TestApp;
let client: OciClient;

beforeAll(async () => {
  app = await startTestApp();
  client = createOciClient(app.fetch);
});

afterAll(async () => {
  await app.remove();
  expect(app.logged).toEqual([]);
});

const patch = (location: string, body: Body, range?: string) =>
  client.fetch(location, {
    method: "PATCH",
    body,
    headers: range === undefined ? {} : { "content-range": range },
  });

const put = (location: string, digest: string, body?: Body, range?: string) =>
  client.fetch(`${location}?digest=${digest}`, {
    method: "PUT",
    ...(body === undefined ? {} : { body }),
    headers: range === undefined ? {} : { "content-range": range },
  });

async function expectBlob(digest: string, content: string | Uint8Array): Promise<void> {
  const response = await client.fetch(`/v2/${repository}/blobs/${digest}`);
  await expectStatus(response, 200);
  expect(response.headers.get("docker-content-digest")).toBe(digest);
  expect(new Uint8Array(await response.arrayBuffer())).toEqual(bytesOf(content));
}

async function expectCreated(response: Response, digest: string): Promise<void> {
  await expectStatus(response, 201);
  expect(response.headers.get("location")).toBe(`/v2/${repository}/blobs/${digest}`);
  expect(response.headers.get("docker-content-digest")).toBe(digest);
}

/** A body of which the client does not know the length. */
function stream(...chunks: readonly (string | Uint8Array)[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    async start(controller) {
      for (const chunk of chunks) {
        controller.enqueue(bytesOf(chunk));
        await Bun.sleep(1);
      }
      controller.close();
    },
  });
}

describe("the forms of an upload", () => {
  test("POST opens a session under a relative location", async () => {
    const response = await client.fetch(uploads, { method: "POST" });
    await expectStatus(response, 202);
    const location = response.headers.get("location") ?? "";
    expect(location).toMatch(/^\/v2\/team\/app\/blobs\/uploads\/[0-9a-f-]{36}$/);
    expect(response.headers.get("docker-upload-uuid")).toBe(location.slice(uploads.length));
    expect(response.headers.get("range")).toBe("0-0");
    expect(Number(response.headers.get("oci-chunk-min-length"))).toBeGreaterThan(0);
    expect(response.headers.get("docker-distribution-api-version")).toBe("registry/2.0");
  });

  test("some clients leave out the slash at the end", async () => {
    expect(await client.status(uploads.slice(0, -1), "POST")).toBe(202);
  });

  test("POST then PUT with the bytes", async () => {
    const digest = digestOf("post then put");
    await expectCreated(
      await put(await client.openUpload(repository), digest, "post then put"),
      digest,
    );
    await expectBlob(digest, "post then put");
  });

  test("POST, PATCH without a range, PUT", async () => {
    const location = await client.openUpload(repository);
    const patched = await patch(location, "streamed at once");
    await expectStatus(patched, 202);
    expect(patched.headers.get("location")).toBe(location);
    expect(patched.headers.get("range")).toBe("0-15");
    const digest = digestOf("streamed at once");
    await expectCreated(await put(location, digest), digest);
    await expectBlob(digest, "streamed at once");
  });

  test("a single POST with the digest", async () => {
    const digest = digestOf("single");
    const response = await client.fetch(`${uploads}?digest=${digest}`, {
      method: "POST",
      body: "single",
    });
    await expectCreated(response, digest);
    await expectBlob(digest, "single");
  });

  test("bodies without a length, in POST, PATCH and PUT", async () => {
    const parts = ["a stream ", "of unknown ", "length"];
    const digest = digestOf(parts.join(""));
    const posted = await client.fetch(`${uploads}?digest=${digest}`, {
      method: "POST",
      body: stream(...parts),
    });
    await expectCreated(posted, digest);
    const patched = await client.openUpload(repository);
    expect((await patch(patched, stream(...parts))).headers.get("range")).toBe("0-25");
    await expectCreated(await put(patched, digest), digest);
    const sent = await client.openUpload(repository);
    await expectCreated(await put(sent, digest, stream(...parts)), digest);
  });

  test("chunks with Content-Range, the last of them in the PUT", async () => {
    const location = await client.openUpload(repository);
    const ranges: (string | null)[] = [];
    for (const [body, range] of [
      ["01234", "0-4"],
      ["567", "5-7"],
    ] as const) {
      ranges.push((await patch(location, body, range)).headers.get("range"));
    }
    expect(ranges).toEqual(["0-4", "0-7"]);
    const digest = digestOf("0123456789");
    await expectCreated(await put(location, digest, "89", "8-9"), digest);
    await expectBlob(digest, "0123456789");
  });

  test("Content-Range in the form of RFC 9110", async () => {
    const location = await client.openUpload(repository);
    await expectStatus(await patch(location, "01234", "bytes 0-4/*"), 202);
    await expectStatus(await patch(location, "56789", "bytes 5-9/10"), 202);
    const digest = digestOf("0123456789");
    await expectCreated(await put(location, digest), digest);
  });

  test("the blob of no bytes, in every form", async () => {
    const digest = digestOf("");
    const posted = await client.fetch(`${uploads}?digest=${digest}`, { method: "POST" });
    await expectCreated(posted, digest);
    await expectCreated(await put(await client.openUpload(repository), digest), digest);
    const location = await client.openUpload(repository);
    await expectStatus(await patch(location, ""), 202);
    await expectCreated(await put(location, digest), digest);
    await expectBlob(digest, "");
  });

  test("the blob of no bytes may be the first ever, by sha512", async () => {
    const digest = digestOf("", "sha512");
    await expectCreated(await put(await client.openUpload(repository), digest), digest);
    await expectBlob(digest, "");
  });

  test("sha512: announced by digest-algorithm, by the digest, or at the end only", async () => {
    const digest = digestOf("five hundred and twelve", "sha512");
    const announced = await client.openUpload(repository, "?digest-algorithm=sha512");
    await expectStatus(await patch(announced, "five hundred "), 202);
    await expectCreated(await put(announced, digest, "and twelve"), digest);
    const late = await client.openUpload(repository);
    await expectStatus(await patch(late, "five hundred "), 202);
    await expectCreated(await put(late, digest, "and twelve"), digest);
    await client.pushBlob(repository, "five hundred and twelve", "sha512");
    await expectBlob(digest, "five hundred and twelve");
  });

  test("an upload announced as sha512 may end as sha256", async () => {
    const location = await client.openUpload(repository, "?digest-algorithm=sha512");
    const digest = digestOf("changed its mind");
    await expectCreated(await put(location, digest, "changed its mind"), digest);
  });

  test.skipIf(testsRunOnS3)(
    "the same blob twice, and by several clients at once, is one file",
    async () => {
      const digest = digestOf("pushed by many");
      await Promise.all(
        Array.from({ length: 8 }, () => client.pushBlob(repository, "pushed by many")),
      );
      expect(await app.rows("select key from blobs where digest = ?", digest)).toHaveLength(1);
      const files = new Bun.Glob(`blobs/sha256/*/${digest.slice(7)}.*`);
      expect([...files.scanSync(app.folder)]).toHaveLength(1);
      await expectBlob(digest, "pushed by many");
    },
  );
});

describe("sessions", () => {
  test("the status tells what was received; HEAD tells it too", async () => {
    const location = await client.openUpload(repository);
    for (const [body, range] of [
      ["", "0-0"],
      ["a", "0-0"],
      ["bcd", "0-3"],
    ] as const) {
      if (body !== "") await patch(location, body);
      for (const method of ["GET", "HEAD"]) {
        const status = await client.fetch(location, { method });
        expect(status.status).toBe(204);
        expect(status.headers.get("range")).toBe(range);
        expect(status.headers.get("location")).toBe(location);
      }
    }
  });

  test("a chunk out of order: 416 with the true range, nothing appended, and it can go on", async () => {
    const location = await client.openUpload(repository);
    await patch(location, "01234", "0-4");
    for (const [body, range] of [
      ["01234", "0-4"],
      ["6789", "6-9"],
      ["4567", "4-7"],
    ] as const) {
      for (const method of ["PATCH", "PUT"]) {
        const target = method === "PUT" ? `${location}?digest=${digestOf("0123456789")}` : location;
        const response = await client.fetch(target, {
          method,
          body,
          headers: { "content-range": range },
        });
        expect(response.headers.get("range")).toBe("0-4");
        expect(response.headers.get("location")).toBe(location);
        await expectError(response, 416, "BLOB_UPLOAD_INVALID");
      }
    }
    const digest = digestOf("0123456789");
    await expectCreated(await put(location, digest, "56789", "5-9"), digest);
  });

  test("a chunk of another length than it says: 400, and nothing of it is in the blob or its digest", async () => {
    const refusedAfter = async (told: string) => {
      const location = await client.openUpload(repository);
      await patch(location, told);
      const range = `${told.length}-${told.length + 4}`;
      await expectError(await patch(location, stream("567"), range), 400, "SIZE_INVALID");
      return location;
    };
    const digest = digestOf("0123456789");
    await expectCreated(await put(await refusedAfter("01234"), digest, "56789"), digest);
    await expectBlob(digest, "0123456789");
    const withRefused = digestOf("abcde567");
    const ended = await put(await refusedAfter("abcde"), withRefused);
    await expectError(ended, 400, "DIGEST_INVALID");
    expect(await client.status(`/v2/${repository}/blobs/${withRefused}`, "HEAD")).toBe(404);
  });

  test("the first chunk must begin at 0", async () => {
    const location = await client.openUpload(repository);
    const response = await patch(location, "x", "1-1");
    expect(response.headers.get("range")).toBe("0-0");
    await expectError(response, 416, "BLOB_UPLOAD_INVALID");
  });

  test("cancel: 204, then the session and its bytes are gone", async () => {
    const location = await client.openUpload(repository);
    await patch(location, "to be dropped");
    expect(await client.status(location, "DELETE")).toBe(204);
    await expectError(await client.fetch(location), 404, "BLOB_UPLOAD_UNKNOWN");
    const id = location.slice(uploads.length);
    expect(await app.rows("select id from uploads where id = ?", id)).toEqual([]);
    expect(await Bun.file(`${app.folder}/uploads/${id}`).exists()).toBe(false);
  });

  test("bytes are nobody's blob before the PUT", async () => {
    const location = await client.openUpload(repository);
    await patch(location, "not yet");
    const digest = digestOf("not yet");
    expect(await client.status(`/v2/${repository}/blobs/${digest}`, "HEAD")).toBe(404);
    await expectCreated(await put(location, digest), digest);
  });

  test("an upload leaves no repository behind until it ends", async () => {
    await client.openUpload("team/empty");
    expect(await client.status("/v2/team/empty/tags/list")).toBe(404);
  });

  test("one address may have a thousand sessions: the next is 429 with Retry-After", async () => {
    const other = await startTestApp({ env: { BERTH_TRUSTED_PROXIES: "127.0.0.1" } });
    const open = (address: string) =>
      other.fetch(uploads, { method: "POST", headers: { "x-forwarded-for": address } });
    try {
      for (let batch = 0; batch < 20; batch++) {
        await Promise.all(Array.from({ length: 50 }, () => open("192.0.2.1")));
      }
      const refused = await open("192.0.2.1");
      expect(refused.headers.get("retry-after")).toBe("60");
      const { detail } = await expectError(refused, 429, "TOOMANYREQUESTS");
      expect(detail).toEqual({ client: "192.0.2.1", max: 1_000 });
      expect((await open("192.0.2.2")).status).toBe(202);
    } finally {
      await other.remove();
    }
  });
});

describe("restarts", () => {
  test("a session goes on where it was, whatever its form, and its owner stays", async () => {
    const first = await startTestApp();
    const before = createOciClient(first.fetch);
    const location = await before.openUpload(repository);
    const large = Buffer.alloc(300_000, "restart");
    await before.fetch(location, { method: "PATCH", body: large });
    const untouched = await before.openUpload(repository, "?digest-algorithm=sha512");
    await first.stop();

    const second = await startTestApp({ folder: first.folder });
    const after = createOciClient(second.fetch);
    try {
      const status = await after.fetch(location);
      expect([status.status, status.headers.get("range")]).toEqual([204, "0-299999"]);
      const gap = await after.fetch(location, {
        method: "PATCH",
        body: "x",
        headers: { "content-range": "0-0" },
      });
      expect(gap.status).toBe(416);
      await after.fetch(location, {
        method: "PATCH",
        body: "and more",
        headers: { "content-range": "300000-300007" },
      });
      const digest = digestOf(Buffer.concat([large, Buffer.from("and more, at the end")]));
      const ended = await after.fetch(`${location}?digest=${digest}`, {
        method: "PUT",
        body: ", at the end",
      });
      await expectStatus(ended, 201);
      const sha512 = digestOf("later", "sha512");
      const other = await after.fetch(`${untouched}?digest=${sha512}`, {
        method: "PUT",
        body: "later",
      });
      await expectStatus(other, 201);
      const elsewhere = location.replace(repository, "team/other");
      expect(await after.status(elsewhere)).toBe(404);
    } finally {
      await second.remove();
    }
  });
});

describe("any split of an upload into chunks gives the same blob", () => {
  test("with and without ranges, lengths, and a body in the PUT", async () => {
    const chunk = fc.record({
      bytes: fc.uint8Array({ minLength: 1, maxLength: 3_000 }),
      repeat: fc.constantFrom(1, 1, 1, 40),
      ranged: fc.boolean(),
      streamed: fc.boolean(),
    });
    const splits = fc.record({
      chunks: fc.array(chunk, { maxLength: 6 }),
      lastInPut: fc.boolean(),
      algorithm: fc.constantFrom("sha256", "sha512"),
      announced: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(splits, async ({ chunks, lastInPut, algorithm, announced }) => {
        const bodies = chunks.map(({ bytes, repeat }) =>
          bytesOf(Buffer.concat(Array.from({ length: repeat }, () => bytes))),
        );
        const content = bytesOf(Buffer.concat(bodies));
        const query = announced ? `?digest-algorithm=${algorithm}` : "";
        const location = await client.openUpload(repository, query);
        const digest = digestOf(content, algorithm);
        let offset = 0;
        for (const [at, body] of bodies.entries()) {
          const { ranged = false, streamed = false } = chunks[at] ?? {};
          const range = ranged ? `${offset}-${offset + body.length - 1}` : undefined;
          const sent = streamed ? stream(body) : body;
          offset += body.length;
          if (lastInPut && at === bodies.length - 1) {
            await expectCreated(await put(location, digest, sent, range), digest);
            await expectBlob(digest, content);
            return;
          }
          const response = await patch(location, sent, range);
          await expectStatus(response, 202);
          expect(response.headers.get("range")).toBe(`0-${offset - 1}`);
        }
        await expectCreated(await put(location, digest), digest);
        await expectBlob(digest, content);
      }),
      { numRuns: 60 },
    );
  });
});

test.skipIf(testsRunOnS3)(
  "after a restart, bytes of a chunk that was not answered are not part of the blob",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "berth-cut-"));
    const first = await startTestApp({ folder });
    const told = Buffer.alloc(200_000, "told");
    const location = await createOciClient(first.fetch).openUpload(repository);
    await expectStatus(await first.fetch(location, { method: "PATCH", body: told }), 202);
    await first.stop();
    const id = location.split("/").at(-1) ?? "";
    appendFileSync(join(folder, "uploads", id), Buffer.alloc(50_000, "never answered"));

    const second = await startTestApp({ folder });
    const status = await second.fetch(location);
    expect(status.headers.get("range")).toBe("0-199999");
    const digest = digestOf(told);
    await expectStatus(await second.fetch(`${location}?digest=${digest}`, { method: "PUT" }), 201);
    const pulled = await second.fetch(`/v2/${repository}/blobs/${digest}`);
    expect(Buffer.from(await pulled.arrayBuffer()).equals(told)).toBe(true);
    await second.remove();
  },
);
