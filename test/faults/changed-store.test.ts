/**
 * Goal: what happens to a data folder from outside is named, and makes nothing else worse. Method: bits of
 * stored files are flipped, a second process comes, and the database is put back to what it was a day before.
 */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { digestOf, type Image, makeImage } from "../support/images.ts";
import { createOciClient, type OciClient } from "../support/oci-client.ts";
import { queryStore } from "../support/test-database.ts";
import {
  type Child,
  runCommand,
  spawnChild,
  startChild,
  temporaryFolder,
} from "./support/child.ts";
import { createRandom } from "./support/random.ts";
import { numberFrom } from "./support/requirements.ts";

const seed = numberFrom("BERTH_TEST_SEED", Math.floor(performance.timeOrigin % 2 ** 31));
const flips = numberFrom("BERTH_TEST_FLIPS", 12);
const repository = "changed/store";
const erasedMsMax = 30_000;

let folder: ReturnType<typeof temporaryFolder>;
let data: string;
let child: Child | null = null;

beforeEach(() => {
  folder = temporaryFolder();
  data = join(folder.path, "data");
});
afterEach(async () => {
  await child?.kill();
  child = null;
  folder.remove();
});

async function start(): Promise<OciClient> {
  const started = await startChild({ data });
  child = started;
  return createOciClient((path, init) => fetch(started.url + path, init));
}

async function stop(): Promise<void> {
  expect(await child?.stop()).toBe(0);
}

const blobsOf = ({ config, layers }: Image) => [config, ...layers].map((blob) => digestOf(blob));

async function expectWhole(client: OciClient, image: Image): Promise<void> {
  const pulled = await client.fetch(`/v2/${repository}/manifests/${image.digest}`);
  expect(await pulled.text()).toBe(image.manifest);
  for (const digest of blobsOf(image)) {
    const blob = await client.fetch(`/v2/${repository}/blobs/${digest}`);
    expect(digestOf(new Uint8Array(await blob.arrayBuffer()))).toBe(digest);
  }
}

/** Files of blobs by their digest. */
function filesOfBlobs(): Map<string, string> {
  const below = join(data, "blobs/sha256");
  const names = readdirSync(below, { recursive: true, encoding: "utf8" });
  return new Map(
    names
      .filter((name) => name.includes("."))
      .map((name) => [`sha256:${name.split("/")[1]?.split(".")[0]}`, join(below, name)]),
  );
}

/** Digests that a run of `berth verify` named, by what it says is wrong with them. */
async function verified(
  ...args: string[]
): Promise<{ code: number; named: Map<string, string[]>; output: string }> {
  const { code, output } = await runCommand(data, "verify", ...args);
  const named = new Map<string, string[]>();
  for (const line of output.split("\n")) {
    const [, kind] = /^([a-z]+-[a-z-]+): /.exec(line) ?? [];
    if (kind === undefined) continue;
    const hex = /([0-9a-f]{64})/.exec(line)?.[1];
    named.set(kind, [...(named.get(kind) ?? []), `sha256:${hex}`].sort());
  }
  return { code, named, output };
}

