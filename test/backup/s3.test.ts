/**
 * Goal: backups in an S3, and of a registry whose blobs are in one. Method: commands as processes, on a weak
 * and on a strict S3.
 */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Child, spawnCommand, temporaryFolder } from "../faults/support/child.ts";
import { describeS3 } from "../support/describe-s3.ts";
import { digestOf } from "../support/images.ts";
import { testBucket, testCredentials } from "../support/s3-servers.ts";
import { openTestStore } from "../support/s3-store.ts";
import { bringKey, fill, pullAll, repository, serve } from "./world.ts";

const size = { images: 10, layers: 2, layerBytes: 20_000_000 };
let runs = 0;

describeS3("backups and an S3", (_, server) => {
  let folder: ReturnType<typeof temporaryFolder>;
  let child: Child | null = null;
  let prefix: string;
  beforeEach(() => {
    folder = temporaryFolder();
    runs += 1;
    prefix = `backup-${runs}`;
  });
  afterEach(async () => {
    await child?.kill();
    child = null;
    folder.remove();
  });

  const surroundings = () => ({ ...testCredentials, BERTH_S3_ENDPOINT: server().endpoint });
  const run = (data: string, env: Record<string, string>, ...args: string[]) =>
    spawnCommand({ data, env: { ...surroundings(), ...env } }, ...args).ended;
  const objects = () =>
    openTestStore({ endpoint: server().endpoint, prefix: `${prefix}/`, folder: folder.path }).calls;

  test("files go to a bucket and back; a flipped byte is named; nothing is copied twice", async () => {
    const data = join(folder.path, "data");
    const target = `s3://${testBucket}/${prefix}`;
    // The server itself knows nothing of the S3: the command tells it.
    const started = await serve(data);
    child = started.child;
    const stored = await fill(started.client, size);
    const first = await run(data, {}, "backup", "create", target);
    expect(first).toMatchObject({ code: 0 });
    const second = await run(data, {}, "backup", "create", target);
    expect(second.output).toContain("of which 0 (0 bytes) were copied");
    expect(existsSync(join(data, "backup", "unfinished.db"))).toBe(false);
    expect(await run(data, {}, "backup", "verify", target)).toMatchObject({ code: 0 });
    const listed = await run(data, {}, "backup", "list", target);
    expect(listed.output.match(/whole/g)).toHaveLength(2);
    await child.kill();

    const other = join(folder.path, "other");
    bringKey(data, other);
    expect(await run(other, {}, "backup", "restore", target)).toMatchObject({ code: 0 });
    const restored = await serve(other);
    child = restored.child;
    expect(await pullAll(restored.client, stored)).toEqual([]);

    const { digest = "" } = stored.find(({ path }) => path.startsWith("blobs/")) ?? {};
    const key = `blobs/sha256/${digest.slice(7, 9)}/${digest.slice(7)}`;
    const bytes = (await objects().getWhole(key)) ?? new Uint8Array(1);
    bytes[0] = (bytes[0] ?? 0) ^ 1;
    await objects().put(key, { sizeBytes: bytes.byteLength, open: () => bytes }, null);
    const damaged = await run(data, {}, "backup", "verify", target);
    expect(damaged.code).toBe(3);
    expect(damaged.output).toContain(`the blob ${digest} hashes to ${digestOf(bytes)?.slice(7)}`);
  }, 120_000);

  test("blobs in a bucket are backed up to a folder; a bucket that is left is used as it is", async () => {
    const data = join(folder.path, "data");
    const target = join(folder.path, "kept");
    const blobs = { BERTH_BLOBS: `s3://${testBucket}/${prefix}` };
    const started = await serve(data, { ...surroundings(), ...blobs });
    child = started.child;
    const stored = await fill(started.client, size);
    const beside = await run(data, {}, "backup", "create", `${blobs.BERTH_BLOBS}/kept`);
    expect(beside.output).toContain("is where the registry's own blobs are");
    expect(await run(data, blobs, "backup", "create", target)).toMatchObject({ code: 0 });
    await child.kill();
    const other = join(folder.path, "other");
    const files = join(folder.path, "files");
    for (const host of [other, files]) bringKey(data, host);
    rmSync(data, { recursive: true });

    const { digest = "" } = stored.find(({ path }) => path.startsWith("blobs/")) ?? {};
    const before: string[] = [];
    for await (const { key } of objects().list("blobs/")) before.push(key);
    await objects().remove([before[0] ?? ""]);
    expect(await run(other, blobs, "backup", "restore", target)).toMatchObject({ code: 0 });
    const after: string[] = [];
    for await (const { key } of objects().list("blobs/")) after.push(key);
    expect(after.filter((key) => !before.includes(key))).toHaveLength(1);
    const again = await serve(other, { ...surroundings(), ...blobs });
    child = again.child;
    expect(await pullAll(again.client, stored)).toEqual([]);
    expect(await again.client.status(`/v2/${repository}/blobs/${digest}`, "HEAD")).toBe(200);
    expect(await run(other, blobs, "verify")).toMatchObject({ code: 0 });
    await child.kill();

    expect(await run(files, {}, "backup", "restore", target)).toMatchObject({ code: 0 });
    const onFiles = await serve(files);
    child = onFiles.child;
    expect(await pullAll(onFiles.client, stored)).toEqual([]);
  }, 120_000);
});
