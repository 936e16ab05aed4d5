import { Database as RawDatabase } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { createHash, randomBytes } from "node:crypto";
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chooseName } from "../../src/backup/backup-manifest.ts";
import type { BackupTarget } from "../../src/backup/backup-target.ts";
import { type BackupReport, createBackup, type Progress } from "../../src/backup/create-backup.ts";
import { openTarget } from "../../src/backup/open-target.ts";
import { restoreBackup } from "../../src/backup/restore-backup.ts";
import { assertNotRestoring } from "../../src/backup/restoring.ts";
import { listBackups, verifyBackups } from "../../src/backup/verify-backup.ts";
import { type BlobStore, nothingStaged, type StagedId } from "../../src/blobs/blob-store.ts";
import { createFsBlobStore } from "../../src/blobs/fs-blob-store.ts";
import { lockDataFolder } from "../../src/db/data-folder.ts";
import type { Database } from "../../src/db/database.ts";
import { migrate } from "../../src/db/migrations/migrate.ts";
import { openSqlite } from "../../src/db/sqlite.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { uuidv7 } from "../../src/lib/random.ts";
import { type Digest, digestOf } from "../../src/oci/digest.ts";
import { createLog } from "../../src/platform/log.ts";

// Each test makes 512 folders several times.
setDefaultTimeout(30_000);

const log = createLog({ format: "json", level: "error" });
const failed = (error: Error) => {
  throw error;
};

let folder: string;
let db: Database;
let blobs: BlobStore;
let abort: AbortController;

beforeEach(async () => {
  folder = fs.mkdtempSync(join(tmpdir(), "berth-backup-"));
  abort = new AbortController();
  fs.mkdirSync(join(folder, "data"));
  db = openSqlite({ file: join(folder, "data/berth.db"), onFailure: failed });
  await migrate(db, systemClock);
  blobs = createFsBlobStore({
    folder: join(folder, "data"),
    clock: systemClock,
    onSyncFailure: failed,
  });
});
afterEach(async () => {
  await blobs.close();
  await db.close();
  fs.rmSync(folder, { recursive: true, force: true });
});

async function push(bytes: Uint8Array, algorithm: "sha256" | "sha512" = "sha256"): Promise<Digest> {
  const digest = digestOf(algorithm, createHash(algorithm).update(bytes).digest("hex"));
  const id = uuidv7() as StagedId;
  const writer = await blobs.stage({ id, state: nothingStaged }, 0);
  await writer?.write(new Uint8Array(bytes));
  await writer?.close();
  const key = await blobs.publish({ id, state: nothingStaged }, digest);
  const row = { digest, key, size: bytes.byteLength, state: "live", created_at: 1 } as const;
  await db.transaction((tx) => tx.insertInto("blobs").values(row).execute());
  return digest;
}

const progress = (): Progress => ({
  work: "reading the database",
  ...{ done: 0, of: 0, doneBytes: 0, ofBytes: 0 },
});

async function open(target: string, to: "read" | "write"): Promise<BackupTarget> {
  const texts = { target: join(folder, target), settings: {}, keys: null };
  return await openTarget(texts, { to, scratch: join(folder, "scratch"), clock: systemClock });
}

async function create(
  target: string,
  more: { listOnly?: boolean; blobs?: BlobStore } = {},
): Promise<BackupReport> {
  const opened = await open(target, "write");
  let isWhole = false;
  try {
    const report = await createBackup({
      ...{ db, clock: systemClock, log, target: opened, progress: progress() },
      ...{ blobs: more.blobs ?? blobs, listOnly: more.listOnly ?? false, signal: abort.signal },
    });
    isWhole = true;
    return report;
  } finally {
    await opened.close(isWhole);
  }
}

/** What is found wrong. */
async function verify(target: string, store = blobs): Promise<string[]> {
  const opened = await open(target, "read");
  const findings: string[] = [];
  const names = (await listBackups(opened)).map(({ name }) => name);
  await verifyBackups(opened, {
    names,
    store: async () => store,
    found: (finding) => findings.push(finding),
  });
  await opened.close(false);
  return names.length === 0 ? ["there is none"] : findings;
}

async function restore(
  target: string,
  into: string,
  name: string | null = null,
  wrap = (store: BlobStore) => store,
) {
  const opened = await open(target, "read");
  const data = join(folder, into);
  const lock = lockDataFolder(data);
  try {
    return await restoreBackup({
      target: opened,
      name: await chooseName(opened, name),
      folder: data,
      openStore: async () =>
        wrap(createFsBlobStore({ folder: data, clock: systemClock, onSyncFailure: failed })),
      mayBeThere: false,
      progress: progress(),
    });
  } finally {
    await opened.close(false);
    lock.release();
  }
}

