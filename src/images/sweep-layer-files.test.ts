import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dayMs, type GcWorld, openGcWorld } from "../../test/support/gc-world.ts";
import { layerFilesFolder } from "./layer-files.ts";
import { sweepLayerFiles } from "./sweep-layer-files.ts";

let world: GcWorld;
let data = "";
beforeEach(async () => {
  world = await openGcWorld();
  data = mkdtempSync(join(tmpdir(), "berth-layer-files-"));
});
afterEach(async () => {
  await world.remove();
  rmSync(data, { recursive: true });
});

const sweep = (signal = new AbortController().signal) =>
  sweepLayerFiles({ db: world.db, config: { data } }, signal);
const left = () => readdirSync(layerFilesFolder({ data })).sort();

/** Files that speak of the layer, whole and unfinished ones. */
function write(digest: string): string[] {
  mkdirSync(layerFilesFolder({ data }), { recursive: true });
  const names = ["1", "1.0123abcd", "2"].map((end) => `${digest.replace(":", "-")}.${end}`);
  for (const name of names) writeFileSync(join(layerFilesFolder({ data }), name), "");
  return names;
}

test("what is kept of a layer's files goes once its blob was collected, not before", async () => {
  const { client } = world;
  const going = write(await client.pushBlob("team/app", "going"));
  write("sha256-unfit");
  expect(await sweep()).toBe(0);
  await world.pass(3 * dayMs);
  expect(await world.stored()).toBe(0);
  const kept = write(await client.pushBlob("team/app", "kept"));
  const aborted = new AbortController();
  aborted.abort();
  expect(await sweep(aborted.signal)).toBe(0);
  expect(left()).toEqual(expect.arrayContaining(going));
  expect(await sweep()).toBe(going.length);
  expect(left()).toEqual([...kept, ...write("sha256-unfit")].sort());
});

test("a folder that is not there yet is none", async () => {
  expect(await sweep()).toBe(0);
});
