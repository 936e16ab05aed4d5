import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describeS3 } from "../support/describe-s3.ts";
import { bytesOf, digestOf } from "../support/images.ts";
import {
  createOciClient,
  expectError,
  expectStatus,
  type OciClient,
} from "../support/oci-client.ts";
import { s3Settings } from "../support/s3-servers.ts";
import { startTestApp, type TestApp, type TestAppOptions } from "../support/test-app.ts";

const repository = "team/app";
const blobs = `/v2/${repository}/blobs`;
/** Larger than what is answered from memory. */
const large = new Uint8Array(300_000).map((_, i) => i * 7);
const digest = digestOf(large);

describeS3("a registry on S3", (_, server) => {
  let app: TestApp;
  let client: OciClient;
  const others: TestApp[] = [];

  async function start(env: Record<string, string>, options: TestAppOptions = {}) {
    const settings = { ...s3Settings(server(), "app"), ...env };
    const started = await startTestApp({ ...options, env: settings });
    others.push(started);
    return started;
  }

  beforeAll(async () => {
    app = await start({});
    client = createOciClient(app.fetch);
    await client.pushBlob(repository, large);
  });

  afterAll(async () => {
    for (const other of others.reverse()) await other.remove();
  });

  const get = (of: TestApp, headers: Record<string, string> = {}) =>
    of.fetch(`${blobs}/${digest}`, { headers, redirect: "manual" });

  test("a GET is sent to S3, where the bytes are; a HEAD is answered here", async () => {
    const sent = await get(app);
    expect(sent.status).toBe(307);
    expect(sent.headers.get("docker-content-digest")).toBe(digest);
    const location = sent.headers.get("location") ?? "";
    expect(location).toStartWith(server().endpoint);
    const bytes = await (await fetch(location)).bytes();
    expect(digestOf(bytes)).toBe(digest);
    const followed = await app.fetch(`${blobs}/${digest}`, { headers: { range: "bytes=1-3" } });
    expect([followed.status, await followed.bytes()]).toEqual([206, large.slice(1, 4)]);
    const head = await app.fetch(`${blobs}/${digest}`, { method: "HEAD", redirect: "manual" });
    expect([head.status, head.headers.get("content-length")]).toEqual([200, `${large.length}`]);
  });

  test("what the client has already, and what is small, is answered here", async () => {
    expect((await get(app, { "if-none-match": `"${digest}"` })).status).toBe(304);
    expect((await get(app, { range: "bytes=900000-" })).status).toBe(416);
    const small = await client.pushBlob(repository, "small");
    const response = await app.fetch(`${blobs}/${small}`, { redirect: "manual" });
    expect([response.status, await response.text()]).toEqual([200, "small"]);
  });

  describe("read through the server", () => {
    let near: TestApp;

    beforeAll(async () => {
      // On the same database the folder would be locked: this one stores the blob anew.
      near = await start({ BERTH_S3_REDIRECT: "false" });
      await createOciClient(near.fetch).pushBlob(repository, large);
    });

    test("a blob comes whole and in part, with its ETag, and is then on disk here", async () => {
      const response = await get(near);
      expect(response.status).toBe(200);
      expect(response.headers.get("etag")).toBe(`"${digest}"`);
      expect(digestOf(await response.bytes())).toBe(digest);
      for (let i = 0; i < 100 && cached(near).length === 0; i++) await Bun.sleep(20);
      expect(cached(near)).toHaveLength(1);
      const again = await get(near);
      expect(again.headers.get("content-length")).toBe(`${large.length}`);
      expect(digestOf(await again.bytes())).toBe(digest);
      const part = await get(near, { range: "bytes=10-19" });
      expect(part.headers.get("content-range")).toBe(`bytes 10-19/${large.length}`);
      expect([part.status, await part.bytes()]).toEqual([206, large.slice(10, 20)]);
      const metrics = await (await near.fetch("/metrics")).text();
      expect(metrics).toMatch(/^berth_blob_cache_hits_total [1-9]/m);
      expect(metrics).toMatch(/^berth_blob_cache_misses_total 1$/m);
    });
  });

  test("without a cache too, and nothing stays here", async () => {
    const none = await start({ BERTH_S3_REDIRECT: "false", BERTH_S3_CACHE: "0" });
    await createOciClient(none.fetch).pushBlob(repository, large);
    const whole = await get(none);
    expect(whole.headers.get("content-length")).toBe(`${large.length}`);
    expect(digestOf(await whole.bytes())).toBe(digest);
    const part = await get(none, { range: "bytes=299990-" });
    expect([part.status, await part.bytes()]).toEqual([206, large.slice(299_990)]);
    expect(readdirSync(none.folder)).not.toContain("cache");
  });

  test("an address or a User-Agent may be excepted, and a CDN stand in the bucket's place", async () => {
    const byAgent = await start({
      BERTH_S3_REDIRECT_EXCEPT: "old-client",
      BERTH_S3_CDN: "https://cdn.example.com/images",
    });
    await createOciClient(byAgent.fetch).pushBlob(repository, large);
    expect((await get(byAgent, { "user-agent": "old-client/1" })).status).toBe(200);
    const sent = await get(byAgent, { "user-agent": "docker/28" });
    expect(sent.status).toBe(307);
    expect(sent.headers.get("location")).toStartWith("https://cdn.example.com/images/app/blobs/");
    const byAddress = await start({ BERTH_S3_REDIRECT_EXCEPT: "127.0.0.0/8" });
    await createOciClient(byAddress.fetch).pushBlob(repository, large);
    expect((await get(byAddress)).status).toBe(200);
  });

  test("an upload goes on after a restart, and its end need not read it again", async () => {
    const first = await start({ BERTH_BLOBS: "s3://berth/restart" });
    const content = new Uint8Array(12_000_000).map((_, i) => i >> 3);
    const location = await createOciClient(first.fetch).openUpload(repository);
    for (const [from, to] of [
      [0, 7_000_000],
      [7_000_000, 12_000_000],
    ] as const) {
      const body = content.slice(from, to);
      await expectStatus(await first.fetch(location, { method: "PATCH", body }), 202);
    }
    await first.stop();
    const second = await start({ BERTH_BLOBS: "s3://berth/restart" }, { folder: first.folder });
    const status = await second.fetch(location);
    expect(status.headers.get("range")).toBe(`0-${content.length - 1}`);
    const wanted = digestOf(content);
    await expectStatus(await second.fetch(`${location}?digest=${wanted}`, { method: "PUT" }), 201);
    const stored = await second.fetch(`${blobs}/${wanted}`);
    expect(digestOf(await stored.bytes())).toBe(wanted);
    expect(await second.rows("select * from uploads")).toEqual([]);
  });

  test("an upload that changes process between chunks is read once at its end", async () => {
    const first = await start({ BERTH_BLOBS: "s3://berth/between" });
    const location = await createOciClient(first.fetch).openUpload(repository);
    const [one, two] = [new Uint8Array(6_000_000).fill(1), new Uint8Array(6_000_000).fill(2)];
    await expectStatus(await first.fetch(location, { method: "PATCH", body: one }), 202);
    await first.stop();
    const second = await start({ BERTH_BLOBS: "s3://berth/between" }, { folder: first.folder });
    await expectStatus(await second.fetch(location, { method: "PATCH", body: two }), 202);
    const wrong = digestOf("something else");
    const content = new Uint8Array([...one, ...two]);
    expect(wrong).not.toBe(digestOf(content));
    const url = `${location}?digest=${digestOf(content)}`;
    await expectStatus(await second.fetch(url, { method: "PUT" }), 201);
  });

  test("a wrong digest leaves nothing in the bucket", async () => {
    const own = await start({ BERTH_BLOBS: "s3://berth/wrong" });
    const ociClient = createOciClient(own.fetch);
    for (const size of [10, 12_000_000]) {
      const location = await ociClient.openUpload(repository);
      const body = new Uint8Array(size);
      await own.fetch(location, { method: "PATCH", body });
      const url = `${location}?digest=${digestOf("other")}`;
      await expectError(await own.fetch(url, { method: "PUT" }), 400, "DIGEST_INVALID");
      const atOnce = await own.fetch(`${blobs}/uploads/?digest=${digestOf("other")}`, {
        method: "POST",
        body: bytesOf("content"),
      });
      await expectError(atOnce, 400, "DIGEST_INVALID");
    }
    expect(await own.rows("select * from uploads")).toEqual([]);
    const report = await own.fetch("/metrics");
    expect(report.status).toBe(200);
  });

  test("a bucket that is not there is told of at the start", async () => {
    const starting = start({ BERTH_BLOBS: "s3://no-such-bucket/x" });
    await expect(starting).rejects.toThrow("s3://no-such-bucket/x/ cannot be read");
  });
});

function cached(app: TestApp): string[] {
  return readdirSync(join(app.folder, "cache")).filter((name) => !name.endsWith(".part"));
}
