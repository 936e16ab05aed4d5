import { afterAll, expect, test } from "bun:test";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  statfsSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { queryStore } from "../support/test-database.ts";
import { audit } from "./support/audit.ts";
import { type Child, runCommand, startChild } from "./support/child.ts";
import {
  type Client,
  createClient,
  deleteManifest,
  deleteTag,
  imageOf,
  type Outcome,
  putManifest,
  statusOf,
  uploadBlob,
} from "./support/client.ts";
import { contentOf, createLedger, type Image } from "./support/ledger.ts";
import { createLoopImage, type LoopImage, leftDevices } from "./support/loop-image.ts";
import { bytesOf } from "./support/random.ts";
import { describeFaults } from "./support/requirements.ts";

const diskBytes = 128 * 1024 * 1024;
const repository = "full/disk";
const images = 20;
/** Pushes work again within this time after there is room; Berth looks at most this seldom. */
const recoveryMsMax = 3_000;
/** Within this the bytes of what was erased are gone. */
const erasedMsMax = 30_000;

interface Scene {
  readonly disk: LoopImage;
  readonly child: Child;
  readonly client: Client;
  readonly pushed: Image[];
}

describeFaults("a full disk", ["linux", "loop devices"], () => {
  afterAll(() => expect(leftDevices()).toEqual([]));

  test("filled by pushes: 507 in words, reads go on, deletes work, room makes pushes work again", async () => {
    await onDisk([], async ({ disk, client, pushed }) => {
      let refused: Outcome | null = null;
      for (let i = 0; i < 60 && refused === null; i++) {
        const outcome = await pushBlob(client, 900 + i, 4_000_000);
        if (statusOf(outcome) !== 201) refused = outcome;
      }
      expectFull(refused);
      await expectReads(client, pushed);
      await deleteSome(client, pushed);
      expect(freeBytes(disk)).toBeGreaterThan(0);
    });
  }, 120_000);

  test("one upload larger than the disk: 507, and its bytes are given back", async () => {
    await onDisk([], async ({ disk, client, pushed }) => {
      const before = freeBytes(disk);
      expectFull(await pushBlob(client, 950, 120_000_000));
      await expectReads(client, pushed);
      expect(readdirSync(join(disk.folder, "data/uploads"))).toEqual([]);
      expect(freeBytes(disk)).toBeGreaterThan(before - 4_000_000);
      await expectPushes(client);
    });
  }, 120_000);

  test("filled by others to the last byte: the log has no room, deletes take the reserve", async () => {
    await onDisk([], async ({ disk, client, pushed }) => {
      const filler = fill(disk, "filler");
      expectFull(await pushBlob(client, 970));
      await expectReads(client, pushed);
      await deleteSome(client, pushed);
      // The reserve is used up, too: nothing can be written, and everything can be read.
      const rest = fill(disk, "rest");
      const [last] = pushed;
      if (last === undefined) throw new Error("no image left");
      for (let i = 0; i < 40; i++) await deleteTag(client, repository, `none-${i}`);
      await expectReads(client, pushed);
      const config = last.blobs[0];
      if (config === undefined) throw new Error("no config");
      const manifest = imageOf(config, [config]);
      expect(await putManifest(client, repository, manifest, ["refused"])).toBe(false);
      rmSync(rest);
      rmSync(filler);
      await expectPushes(client);
    });
  }, 120_000);

  test("filled by others to the last byte: what is erased gives its room back, and pushes work in it", async () => {
    await onDisk([], async ({ disk, client }) => {
      const large: Image[] = [];
      for (let i = 0; i < 8; i++) large.push(await pushImage(client, 500 + i, 6_000_000));
      await fillUntilRefused(disk, client);
      for (const [i, image] of large.entries()) {
        expect(await deleteManifest(client, repository, image, [`tag-${500 + i}`])).toBe(true);
      }
      const data = join(disk.folder, "data");
      const units = (await queryStore(data, "select id from trash")).map(({ id }) => String(id));
      expect(await runCommand(data, "trash", "erase", units.join(","), "--yes")).toMatchObject({
        code: 0,
      });
      for (const { digest } of large.flatMap(({ blobs }) => blobs)) {
        client.ledger.blobs.delete(`${repository} ${digest}`);
      }
      await expectPushes(client, erasedMsMax);
      expect(freeBytes(disk)).toBeGreaterThan(20_000_000);
    });
  }, 120_000);

  test("a start on a full disk serves, and can be emptied", async () => {
    await onDisk([], async (scene) => {
      const { disk, client, pushed } = scene;
      const filler = fill(disk, "filler");
      await scene.child.kill();
      const child = await startChild({ data: join(disk.folder, "data") });
      try {
        const again = createClient(child.url, client.ledger, { excused: [507] });
        await expectReads(again, pushed);
        await deleteSome(again, pushed);
        rmSync(filler);
        await expectPushes(again);
      } finally {
        await child.kill();
      }
    });
  }, 120_000);

  test("no inodes: 507 in words, reads and deletes go on, room makes pushes work again", async () => {
    // 512 folders for blobs, and some hundred files.
    await onDisk(["-N", "1024"], async ({ disk, client, pushed }) => {
      const folder = join(disk.folder, "inodes");
      mkdirSync(folder);
      for (let i = 0; !fails(() => writeFileSync(join(folder, `${i}`), "")); i++);
      for (let tries = 0; tries < 2; tries++) {
        expectFull(await pushBlob(client, 970));
        await Bun.sleep(300);
      }
      await expectReads(client, pushed);
      await deleteSome(client, pushed);
      rmSync(folder, { recursive: true });
      await expectPushes(client);
    });
  }, 120_000);
});

