import { randomFillSync } from "node:crypto";
import fs from "node:fs";
import { join } from "node:path";
import type { Clock } from "../lib/clock.ts";
import { storageFull } from "./disk-calls.ts";

/** What is set aside while there is room, and given up so that deletes can commit when there is none. */
export const ballastBytes = 16 * 1024 * 1024;
/** Free bytes that uploads leave to the database: its log and its own growth. */
const reserveBytes = 4 * 1024 * 1024;
const reserveInodes = 16;
/** Room beyond ballast and reserve before the ballast is made again: deletes come first. */
const refillMarginBytes = 16 * 1024 * 1024;
const refillEveryMs = 10_000;
/** The start has better things to do than to write the ballast. */
const firstRefillAfterMs = 1000;
/** How old the count of free bytes may be; what is admitted in between is deducted from it. */
const freeMaxAgeMs = 200;
const writeBytes = 1024 * 1024;

export interface DiskReserve {
  /**
   * Throws `STORAGE_FULL` when after another file of `bytes` so little would be free that only
   * deletes may go on. Costs a comparison; asks the system five times a second, and before it
   * refuses.
   */
  admitWrite(bytes?: number): void;
  /** Gives the ballast up, so that what frees space can commit. May be repeated. */
  release(): void;
  /** Makes the ballast where it is missing and there is room. */
  refill(): Promise<void>;
  /** How much room there is now; null where the system does not say. */
  look(): DiskSpace | null;
  /** From now on refills by itself, every ten seconds. */
  start(): void;
  /** Resolves when nothing is being written. The ballast stays. */
  close(): Promise<void>;
}

/** Room on the file system of the data folder. */
export interface DiskSpace {
  readonly freeBytes: number;
  readonly allBytes: number;
  /** Infinity where the file system has no limit on them. */
  readonly freeInodes: number;
  /** Of the free bytes, those that pushes leave to deletes. */
  readonly keptBytes: number;
  /** So little is free that pushes are refused. */
  readonly isFull: boolean;
}

/** Of a file system. `files` and `ffree` are 0 where it has no limit on inodes. */
export interface FreeSpace {
  readonly bsize: number;
  readonly blocks: number;
  readonly bavail: number;
  readonly files: number;
  readonly ffree: number;
}

export interface DiskReserveOptions {
  /** On the file system to watch, and where the file `ballast` lies. Must exist. */
  readonly folder: string;
  readonly clock: Clock;
  /** Default: the system's. */
  readonly statfs?: (folder: string) => FreeSpace;
}

/** Keeps enough of the disk back that a full one can be emptied. */
export function createDiskReserve(options: DiskReserveOptions): DiskReserve {
  const { folder, clock } = options;
  const statfs = options.statfs ?? fs.statfsSync;
  const path = join(folder, "ballast");
  const partial = `${path}.new`;
  let held = isAllocated(path);
  let free = { bytes: Number.POSITIVE_INFINITY, inodes: Number.POSITIVE_INFINITY };
  let allBytes = 0;
  let measuredAt = Number.NEGATIVE_INFINITY;
  let filling: Promise<void> | null = null;
  let releases = 0;
  let first: Timer | undefined;
  let timer: Timer | undefined;

  function measure(): void {
    // Another process of this server may have given it up, or made it.
    held = isAllocated(path);
    try {
      const { bsize, blocks, bavail, files, ffree } = statfs(folder);
      allBytes = bsize * blocks;
      free = { bytes: bsize * bavail, inodes: files === 0 ? Number.POSITIVE_INFINITY : ffree };
    } catch {
      // Whoever writes will learn what is wrong, in better words than could be found here.
    }
    measuredAt = clock.monotonic();
  }

  /** The room that a released ballast left is not there for uploads. */
  function bytesToKeep(): number {
    return reserveBytes + (held ? 0 : ballastBytes);
  }

  async function fill(): Promise<void> {
    measure();
    if (free.bytes < bytesToKeep() + refillMarginBytes) return;
    const before = releases;
    try {
      await writeBallast(partial, () => releases === before);
      if (releases === before) {
        fs.renameSync(partial, path);
        held = true;
      }
    } catch {
      // The disk filled up meanwhile: the room is better used for what is being written.
    }
    if (!held) tryUnlink(partial);
    measure();
  }

  const lacksInodes = () => free.inodes <= reserveInodes;

  const reserve: DiskReserve = {
    admitWrite(bytes = 0) {
      const lacksBytes = () => free.bytes - bytes < bytesToKeep();
      const isOld = clock.monotonic() - measuredAt >= freeMaxAgeMs;
      if (isOld || lacksBytes() || lacksInodes()) measure();
      if (lacksBytes()) throw storageFull("a push");
      if (lacksInodes()) throw storageFull("another file (its inodes are used up)");
      free.bytes -= bytes;
      free.inodes -= 1;
    },
    release() {
      held = false;
      releases += 1;
      measuredAt = Number.NEGATIVE_INFINITY;
      for (const file of [path, partial]) tryUnlink(file);
    },
    refill() {
      held = isAllocated(path);
      if (held) return Promise.resolve();
      filling ??= fill().finally(() => {
        filling = null;
      });
      return filling;
    },
    look() {
      measure();
      const { bytes: freeBytes, inodes: freeInodes } = free;
      if (!Number.isFinite(freeBytes)) return null;
      const keptBytes = bytesToKeep();
      const isFull = freeBytes < keptBytes || lacksInodes();
      return { freeBytes, allBytes, freeInodes, keptBytes, isFull };
    },
    start() {
      first = setTimeout(reserve.refill, firstRefillAfterMs);
      timer = setInterval(reserve.refill, refillEveryMs);
      first.unref();
      timer.unref();
    },
    async close() {
      clearTimeout(first);
      clearInterval(timer);
      await filling;
    },
  };
  return reserve;
}

/** Random bytes: file systems that compress, or leave holes for zeros, would set nothing aside. */
async function writeBallast(path: string, wanted: () => boolean): Promise<void> {
  const file = await fs.promises.open(path, "w", 0o600);
  try {
    const chunk = new Uint8Array(writeBytes);
    for (let at = 0; at < ballastBytes; at += chunk.byteLength) {
      if (!wanted()) return;
      randomFillSync(chunk);
      await file.write(chunk, 0, chunk.byteLength, at);
    }
    await file.datasync();
  } finally {
    await file.close();
  }
}

function isAllocated(path: string): boolean {
  const stat = fs.statSync(path, { throwIfNoEntry: false });
  return stat !== undefined && stat.size >= ballastBytes && stat.blocks * 512 >= ballastBytes;
}

/**
 * Where a failing disk keeps the file, nothing is gained, and nothing would be by an error: the
 * timer and the full database that ask for this have nobody to tell it to.
 */
function tryUnlink(path: string): void {
  try {
    fs.unlinkSync(path);
  } catch {}
}
