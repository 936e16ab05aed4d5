import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { digestOf, makeImage } from "../support/images.ts";
import {
  createOciClient,
  expectError,
  expectStatus,
  type OciClient,
} from "../support/oci-client.ts";
import { startTestApp, type TestApp, testsRunOnS3 } from "../support/test-app.ts";

const repository = "team/app";
const small = "0123456789";
const large = Buffer.alloc(5_000_000, "a blob that does not fit into one buffer. ");

let app: TestApp;
let client: OciClient;

beforeAll(async () => {
  app = await startTestApp();
  client = createOciClient(app.fetch);
  await client.pushBlob(repository, small);
  await client.pushBlob(repository, large);
});

afterAll(async () => {
  await app.remove();
  expect(app.logged).toEqual([]);
});

const pathOf = (content: string | Uint8Array, name = repository) =>
  `/v2/${name}/blobs/${digestOf(content)}`;
const pull = (content: string | Uint8Array, headers: Record<string, string> = {}, method = "GET") =>
  client.fetch(pathOf(content), { method, headers });

for (const [name, content] of [
  ["a small blob", small],
  ["a large blob", large],
] as const) {
  describe(name, () => {
    const digest = digestOf(content);

    test("GET and HEAD have the same headers", async () => {
      const got = await pull(content);
      const headed = await pull(content, {}, "HEAD");
      for (const response of [got, headed]) {
        await expectStatus(response, 200);
        // Bun leaves the length out of a stream, which a large blob from S3 is at first.
        const isStream = testsRunOnS3 && content === large && response === got;
        const length = isStream ? null : String(content.length);
        expect(response.headers.get("content-length")).toBe(length);
        expect(response.headers.get("docker-content-digest")).toBe(digest);
        expect(response.headers.get("etag")).toBe(`"${digest}"`);
        expect(response.headers.get("accept-ranges")).toBe("bytes");
        expect(response.headers.get("content-type")).toBe("application/octet-stream");
        expect(response.headers.get("x-content-type-options")).toBe("nosniff");
        expect(response.headers.get("content-security-policy")).toContain("sandbox");
      }
      expect(digestOf(new Uint8Array(await got.arrayBuffer()))).toBe(digest);
      expect((await headed.arrayBuffer()).byteLength).toBe(0);
    });

    test("If-None-Match: 304 for its own tag, for a weak one, in a list, and for *", async () => {
      for (const tag of [`"${digest}"`, `W/"${digest}"`, `"x", "${digest}"`, "*"]) {
        for (const method of ["GET", "HEAD"]) {
          const response = await pull(content, { "if-none-match": tag }, method);
          expect(response.status).toBe(304);
          expect(response.headers.get("etag")).toBe(`"${digest}"`);
          expect(response.headers.get("docker-content-digest")).toBe(digest);
        }
      }
      const other = await pull(content, { "if-none-match": '"x"' });
      expect(other.status).toBe(200);
      await other.arrayBuffer();
    });

    test("ranges", async () => {
      for (const [range, first, last] of [
        ["bytes=0-0", 0, 0],
        ["bytes=2-", 2, content.length - 1],
        ["bytes=-3", content.length - 3, content.length - 1],
        ["bytes=1-4", 1, 4],
      ] as const) {
        const response = await pull(content, { range });
        expect(response.status).toBe(206);
        expect(response.headers.get("content-range")).toBe(
          `bytes ${first}-${last}/${content.length}`,
        );
        expect(response.headers.get("content-length")).toBe(String(last - first + 1));
        const body = Buffer.from(await response.arrayBuffer());
        expect(body.equals(Buffer.from(content).subarray(first, last + 1))).toBe(true);
      }
    });

    test("Range says nothing to HEAD", async () => {
      for (const range of ["bytes=0-0", `bytes=${content.length}-`]) {
        const response = await pull(content, { range }, "HEAD");
        expect(response.status).toBe(200);
        expect(response.headers.get("content-range")).toBeNull();
        expect(response.headers.get("content-length")).toBe(String(content.length));
      }
    });

    test("a range behind the end: 416 with the size", async () => {
      const response = await pull(content, { range: `bytes=${content.length}-` });
      expect(response.headers.get("content-range")).toBe(`bytes */${content.length}`);
      await expectError(response, 416, "SIZE_INVALID");
    });

    test("If-Range: the part for its own tag, the whole for another", async () => {
      const own = await pull(content, { range: "bytes=0-1", "if-range": `"${digest}"` });
      expect(own.status).toBe(206);
      const other = await pull(content, { range: "bytes=0-1", "if-range": '"x"' });
      expect(other.status).toBe(200);
      await Promise.all([own.arrayBuffer(), other.arrayBuffer()]);
    });
  });
}

test("ranges put together are the blob", async () => {
  const cut = fc.integer({ min: 1, max: large.length - 1 });
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(cut, { maxLength: 5 }), async (cuts) => {
      const borders = [0, ...cuts.sort((a, b) => a - b), large.length];
      const parts = await Promise.all(
        borders.slice(1).map(async (end, at) => {
          const response = await pull(large, { range: `bytes=${borders[at]}-${end - 1}` });
          return Buffer.from(await response.arrayBuffer());
        }),
      );
      expect(digestOf(Buffer.concat(parts))).toBe(digestOf(large));
    }),
    { numRuns: 15 },
  );
});

