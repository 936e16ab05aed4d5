import { createHash } from "node:crypto";
import fs from "node:fs";
import { dirname } from "node:path";
import type { Progress as LongWorkProgress } from "../access/long-work.ts";
import type { BlobStore } from "../blobs/blob-store.ts";
import type { Database } from "../db/database.ts";
import type { Clock } from "../lib/clock.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { Log } from "../platform/log.ts";
import { version } from "../platform/version.ts";
import {
  type BackupManifest,
  listNames,
  manifestText,
  newName,
  pathsOf,
  timeOfName,
} from "./backup-manifest.ts";
import { type BackupTarget, chunksOf } from "./backup-target.ts";
import { copyBlobs } from "./copy-blobs.ts";
import { syncFile } from "./folder-target.ts";
import { refused } from "./refused.ts";
import { type BlobSource, openSnapshot, readsOf } from "./snapshot-store.ts";

/** Snapshots of one backup: another is made only where a blob was collected since the one before. */
const snapshotsMax = 10;
/** What a run left that came to no end goes after so long: it may be under way elsewhere. */
const unfinishedMsMax = 24 * 60 * 60 * 1000;

export interface CreateDeps {
  readonly db: Database;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly target: BackupTarget;
  /** Without the database and without the bytes of blobs. */
  readonly listOnly: boolean;
  readonly progress: Progress;
  /** Set when it is to stop: what was copied stays, and is not copied again. */
  readonly signal: AbortSignal;
}

/** How far it is. */
export type Progress = LongWorkProgress<
  "reading the database" | "copying blobs" | "storing the database" | "restoring blobs"
>;

export interface BackupReport {
  readonly name: string;
  readonly blobs: number;
  readonly bytes: number;
  /** Of these were not in the target yet. */
  readonly copied: number;
  readonly copiedBytes: number;
  readonly broken: readonly { readonly digest: string; readonly message: string }[];
  readonly seconds: number;
}

interface Files {
  readonly database: string;
  readonly list: string;
}

/**
 * Makes a backup while the registry serves: the database as of one moment, and every blob that it speaks
 * of. Blobs that the target has are not copied again. It counts once its manifest is there, which is last.
 */
export async function createBackup(deps: CreateDeps): Promise<BackupReport> {
  const { db, clock, target, listOnly } = deps;
  if (db.snapshot === null && !listOnly) {
    throw refused(
      409,
      "the database is PostgreSQL: back it up with its own tools, and the bucket with versions or replication; --list-only adds the list of blobs that tells whether both fit",
    );
  }
  const begun = clock.monotonic();
  await removeUnfinished(deps);
  const files: Files = {
    database: target.scratchFile(".db"),
    list: target.scratchFile(".list"),
  };
  fs.mkdirSync(dirname(files.list), { recursive: true, mode: 0o700 });
  try {
    const { madeAt, copied } = await copyUntilWhole(deps, files);
    const manifest = await store(deps, files, { madeAt, ...copied });
    const { name, blobs, bytes } = manifest;
    const seconds = Math.round((clock.monotonic() - begun) / 100) / 10;
    const { copied: count, copiedBytes, broken } = copied;
    return { name, blobs, bytes, copied: count, copiedBytes, broken, seconds };
  } finally {
    for (const file of Object.values(files)) fs.rmSync(file, { force: true });
  }
}

type Copied = Awaited<ReturnType<typeof copyBlobs>>;

/**
 * A blob may be collected between the snapshot and its turn, which takes nothing from the present: then the
 * snapshot is made anew, and only what is new since has to be copied.
 */
async function copyUntilWhole(
  deps: CreateDeps,
  files: Files,
): Promise<{ madeAt: number; copied: Copied }> {
  let copied = 0;
  let copiedBytes = 0;
  for (let snapshots = 1; ; snapshots++) {
    deps.progress.work = "reading the database";
    const { source, madeAt, synced } = await takeSnapshot(deps, files.database);
    let round: Copied;
    try {
      round = await copyBlobs(deps, source, files.list);
    } finally {
      source.close();
    }
    // An error of a sync is told once: it must not be lost on the way.
    await synced;
    copied += round.copied;
    copiedBytes += round.copiedBytes;
    if (round.collected === 0) return { madeAt, copied: { ...round, copied, copiedBytes } };
    if (snapshots === snapshotsMax) {
      throw new Error(`blobs were deleted faster than they could be copied, ${snapshotsMax} times`);
    }
  }
}

async function takeSnapshot(
  { db, clock, listOnly }: CreateDeps,
  file: string,
): Promise<{ source: BlobSource; madeAt: number; synced: Promise<void> }> {
  if (listOnly || db.snapshot === null) {
    return { source: readsOf(db), madeAt: clock.now(), synced: Promise.resolve() };
  }
  fs.rmSync(file, { force: true });
  // What it holds must not be undone by a power cut: somebody may rely on the backup by then.
  await db.flush();
  const madeAt = clock.now();
  try {
    await db.snapshot(file);
  } catch (error) {
    if ((error as { code?: string }).code !== "SQLITE_FULL") throw error;
    throw new RegistryError("STORAGE_FULL", {
      message: "there is no room for a copy of the database where backups are made",
      cause: error,
    });
  }
  // It takes its time; blobs are looked for meanwhile.
  const synced = syncFile(file);
  synced.catch(() => {});
  return { source: openSnapshot(file), madeAt, synced };
}

async function store(
  { target, progress, listOnly, clock, signal }: CreateDeps,
  files: Files,
  { madeAt, blobs, bytes, broken }: Copied & { madeAt: number },
): Promise<BackupManifest> {
  progress.work = "storing the database";
  const { whole } = await listNames(target);
  const last = whole.at(-1);
  // Two of one millisecond, or a clock that went back: the newest is the last by name all the same.
  const name = newName(
    last === undefined ? clock.now() : Math.max(clock.now(), timeOfName(last) + 1),
  );
  const manifest: BackupManifest = {
    format: "berth-backup-1",
    name,
    made_at: new Date(madeAt).toISOString(),
    berth: version,
    database: listOnly ? null : await describe(files.database),
    list: await describe(files.list),
    blobs,
    bytes,
    broken: broken.length,
  };
  const paths = pathsOf(name);
  signal.throwIfAborted();
  if (!listOnly) await target.moveIn(paths.database, files.database);
  await target.moveIn(paths.list, files.list);
  await target.settle();
  const text = Buffer.from(manifestText(manifest));
  await target.write(paths.manifest, text.byteLength, (take) => take(text));
  await target.settle();
  return manifest;
}

async function describe(file: string): Promise<{ size: number; sha256: string }> {
  const hasher = createHash("sha256");
  for await (const chunk of chunksOf(Bun.file(file).stream())) hasher.update(chunk);
  return { size: fs.statSync(file).size, sha256: hasher.digest("hex") };
}

async function removeUnfinished({ target, clock }: CreateDeps): Promise<void> {
  const { unfinished } = await listNames(target);
  for (const name of unfinished) {
    if (clock.now() - timeOfName(name) < unfinishedMsMax) continue;
    for (const path of Object.values(pathsOf(name))) await target.remove(path);
  }
}