/** The blobs of a data folder by digest, each read and hashed; null for one that is set aside. */
function blobsIn(into: string): Record<string, string | null> {
  const rows = new RawDatabase(join(folder, into, "berth.db"));
  const found = rows.query("select digest, key, state from blobs").all() as {
    digest: string;
    key: string;
    state: string;
  }[];
  rows.close();
  return Object.fromEntries(
    found.map(({ digest, key, state }) => {
      if (state === "quarantined") return [digest, null];
      const bytes = fs.readFileSync(join(folder, into, "blobs", key));
      const [algorithm = ""] = digest.split(":");
      return [digest, `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}`];
    }),
  );
}

function filesOf(path: string): string[] {
  return fs
    .readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

function flip(file: string, at: number): void {
  const bytes = fs.readFileSync(file);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  fs.writeFileSync(file, bytes);
}

describe.each(["kept", "kept.tar"])("a backup in %s", (target) => {
  test("is whole, and comes back with every blob", async () => {
    const digests = [
      await push(randomBytes(300_000)),
      await push(new Uint8Array(0)),
      await push(randomBytes(512)),
      await push(randomBytes(70_001), "sha512"),
    ];
    const report = await create(target);
    expect(report).toMatchObject({ blobs: 4, copied: 4, bytes: 370_513, broken: [] });
    expect(await verify(target)).toEqual([]);
    await restore(target, "other");
    expect(blobsIn("other")).toEqual(Object.fromEntries(digests.map((digest) => [digest, digest])));
    expect(fs.readdirSync(join(folder, "other")).sort()).toEqual(
      ["berth.db", "berth.lock", "blobs", "quarantine", "restored", "uploads"].sort(),
    );
  });

  test("with one flipped byte fails verification, which names the file", async () => {
    await push(randomBytes(100));
    await push(randomBytes(70_001), "sha512");
    await create(target);
    const path = join(folder, target);
    const files = target.endsWith(".tar") ? [path] : filesOf(path);
    for (const file of files) {
      const { size } = fs.statSync(file);
      const step = Math.max(1, Math.floor(size / 60));
      for (let at = 0; at < size; at += step) {
        flip(file, at);
        const [finding = "nothing was found"] = await verify(target);
        flip(file, at);
        expect(`${file} at ${at}: ${finding}`).toMatch(
          /(blobs|the blob) ?(.* )?(sha|blobs)|berth\.db|manifest|blobs\.list|the end of the archive|there is none|header|what fills up the last block/,
        );
      }
    }
    expect(await verify(target)).toEqual([]);
  });

  test("that was interrupted is none, and goes on where it stopped", async () => {
    for (let count = 0; count < 60; count++) await push(randomBytes(1_000 + count));
    let opened = 0;
    const stopping: BlobStore = {
      ...blobs,
      async open(...asked) {
        if (++opened === 40) throw abort.abort();
        return await blobs.open(...asked);
      },
    };
    await expect(create(target, { blobs: stopping })).rejects.toThrow();
    abort = new AbortController();
    if (target.endsWith(".tar")) expect(fs.existsSync(join(folder, target))).toBe(false);
    else expect(await verify(target)).toEqual(["there is none"]);
    const report = await create(target);
    expect(report.blobs).toBe(60);
    expect(report.copied).toBeGreaterThan(0);
    expect(report.copied).toBeLessThan(60);
    expect(await verify(target)).toEqual([]);
  });
});

test("a second backup copies what is new; each comes back as it was", async () => {
  const first = await push(randomBytes(1_000));
  const one = await create("kept");
  const second = await push(randomBytes(2_000));
  await db.transaction((tx) => tx.deleteFrom("blobs").where("digest", "=", first).execute());
  const two = await create("kept");
  expect(two).toMatchObject({ blobs: 1, copied: 1, copiedBytes: 2_000 });
  expect(await create("kept")).toMatchObject({ blobs: 1, copied: 0 });
  await restore("kept", "first", one.name);
  expect(Object.keys(blobsIn("first"))).toEqual([first]);
  await restore("kept", "last");
  expect(Object.keys(blobsIn("last"))).toEqual([second]);
});

test("a blob that is collected while it is copied makes another snapshot", async () => {
  const gone = await push(randomBytes(1_000));
  const kept = await push(randomBytes(2_000));
  let collected: Promise<void> | null = null;
  async function collect(): Promise<void> {
    await db.transaction((tx) => tx.deleteFrom("blobs").where("digest", "=", gone).execute());
    for await (const item of blobs.list("all")) {
      if (item.kind === "blob" && item.digest === gone) await blobs.remove([item.key]);
    }
  }
  const collecting: BlobStore = {
    ...blobs,
    async open(key, ...rest) {
      // After the snapshot, and before any of its blobs is read.
      collected ??= collect();
      await collected;
      return await blobs.open(key, ...rest);
    },
  };
  const report = await create("kept", { blobs: collecting });
  expect(report).toMatchObject({ blobs: 1, broken: [] });
  await restore("kept", "other");
  expect(blobsIn("other")).toEqual({ [kept]: kept });
});

test("a blob that is broken stops nothing, and is set aside where it is restored", async () => {
  const whole = await push(randomBytes(1_000));
  const rotten = await push(randomBytes(2_000));
  for await (const item of blobs.list("all")) {
    if (item.kind === "blob" && item.digest === rotten) flip(item.path, 5);
  }
  const report = await create("kept");
  expect(report.broken.map(({ digest }) => digest)).toEqual([rotten]);
  expect(await verify("kept")).toEqual([]);
  const restored = await restore("kept", "other");
  expect(restored.lacking).toEqual([{ digest: rotten, message: "it is not in the backup" }]);
  expect(blobsIn("other")).toEqual({ [whole]: whole, [rotten]: null });
});

test("a list alone tells whether the blobs of a store are as they were", async () => {
  await push(randomBytes(1_000));
  const lost = await push(randomBytes(2_000));
  expect(await create("list", { listOnly: true })).toMatchObject({ blobs: 2, copied: 0 });
  expect(filesOf(join(folder, "list")).filter((path) => path.includes("/blobs/"))).toEqual([]);
  expect(await verify("list")).toEqual([]);
  for await (const item of blobs.list("all")) {
    if (item.kind === "blob" && item.digest === lost) await blobs.remove([item.key]);
  }
  const findings = await verify("list");
  expect(findings).toHaveLength(1);
  expect(findings[0]).toEndWith(`the blob ${lost} is not there`);
  await expect(restore("list", "other")).rejects.toThrow("is a list of blobs alone");
});

describe("a restore", () => {
  test("refuses a folder that holds anything, by name", async () => {
    await create("kept");
    fs.mkdirSync(join(folder, "other"));
    fs.writeFileSync(join(folder, "other/photos"), "");
    await expect(restore("kept", "other")).rejects.toThrow("holds photos");
    await expect(restore("kept", "data")).rejects.toThrow("holds ");
  });

  test("that was interrupted keeps servers off, and goes on where it was", async () => {
    const digests: Digest[] = [];
    for (let count = 0; count < 180; count++) digests.push(await push(randomBytes(100 + count)));
    const report = await create("kept");
    fs.mkdirSync(join(folder, "other"));
    fs.writeFileSync(join(folder, "other/secret.key"), "a key");
    let staged = 0;
    const breaking = (store: BlobStore): BlobStore => ({
      ...store,
      async stage(...asked) {
        if (++staged === 150) throw new Error("the disk went away");
        return await store.stage(...asked);
      },
    });
    await expect(restore("kept", "other", null, breaking)).rejects.toThrow("went away");
    expect(() => assertNotRestoring(join(folder, "other"))).toThrow("beginning of a restore");
    const second = await create("kept");
    await expect(restore("kept", "other", second.name)).rejects.toThrow(
      `a restore of the backup ${report.name}`,
    );
    const before = staged;
    const counting = (store: BlobStore): BlobStore => ({
      ...store,
      async stage(...asked) {
        staged += 1;
        return await store.stage(...asked);
      },
    });
    await restore("kept", "other", report.name, counting);
    expect(staged - before).toBeLessThan(180 - 128 + 1);
    assertNotRestoring(join(folder, "other"));
    expect(blobsIn("other")).toEqual(Object.fromEntries(digests.map((digest) => [digest, digest])));
  });

  test("takes from a damaged backup what is whole", async () => {
    const whole = await push(randomBytes(1_000));
    const rotten = await push(randomBytes(2_000));
    await create("kept");
    const file = filesOf(join(folder, "kept/blobs")).find((path) => path.includes(rotten.slice(7)));
    flip(file ?? "", 7);
    const { lacking } = await restore("kept", "other");
    expect(lacking).toMatchObject([{ digest: rotten }]);
    expect(lacking[0]?.message).toStartWith("in the backup it hashes to ");
    expect(blobsIn("other")).toEqual({ [whole]: whole, [rotten]: null });
  });
});

test("targets that cannot be used are named", async () => {
  fs.mkdirSync(join(folder, "home"));
  fs.writeFileSync(join(folder, "home/letter"), "");
  await expect(create("home")).rejects.toThrow("holds letter, which is no part of a backup");
  await expect(open("nowhere", "read")).rejects.toThrow("there is no folder");
  await expect(open("nowhere.tar", "read")).rejects.toThrow("there is no ");
  await create("kept.tar");
  await expect(create("kept.tar")).rejects.toThrow("is there already");
});
