import fs from "node:fs";
import { basename, join } from "node:path";
import type { Clock } from "../lib/clock.ts";
import type { BlobBody, BlobKey, ByteRange } from "./blob-store.ts";
import { type CacheFill, createCacheFill, followFill } from "./cache-fill.ts";
import type { OpenObject } from "./s3-read.ts";

/** What was handed out so lately is not removed: whoever got it may not have opened it yet. */
const inUseMs = 30_000;
const fillsMax = 64;
/** Files looked at before other work gets its turn. */
const loadBatch = 256;

export interface ReadCache {
  open(key: BlobKey, sizeBytes: number, range: ByteRange | null): Promise<BlobBody | null>;
  /** Blobs that are no more where they came from. */
  forget(keys: readonly BlobKey[]): void;
  readonly stats: CacheStats;
  close(): Promise<void>;
}

export interface CacheStats {
  hits: number;
  misses: number;
  /** Bytes of whole blobs on disk. */
  bytes: number;
}

export interface ReadCacheOptions {
  /** Made when it is missing. Holds nothing but the cache. */
  readonly folder: string;
  /** For this process alone: several that share the folder share the blobs in it. */
  readonly bytesMax: number;
  readonly clock: Clock;
  /** Throws when the disk has no room for so many bytes. */
  readonly admitWrite: (bytes: number) => void;
  /** Reads from where the blobs are. */
  readonly source: OpenObject;
}

/**
 * Blobs on local disk, in front of a store that is further away. One that is not there is read once,
 * however many wait for it, and goes to all of them while it comes. Only what came whole is kept.
 */
export function createReadCache(options: ReadCacheOptions): ReadCache {
  const { folder, bytesMax, clock, source } = options;
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  /** From the one that was asked for longest ago to the latest. */
  const kept = new Map<string, { sizeBytes: number; usedAt: number }>();
  const fills = new Map<string, CacheFill>();
  const ending = new Set<Promise<void>>();
  const stats: CacheStats = { hits: 0, misses: 0, bytes: 0 };
  let closed = false;
  const loading = load();

  const pathOf = (name: string) => join(folder, name);

  /** What an earlier process kept, the latest last; and away with what it did not get to the end of. */
  async function load(): Promise<void> {
    const found: { name: string; sizeBytes: number; at: number }[] = [];
    for (const [i, name] of (await fs.promises.readdir(folder)).entries()) {
      if (i % loadBatch === loadBatch - 1) await new Promise(setImmediate);
      const stat = fs.statSync(pathOf(name), { throwIfNoEntry: false });
      if (stat === undefined) continue;
      // A new one may be another process's, on its way.
      const isOld = clock.now() - stat.mtimeMs > inUseMs;
      if (!name.endsWith(".part")) found.push({ name, sizeBytes: stat.size, at: stat.mtimeMs });
      else if (isOld) fs.rmSync(pathOf(name), { force: true });
    }
    for (const { name, sizeBytes } of found.sort((a, b) => a.at - b.at)) keep(name, sizeBytes);
    makeRoom(0);
  }

  function keep(name: string, sizeBytes: number, usedAt = Number.NEGATIVE_INFINITY): void {
    stats.bytes += sizeBytes - (kept.get(name)?.sizeBytes ?? 0);
    kept.delete(name);
    kept.set(name, { sizeBytes, usedAt });
  }

  function drop(name: string): void {
    stats.bytes -= kept.get(name)?.sizeBytes ?? 0;
    kept.delete(name);
    fs.rmSync(pathOf(name), { force: true });
  }

  /** False where too much is in use to make room for so many bytes. */
  function makeRoom(bytes: number): boolean {
    let coming = bytes;
    for (const fill of fills.values()) coming += fill.sizeBytes;
    for (const [name, { usedAt }] of kept) {
      if (stats.bytes + coming <= bytesMax) return true;
      if (clock.monotonic() - usedAt >= inUseMs) drop(name);
    }
    return stats.bytes + coming <= bytesMax;
  }

  function openKept(name: string, sizeBytes: number, range: ByteRange | null): BlobBody | null {
    // Asked of the disk each time: another process of this server may have filled it, or dropped it.
    const size = fs.statSync(pathOf(name), { throwIfNoEntry: false })?.size;
    if (size !== sizeBytes) {
      if (size !== undefined || kept.has(name)) drop(name);
      return null;
    }
    keep(name, sizeBytes, clock.monotonic());
    const file = Bun.file(pathOf(name));
    return { kind: "file", file: range === null ? file : file.slice(range.first, range.last + 1) };
  }

  function startFill(key: BlobKey, name: string, sizeBytes: number): CacheFill | null {
    if (closed || sizeBytes > bytesMax || fills.size >= fillsMax || !makeRoom(sizeBytes))
      return null;
    try {
      options.admitWrite(sizeBytes);
      const path = pathOf(name);
      const fill = createCacheFill(path, sizeBytes, () => source(key, sizeBytes, null));
      fills.set(name, fill);
      const ended = fill.ended.then((whole) => {
        fills.delete(name);
        ending.delete(ended);
        if (whole) keep(name, sizeBytes);
      });
      ending.add(ended);
      return fill;
    } catch {
      // A full disk keeps nobody from reading.
      return null;
    }
  }

  async function direct(
    key: BlobKey,
    sizeBytes: number,
    range: ByteRange | null,
  ): Promise<BlobBody | null> {
    const stream = await source(key, sizeBytes, range);
    return stream === null ? null : { kind: "stream", stream };
  }

  return {
    async open(key, sizeBytes, range) {
      const name = basename(key);
      const found = openKept(name, sizeBytes, range);
      if (found !== null) {
        stats.hits += 1;
        return found;
      }
      let fill = fills.get(name) ?? null;
      // A piece from the middle is read by itself: waiting for all before it would take longer.
      if (fill === null && range !== null) return await direct(key, sizeBytes, range);
      if (fill === null) {
        stats.misses += 1;
        fill = startFill(key, name, sizeBytes);
      } else {
        stats.hits += 1;
      }
      if (fill === null || fill.sizeBytes !== sizeBytes) return await direct(key, sizeBytes, range);
      if (range !== null && range.first > fill.writtenBytes)
        return await direct(key, sizeBytes, range);
      const opened = await fill.opened;
      if (opened === "missing") return null;
      const bytes = range ?? { first: 0, last: sizeBytes - 1 };
      const elsewhere = (rest: ByteRange) => source(key, sizeBytes, rest);
      return { kind: "stream", stream: followFill(fill, bytes, elsewhere) };
    },
    forget(keys) {
      for (const key of keys) drop(basename(key));
    },
    stats,
    async close() {
      closed = true;
      for (const fill of fills.values()) fill.stop();
      await Promise.all(ending);
      await loading.catch(() => {});
    },
  };
}