test(`${flips} flipped bits are all found, and nothing else; a push heals (BERTH_TEST_SEED=${seed})`, async () => {
  const random = createRandom(seed);
  const images = Array.from({ length: flips }, (_, at) => makeImage(`flipped ${seed} ${at}`));
  const client = await start();
  for (const [at, image] of images.entries()) await client.pushImage(repository, image, `v${at}`);
  await stop();

  const files = filesOfBlobs();
  const rotten = new Set<string>();
  while (rotten.size < flips) {
    const [digest, file] = random.pick([...files]);
    if (rotten.has(digest)) continue;
    rotten.add(digest);
    const bytes = readFileSync(file);
    const at = random.below(bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
    writeFileSync(file, bytes);
  }
  const wanted = new Map([["rotten-byte", [...rotten].sort()]]);
  const looked = await verified();
  expect({ code: looked.code, named: looked.named }).toEqual({ code: 10, named: wanted });
  expect((await verified("--repair")).named).toEqual(wanted);
  expect(await verified()).toMatchObject({ code: 0 });

  const again = await start();
  for (const digest of files.keys()) {
    const status = await again.status(`/v2/${repository}/blobs/${digest}`);
    expect([digest, status]).toEqual([digest, rotten.has(digest) ? 404 : 200]);
  }
  for (const [at, image] of images.entries()) await again.pushImage(repository, image, `v${at}`);
  for (const image of images) await expectWhole(again, image);
});

test("a flipped bit of a manifest in the database is named, and left to a person", async () => {
  const image = makeImage(`a manifest ${seed}`);
  const client = await start();
  await client.pushImage(repository, image, "v1");
  await stop();

  const file = join(data, "berth.db");
  const bytes = readFileSync(file);
  const at = bytes.indexOf(image.manifest);
  expect(at).toBeGreaterThan(0);
  const place = at + createRandom(seed).below(image.manifest.length);
  bytes[place] = (bytes[place] ?? 0) ^ 1;
  writeFileSync(file, bytes);
  const { code, output } = await verified();
  expect(code).toBe(10);
  expect(output).toContain(image.digest);
});

test("a second process is turned away, and the first goes on; killed, it leaves no lock", async () => {
  const image = makeImage("two processes");
  const client = await start();
  await client.pushImage(repository, image, "v1");
  for (let tries = 0; tries < 2; tries++) {
    const second = await spawnChild({ data });
    expect(await second.exited).toBe(1);
    expect(second.output()).toContain("is in use by another Berth");
  }
  await expectWhole(client, image);
  await client.pushImage(repository, makeImage("two processes, later"), "v2");
  await child?.kill();
  await expectWhole(await start(), image);
});

test("a database of yesterday: what came since is named and not deleted, what went is named, pushes heal", async () => {
  const [kept, erased, later] = ["kept", "erased", "later"].map((name) => makeImage(name)) as [
    Image,
    Image,
    Image,
  ];
  const client = await start();
  await client.pushImage(repository, kept, "kept");
  await client.pushImage(repository, erased, "erased");
  await stop();
  const yesterday = join(folder.path, "yesterday.db");
  copyFileSync(join(data, "berth.db"), yesterday);

  const today = await start();
  await today.pushImage(repository, later, "later");
  expect(await today.status(`/v2/${repository}/manifests/${erased.digest}`, "DELETE")).toBe(202);
  await eraseTrash();
  await stop();
  for (const name of ["berth.db", "berth.db-wal", "berth.db-shm"])
    rmSync(join(data, name), { force: true });
  copyFileSync(yesterday, join(data, "berth.db"));

  // Started, told to collect, and stopped: what it does not know it leaves for a day.
  await expectWhole(await start(), kept);
  expect(await runCommand(data, "gc", "run", "--accept", "amount")).toMatchObject({ code: 0 });
  await untilCollected();
  await stop();
  for (const digest of blobsOf(later)) expect(filesOfBlobs().has(digest)).toBe(true);
  const { code, named } = await verified();
  expect(code).toBe(20);
  expect(named).toEqual(
    new Map([
      ["stray-file", blobsOf(later).sort()],
      ["missing-file", blobsOf(erased).sort()],
    ]),
  );
  await verified("--repair");
  expect(await verified()).toMatchObject({ code: 0 });
  // Set aside, not deleted.
  const aside = readdirSync(join(data, "quarantine"), { recursive: true, encoding: "utf8" }).join(
    "\n",
  );
  for (const digest of blobsOf(later)) expect(aside).toContain(digest.slice("sha256:".length));

  const healed = await start();
  await healed.pushImage(repository, later, "later");
  await healed.pushImage(repository, erased, "erased");
  for (const image of [kept, erased, later]) await expectWhole(healed, image);
}, 120_000);

/** Ends what is in the trash, and waits until its bytes are gone. */
async function eraseTrash(): Promise<void> {
  const units = (await queryStore(data, "select id from trash")).map(({ id }) => String(id));
  expect(units.length).toBeGreaterThan(0);
  expect(await runCommand(data, "trash", "erase", units.join(","), "--yes")).toMatchObject({
    code: 0,
  });
  for (let waited = 0; waited < erasedMsMax; waited += 50) {
    const [row] = await queryStore(data, "select count(*) as n from blob_deletions");
    if (row?.["n"] === 0) return;
    await Bun.sleep(50);
  }
  throw new Error("the bytes of what was erased do not go");
}

/** A cycle that began after it was asked for has come to its end. */
async function untilCollected(): Promise<void> {
  const finished = "select min(finished_at) as at from chores where name = 'collect garbage'";
  const asked = Date.now();
  for (let waited = 0; waited < erasedMsMax; waited += 50) {
    const [row] = await queryStore(data, finished);
    if (Number(row?.["at"] ?? 0) > asked) return;
    await Bun.sleep(50);
  }
  throw new Error("garbage collection does not run");
}