test("a blob is visible in its own repository only", async () => {
  await client.pushBlob("team/other", "something else");
  const missing = await client.fetch(pathOf(small, "team/other"));
  const { detail } = await expectError(missing, 404, "BLOB_UNKNOWN");
  expect(detail).toEqual({ repository: "team/other", digest: digestOf(small) });
  await expectError(await client.fetch(pathOf(small, "team/none")), 404, "NAME_UNKNOWN");
});

describe("mounts", () => {
  const mount = (name: string, digest: string, from?: string) =>
    client.fetch(
      `/v2/${name}/blobs/uploads/?mount=${digest}${from === undefined ? "" : `&from=${from}`}`,
      { method: "POST" },
    );

  test("with from: 201, and the blob is there without an upload", async () => {
    const response = await mount("mounts/one", digestOf(small), repository);
    await expectStatus(response, 201);
    expect(response.headers.get("location")).toBe(pathOf(small, "mounts/one"));
    expect(response.headers.get("docker-content-digest")).toBe(digestOf(small));
    expect(await client.status(pathOf(small, "mounts/one"), "HEAD")).toBe(200);
  });

  test("without from, and with an empty one: from wherever it is", async () => {
    await expectStatus(await mount("mounts/two", digestOf(small)), 201);
    await expectStatus(await mount("mounts/three", digestOf(small), ""), 201);
  });

  test("into the repository that has it already", async () => {
    await expectStatus(await mount(repository, digestOf(small), repository), 201);
  });

  test("a refused mount is an upload, and can be finished as one", async () => {
    const absent = digestOf("not there before");
    for (const from of [undefined, repository, "no/such", "NOPE", "a//b"]) {
      const response = await mount("mounts/four", absent, from);
      await expectStatus(response, 202);
      expect(response.headers.get("location")).toMatch(
        /^\/v2\/mounts\/four\/blobs\/uploads\/[^/]+$/,
      );
      expect(response.headers.get("range")).toBe("0-0");
    }
    const opened = await mount("mounts/four", absent, repository);
    const ended = await client.fetch(`${opened.headers.get("location")}?digest=${absent}`, {
      method: "PUT",
      body: "not there before",
    });
    await expectStatus(ended, 201);
  });

  test("CVE-2024-39897: from names a repository that does not have the blob: no mount", async () => {
    await client.pushBlob("mounts/elsewhere", "kept elsewhere");
    const response = await mount("mounts/five", digestOf("kept elsewhere"), "team/other");
    await expectStatus(response, 202);
    expect(await client.status(pathOf("kept elsewhere", "mounts/five"), "HEAD")).toBe(404);
  });
});

describe("DELETE", () => {
  test("a blob that nothing refers to: 202, 404 for everyone, and a re-push at once", async () => {
    await client.pushBlob("deletes/one", "short-lived");
    await client.pushBlob("deletes/two", "short-lived");
    const path = pathOf("short-lived", "deletes/one");
    for (let round = 0; round < 3; round++) {
      expect(await client.status(path, "DELETE")).toBe(202);
      for (const method of ["GET", "HEAD", "DELETE"]) {
        expect(await client.status(path, method)).toBe(404);
      }
      await client.pushBlob("deletes/one", "short-lived");
      expect(await client.status(path)).toBe(200);
    }
    expect(await client.status(pathOf("short-lived", "deletes/two"))).toBe(200);
  });

  test("CVE-2026-35172: what another repository reads does not bring it back", async () => {
    await client.pushBlob("deletes/three", "read elsewhere");
    await client.pushBlob("deletes/four", "read elsewhere");
    const path = pathOf("read elsewhere", "deletes/three");
    expect(await client.status(path)).toBe(200);
    expect(await client.status(path, "DELETE")).toBe(202);
    expect(await client.status(pathOf("read elsewhere", "deletes/four"))).toBe(200);
    expect(await client.status(path)).toBe(404);
  });

  test("a blob in use: 405 DENIED that names what refers to it, until that is gone", async () => {
    const image = makeImage("in use");
    await client.pushImage("deletes/five", image, "v1");
    for (const content of [image.config, ...image.layers]) {
      const refused = await client.fetch(pathOf(content, "deletes/five"), { method: "DELETE" });
      const { detail } = await expectError(refused, 405, "DENIED");
      expect(detail).toEqual({ digest: digestOf(content), referrers: [image.digest] });
      expect(await client.status(pathOf(content, "deletes/five"))).toBe(200);
    }
    expect(await client.status(`/v2/deletes/five/manifests/${image.digest}`, "DELETE")).toBe(202);
    for (const content of [image.config, ...image.layers]) {
      expect(await client.status(pathOf(content, "deletes/five"), "DELETE")).toBe(202);
    }
  });
});
