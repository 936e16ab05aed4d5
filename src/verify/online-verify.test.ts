import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { createHash, randomBytes } from "node:crypto";
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BlobStore, nothingStaged, type StagedId } from "../blobs/blob-store.ts";
import { createFsBlobStore } from "../blobs/fs-blob-store.ts";
import type { Database } from "../db/database.ts";
import { migrate } from "../db/migrations/migrate.ts";
import { openSqlite } from "../db/sqlite.ts";
import { type Clock, systemClock } from "../lib/clock.ts";
import { uuidv7 } from "../lib/random.ts";
import { type Digest, digestOf } from "../oci/digest.ts";
import { createLog } from "../platform/log.ts";
import { createOnlineVerify, type OnlineVerify } from "./online-verify.ts";
import { createPace } from "./pace.ts";
import { findPass } from "./pass-store.ts";

setDefaultTimeout(30_000);

const dayMs = 24 * 60 * 60 * 1000;

let folder: string;
let db: Database;
let blobs: BlobStore;
let now = 0;
const logged: string[] = [];
const clock: Clock = { now: () => now, monotonic: systemClock.monotonic };
const log = createLog({
  format: "text",
  level: "info",
  write: (lines) => {
    logged.push(lines);
  },
});
const failed = (error: Error) => {
  throw error;
};

beforeEach(async () => {
  now = Date.parse("2026-05-01T00:00:00Z");
  logged.length = 0;
  folder = fs.mkdtempSync(join(tmpdir(), "berth-online-verify-"));
  db = openSqlite({ file: join(folder, "berth.db"), onFailure: failed });
  await migrate(db, systemClock);
  blobs = createFsBlobStore({ folder, clock: systemClock, onSyncFailure: failed });
});
afterEach(async () => {
  await blobs.close();
  await db.close();
  fs.rmSync(folder, { recursive: true, force: true });
});

async function push(bytes: Uint8Array): Promise<{ digest: Digest; path: string }> {
  const digest = digestOf("sha256", createHash("sha256").update(bytes).digest("hex"));
  const id = uuidv7() as StagedId;
  const writer = await blobs.stage({ id, state: nothingStaged }, 0);
  await writer?.write(new Uint8Array(bytes));
  await writer?.close();
  const key = await blobs.publish({ id, state: nothingStaged }, digest);
  const row = { digest, key, size: bytes.byteLength, state: "live", created_at: 1 } as const;
  await db.transaction((tx) => tx.insertInto("blobs").values(row).execute());
  return { digest, path: blobs.pathOf({ kind: "blob", key }) };
}

function open(store = blobs): OnlineVerify {
  return createOnlineVerify({ blobs: store, clock, log, settleMs: 0, bytesPerMsMin: 1e9 });
}

const run = (verify: OnlineVerify, signal = new AbortController().signal) =>
  verify.chore.run({ signal, db });

function flip(path: string): void {
  const bytes = fs.readFileSync(path);
  bytes[3] = (bytes[3] ?? 0) ^ 1;
  fs.writeFileSync(path, bytes);
}

const quarantined = async () =>
  (await db.reads.selectFrom("blobs").select("digest").where("state", "=", "quarantined").execute())
    .map(({ digest }) => digest)
    .sort();

test("all blobs are read every 30 days, the first time after a day; what is rotten is set aside", async () => {
  for (let count = 0; count < 220; count++) await push(randomBytes(100));
  const rotten = await push(randomBytes(200_000));
  const gone = await push(randomBytes(100));
  flip(rotten.path);
  fs.rmSync(gone.path);
  const verify = open();
  await run(verify);
  now += dayMs - 1;
  await run(verify);
  expect(verify.stats).toEqual({ blobs: 0, bytes: 0, findings: 0 });

  now += 1;
  await run(verify);
  expect(verify.stats).toEqual({ blobs: 222, bytes: 222_100, findings: 2 });
  expect(await quarantined()).toEqual([rotten.digest, gone.digest].sort());
  expect(fs.existsSync(rotten.path)).toBe(false);
  log.flush();
  expect(logged.join("")).toContain(`should hold the blob ${rotten.digest}`);
  expect(logged.join("")).toContain("Read all 222 stored blobs: 2 were wrong");
  const pass = await findPass(db.reads);
  expect(pass).toMatchObject({ started_at: null, finished_at: now, due_at: now + 30 * dayMs });

  now += 30 * dayMs - 1;
  await run(verify);
  expect(verify.stats.blobs).toBe(222);
  now += 1;
  await run(verify);
  expect(verify.stats).toMatchObject({ blobs: 442, findings: 2 });
  expect(await findPass(db.reads)).toMatchObject({ blobs: 220, findings: 0 });
});

test("interrupted, it goes on where it was, on another node too", async () => {
  for (let count = 0; count < 350; count++) await push(randomBytes(10));
  const first = open();
  await run(first);
  now += dayMs;
  const stopping = new AbortController();
  let opened = 0;
  const counting: BlobStore = {
    ...blobs,
    async open(...asked) {
      if (++opened === 250) stopping.abort();
      return await blobs.open(...asked);
    },
  };
  const stopped = open(counting);
  await run(stopped, stopping.signal);
  expect(stopped.stats.blobs).toBe(200);
  expect(await findPass(db.reads)).toMatchObject({ blobs: 200, started_at: now });
  const second = open();
  await run(second);
  expect(second.stats.blobs).toBe(150);
  expect(await findPass(db.reads)).toMatchObject({ blobs: 350, started_at: null });
});

test("a storage that has lost many blobs at once is not written off", async () => {
  for (let count = 0; count < 20; count++) await push(randomBytes(50));
  const verify = open();
  await run(verify);
  now += dayMs;
  fs.renameSync(join(folder, "blobs"), join(folder, "away"));
  await run(verify);
  expect(await quarantined()).toEqual([]);
  expect(await findPass(db.reads)).toMatchObject({ stopped: "20 of 20 blobs are wrong" });
  log.flush();
  expect(logged.join("")).toContain("the storage itself may be in trouble");
  fs.renameSync(join(folder, "away"), join(folder, "blobs"));
  now += dayMs;
  await run(verify);
  expect(await findPass(db.reads)).toMatchObject({ stopped: null, findings: 0, blobs: 20 });
});

test("the pace is kept, and a stop ends the wait", async () => {
  const stopping = new AbortController();
  const pace = createPace(systemClock, { bytesPerMs: 100, signal: stopping.signal });
  const begun = performance.now();
  for (let count = 0; count < 20; count++) await pace(1_000);
  const took = performance.now() - begun;
  expect(took).toBeGreaterThan(150);
  const waiting = pace(100_000_000);
  stopping.abort();
  await waiting;
  expect(performance.now() - begun).toBeLessThan(10_000);
});