/** Runs `body` against a Berth on a small disk that holds some images; afterwards all must be in order. */
async function onDisk(
  mkfsArgs: readonly string[],
  body: (scene: Scene) => Promise<void>,
): Promise<void> {
  const disk = createLoopImage(diskBytes, mkfsArgs);
  const data = join(disk.folder, "data");
  let child: Child | null = null;
  try {
    child = await startChild({ data });
    await reserved(join(data, "ballast"));
    const ledger = createLedger();
    const client = createClient(child.url, ledger, { excused: [507] });
    const pushed: Image[] = [];
    for (let i = 0; i < images; i++) pushed.push(await pushImage(client, i));
    await body({ disk, child, client, pushed });
    expect(ledger.violations).toEqual([]);
    await child.kill();
    child = await startChild({ data });
    await audit(createClient(child.url, ledger), { whole: true, sessions: "kept" });
    expect(ledger.violations).toEqual([]);
    await child.stop();
    const verified = await runCommand(data, "verify");
    if (verified.code !== 0) throw new Error(verified.output);
  } finally {
    await child?.kill();
    disk.remove();
  }
}

/** What Berth sets aside in the background after its start is there. */
async function reserved(ballast: string): Promise<void> {
  for (let waited = 0; !existsSync(ballast); waited += 20) {
    expect(waited).toBeLessThan(10_000);
    await Bun.sleep(20);
  }
}

async function pushImage(client: Client, number: number, layerBytes = 50_000): Promise<Image> {
  const contents = [
    contentOf(10 * number + 1, 300),
    contentOf(10 * number + 2, layerBytes),
  ] as const;
  for (const content of contents) {
    if (!(await uploadBlob(client, repository, content, "chunks"))) throw new Error("no upload");
  }
  const image = imageOf(contents[0], [contents[1]]);
  if (!(await putManifest(client, repository, image, [`tag-${number}`])))
    throw new Error("no push");
  return image;
}

/** In one request; what is not in the ledger may or may not be there. */
async function pushBlob(client: Client, seed: number, size = 1_000): Promise<Outcome> {
  const { digest } = contentOf(seed, size);
  const path = `/v2/${repository}/blobs/uploads/?digest=${digest}`;
  return client.call("POST", path, { body: bytesOf(seed, size) });
}

/** 507, in the form of the specification, with a sentence that helps. */
function expectFull(outcome: Outcome | null): void {
  if (outcome?.kind !== "answer") throw new Error("no answer");
  expect(outcome.status).toBe(507);
  const { errors } = JSON.parse(new TextDecoder().decode(outcome.body));
  expect(errors).toHaveLength(1);
  expect(errors[0].code).toBeString();
  expect(errors[0].message).toMatch(/space|full|inodes/);
}

async function expectReads(client: Client, pushed: readonly Image[]): Promise<void> {
  for (const image of pushed) {
    const manifest = await client.call("GET", `/v2/${repository}/manifests/${image.digest}`);
    expect(statusOf(manifest)).toBe(200);
    for (const { digest } of image.blobs) {
      expect(statusOf(await client.call("GET", `/v2/${repository}/blobs/${digest}`))).toBe(200);
    }
  }
  expect(statusOf(await client.call("GET", `/v2/${repository}/tags/list`))).toBe(200);
  expect(statusOf(await client.call("GET", "/readyz"))).toBe(200);
}

/** Two images go, one by its tag and one by its digest. */
async function deleteSome(client: Client, pushed: Image[]): Promise<void> {
  const byTag = pushed.length - 1;
  expect(await deleteTag(client, repository, `tag-${byTag}`)).toBe(true);
  const image = pushed[byTag - 1];
  if (image === undefined) throw new Error("no image left");
  expect(await deleteManifest(client, repository, image, [`tag-${byTag - 1}`])).toBe(true);
  pushed.splice(byTag - 1, 2);
}

/** Without a restart. */
async function expectPushes(client: Client, waitMsMax = recoveryMsMax): Promise<void> {
  const config = contentOf(8_000, 500);
  for (let waited = 0; ; waited += 50) {
    if (await uploadBlob(client, repository, config, "post")) break;
    expect(waited).toBeLessThan(waitMsMax);
    await Bun.sleep(50);
  }
  expect(await putManifest(client, repository, imageOf(config, []), ["after"])).toBe(true);
}

function freeBytes(disk: LoopImage): number {
  const { bavail, bsize } = statfsSync(disk.folder);
  return bavail * bsize;
}

/** What was written may take less room than was set aside for it, and give some back. */
async function fillUntilRefused(disk: LoopImage, client: Client): Promise<void> {
  for (let tries = 0; tries < 20; tries++) {
    fill(disk, `filler-${tries}`);
    const outcome = await pushBlob(client, 980 + tries);
    if (statusOf(outcome) !== 201) return expectFull(outcome);
  }
  throw new Error("the disk does not get full");
}

/** Takes all the room that is left, in a file beside the data. */
function fill(disk: LoopImage, name: string): string {
  const path = join(disk.folder, name);
  const fd = openSync(path, "w");
  for (const size of [1024 * 1024, 4096]) {
    const chunk = Buffer.alloc(size, 1);
    while (!fails(() => writeSync(fd, chunk)));
  }
  closeSync(fd);
  return path;
}

function fails(action: () => void): boolean {
  try {
    action();
    return false;
  } catch {
    return true;
  }
}
