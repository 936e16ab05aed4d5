/**
 * Goal: an archive holds the image that was asked for and nothing else. Method: targets in a folder of the
 * test, with images of a few bytes.
 */
import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ociArchiveTarget } from "./archive-target.ts";
import type { ImageTarget } from "./image-store.ts";
import { digestOfBytes } from "./stored-manifest.ts";

const folder = mkdtempSync(join(tmpdir(), "berth-archive-"));
afterAll(() => rmSync(folder, { recursive: true }));

const bytesOf = (text: string) => new Uint8Array(Buffer.from(text));
const digestOf = (text: string) => digestOfBytes(bytesOf(text), "sha256");
const pathOf = (text: string) => `blobs/sha256/${digestOf(text).slice("sha256:".length)}`;

/** As a copy does it, all but the end. */
async function put(target: ImageTarget, name: string, blobs: readonly string[]): Promise<void> {
  for (const text of blobs) {
    const blob = { digest: digestOf(text), sizeBytes: bytesOf(text).byteLength };
    if (await target.hasBlob(blob)) continue;
    const open = async (from: number) => new Blob([bytesOf(text).subarray(from)]).stream();
    await target.putBlob(blob, open, () => {}, new AbortController().signal);
  }
  const manifest = { digest: digestOf(name), mediaType: "x/y", bytes: bytesOf(name) };
  await target.putManifest(manifest, { name, isWhole: true, subject: null });
}

test("what an ended run left of another image does not get into an archive", async () => {
  const path = join(folder, "app.tar");
  const ended = ociArchiveTarget(path);
  await put(ended, "secret", ["password", "base"]);
  ended.close();
  const target = ociArchiveTarget(path);
  await put(target, "public", ["base", "code"]);
  await target.finish();
  target.close();
  const listed = Bun.spawnSync(["tar", "-tf", path]).stdout.toString().trim().split("\n");
  const blobs = ["base", "code", "public"].map(pathOf).sort();
  expect(listed).toEqual(["oci-layout", ...blobs, "index.json"]);
  const index = Bun.spawnSync(["tar", "-xOf", path, "index.json"]).stdout.toString();
  const { manifests } = JSON.parse(index) as { manifests: { digest: string }[] };
  expect(manifests.map(({ digest }) => digest)).toEqual([digestOf("public")]);
  expect(existsSync(`${path}.partial`)).toBe(false);
});

test("an archive that another run made meanwhile stays", async () => {
  const path = join(folder, "taken.tar");
  const target = ociArchiveTarget(path);
  await put(target, "late", ["code"]);
  writeFileSync(path, "first");
  await expect(target.finish()).rejects.toThrow("is there already");
  expect(readFileSync(path, "utf8")).toBe("first");
  target.close();
});

test("who is done does not unlock what another run has taken since", async () => {
  const path = join(folder, "next.tar");
  const first = ociArchiveTarget(path);
  await put(first, "first", ["code"]);
  await first.finish();
  rmSync(path);
  const second = ociArchiveTarget(path);
  first.close();
  expect(() => ociArchiveTarget(path)).toThrow("is in use by another run");
  second.close();
});
