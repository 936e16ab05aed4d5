import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BlobKey } from "../../src/blobs/blob-store.ts";
import { removeLeftovers } from "../../src/registry/expire-uploads.ts";
import { verify } from "../../src/verify/verify.ts";
import { describeS3 } from "../support/describe-s3.ts";
import { digestOf } from "../support/images.ts";
import { createOciClient, type OciClient } from "../support/oci-client.ts";
import { openTestStore, type TestStore } from "../support/s3-store.ts";
import { openTestRegistry, type TestRegistry } from "../support/test-registry.ts";

const repository = "team/app";
const never = new AbortController().signal;

describeS3("verify of blobs in a bucket", (kind, server) => {
  let folder: string;
  let opened: TestStore;
  let own: TestRegistry;
  let client: OciClient;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "berth-s3-verify-"));
    opened = openTestStore({ endpoint: server().endpoint, prefix: "verify/", folder });
    own = await openTestRegistry({ blobs: opened.store });
    client = createOciClient(own.fetch);
  });

  afterAll(async () => {
    await own.remove();
    await opened.store.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const run = (repair: boolean) => verify({ ...own.registry }, { repair });
  const kinds = async (repair: boolean) =>
    (await run(repair)).findings.map((finding) => finding.kind).sort();

  async function keyOf(digest: string): Promise<BlobKey> {
    const [row] = await own.registry.db.reads
      .selectFrom("blobs")
      .select("key")
      .where("digest", "=", digest as never)
      .execute();
    return row?.key as BlobKey;
  }

  function put(key: string, text: string): Promise<void> {
    const bytes = new TextEncoder().encode(text);
    return opened.calls.put(key, { sizeBytes: bytes.byteLength, open: () => bytes }, null);
  }

  test("nothing is found where all is well, beside an upload that goes on", async () => {
    await client.pushBlob(repository, "a blob");
    const location = await client.openUpload(repository);
    await own.fetch(location, { method: "PATCH", body: new Uint8Array(6 * 1024 * 1024) });
    await own.fetch(location, { method: "PATCH", body: "a tail" });
    const report = await run(false);
    expect(report.findings).toEqual([]);
    expect(report.checked).toMatchObject({ blobs: 1, uploads: 1 });
    expect((await own.fetch(location, { method: "DELETE" })).status).toBe(204);
  });

  test("a changed object, a lost one and a strange one are told apart, and a push heals", async () => {
    const [rotten, lost] = await Promise.all(
      ["content one", "content two"].map((text) => client.pushBlob(repository, text)),
    );
    const rottenKey = await keyOf(rotten ?? "");
    await put(rottenKey, "c0ntent one");
    await opened.store.remove([await keyOf(lost ?? "")]);
    await put("blobs/00/nobody.000000000000", "a stray");
    expect(await kinds(false)).toEqual(["missing-file", "rotten-byte", "stray-file"]);
    expect(await kinds(true)).toEqual(["missing-file", "rotten-byte", "stray-file"]);
    expect(await kinds(false)).toEqual([]);
    const set: string[] = [];
    for await (const { key } of opened.calls.list("quarantine/")) set.push(key);
    expect(set).toHaveLength(2);
    expect(await client.status(`/v2/${repository}/blobs/${rotten}`, "HEAD")).toBe(404);
    for (const text of ["content one", "content two"]) {
      await client.pushBlob(repository, text);
      const stored = await own.fetch(`/v2/${repository}/blobs/${digestOf(text)}`);
      expect(await stored.text()).toBe(text);
    }
    expect(await kinds(false)).toEqual([]);
  });

  test.skipIf(kind === "weak")("an unfinished upload that nobody knows is ended", async () => {
    const key = "blobs/00/unknown.000000000000";
    await opened.calls.createMultipart(key);
    expect(await kinds(false)).toEqual(["stray-file"]);
    expect(await removeLeftovers(own.registry, never)).toBe(1);
    expect(await kinds(false)).toEqual([]);
  });
});
