import fs from "node:fs";
import { assert } from "../lib/assert.ts";
import type { Clock } from "../lib/clock.ts";
import { createMutex } from "../lib/mutex.ts";
import { together } from "../lib/together.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type {
  BlobBody,
  BlobKey,
  BlobStore,
  ByteRange,
  StagedId,
  StagedWriter,
} from "./blob-store.ts";
import {
  createDiskCalls,
  isDiskFull,
  storageError,
  storageFull,
  systemCode,
} from "./disk-calls.ts";
import { openFsLayout } from "./fs-layout.ts";
import { createStagedWriter } from "./fs-staged-writer.ts";
import { createSharedSync, type SharedSync } from "./shared-sync.ts";

/** Blobs up to this size are read whole: serving them from memory costs less than from a file. */
const inMemoryBytesMax = 64 * 1024;
/** Files deleted at once: half of the threads that calls on files have. */
const unlinksAtOnce = 4;
/** A sync of more than this waits for its turn with the other large ones. */
const smallSyncBytesMax = 1024 * 1024;

export interface FsBlobStoreOptions {
  /** The data folder; made when it is missing. */
  readonly folder: string;
  readonly clock: Clock;
  /** Told once, of the first sync that failed for another reason than a full disk. Writes are refused from then on. */
  readonly onSyncFailure: (error: Error) => void;
  /** Asked before bytes are written; throws when the disk has no room for them. */
  readonly admitWrite?: (bytes: number) => void;
}

/**
 * Blobs as files: `blobs/<algorithm>/<first two digits>/<hex>.<upload>.<random>`, `uploads/<id>`
 * and `quarantine/`. A key is the path below `blobs/`. Throws what the system says when the folder
 * cannot be made or read.
 */
export function createFsBlobStore(options: FsBlobStoreOptions): BlobStore {
  const layout = openFsLayout(options.folder);
  const disk = createDiskCalls(options.clock);
  const admitWrite = options.admitWrite ?? (() => {});
  const largeSync = createMutex();
  const writers = new Map<StagedId, StagedWriter>();
  const shardSyncs = new Map<string, SharedSync>();
  let failure: Error | null = null;

  function refuseAfterFailure(): void {
    if (failure === null) return;
    throw new RegistryError("UNAVAILABLE", {
      message: "the registry takes no writes until it is restarted: a sync of its storage failed",
      cause: failure,
    });
  }

  /** Whether the bytes of a failed sync reached the disk cannot be known, now or by trying again. */
  function syncFailed(error: unknown, what: string): RegistryError {
    if (isDiskFull(error)) return storageFull(what, error);
    if (failure === null) {
      failure = error as Error;
      options.onSyncFailure(failure);
    }
    return storageError(error, what);
  }

  async function syncStaged(id: StagedId, fd: number): Promise<void> {
    try {
      await disk.fdatasync(fd);
    } catch (error) {
      // The kernel reports a lost page once: a later sync of this file would succeed and prove nothing.
      await unlinkIfThere(layout.stagedPath(id)).catch(() => {});
      throw syncFailed(error, "an upload");
    }
  }

  /** Makes the names in a shard folder durable. A sync counts only for renames made before it began. */
  function syncShard(path: string): Promise<void> {
    let shared = shardSyncs.get(path);
    if (shared === undefined) {
      shared = createSharedSync(() => syncFolder(path));
      shardSyncs.set(path, shared);
    }
    return shared.sync();
  }

  async function syncFolder(path: string): Promise<void> {
    const fd = await disk.open(path, fs.constants.O_RDONLY);
    try {
      await disk.fsync(fd);
    } catch (error) {
      throw syncFailed(error, "an upload");
    } finally {
      fs.closeSync(fd);
    }
  }

  async function unlinkIfThere(path: string): Promise<void> {
    try {
      await disk.unlink(path);
    } catch (error) {
      if (systemCode(error) !== "ENOENT") throw storageError(error, "a delete");
    }
  }

  /** Whoever has the file open still writes into one that nobody reads any more. */
  async function replaceStaged(path: string, confirm: () => Promise<void>): Promise<void> {
    const copy = `${path}-copy`;
    try {
      await fs.promises.copyFile(path, copy, fs.constants.COPYFILE_FICLONE);
      await confirm();
      await disk.rename(copy, path);
    } catch (error) {
      await unlinkIfThere(copy).catch(() => {});
      if (systemCode(error) !== "ENOENT") throw error;
    }
  }

  /** The file open for writing and cut to `offsetBytes`; null when fewer bytes are there. */
  async function openStaged(path: string, offsetBytes: number): Promise<number | null> {
    const size = sizeOf(path);
    if (size === null || size < offsetBytes) return null;
    const fd = await disk.open(path, fs.constants.O_WRONLY);
    try {
      if (size > offsetBytes) await disk.truncate(fd, offsetBytes);
      return fd;
    } catch (error) {
      fs.closeSync(fd);
      throw error;
    }
  }

  /** Syncs what was staged and gives it its place; the name is not durable yet. */
  async function place(id: StagedId, key: BlobKey): Promise<void> {
    const path = layout.stagedPath(id);
    const bytes = sizeOf(path);
    if (bytes === null) throw new RegistryError("BLOB_UPLOAD_UNKNOWN");
    const fd = await disk.open(path, fs.constants.O_RDONLY);
    try {
      const large = bytes > smallSyncBytesMax;
      await (large ? largeSync.run(() => syncStaged(id, fd)) : syncStaged(id, fd));
    } finally {
      fs.closeSync(fd);
    }
    try {
      await disk.rename(path, layout.blobPath(key));
    } catch (error) {
      // The journal of the file system is broken: what it says of this folder cannot be relied on.
      throw systemCode(error) === "EIO" ? syncFailed(error, "an upload") : error;
    }
  }

  return {
    stagedIsDurable: false,

    async stage({ id }, offsetBytes) {
      refuseAfterFailure();
      assert(!writers.has(id), "an upload has one writer at a time");
      const path = layout.stagedPath(id);
      let fd: number | null = null;
      if (offsetBytes > 0) {
        fd = await during("an upload", () => openStaged(path, offsetBytes));
        if (fd === null) return null;
      }
      const writer = createStagedWriter(
        {
          disk,
          largeSync,
          admitWrite,
          syncData: (open) => syncStaged(id, open),
          onClosed: () => writers.delete(id),
        },
        { path, fd, offsetBytes },
      );
      writers.set(id, writer);
      return writer;
    },

    async takeOver({ id }, confirm) {
      assert(!writers.has(id), "an upload is taken over from another process");
      await during("an upload", () => replaceStaged(layout.stagedPath(id), confirm));
    },

    async stagedBytes({ id }) {
      const writer = writers.get(id);
      if (writer !== undefined) return writer.offsetBytes;
      return sizeOf(layout.stagedPath(id));
    },

    readStaged: ({ id }) => Bun.file(layout.stagedPath(id)).stream(),

    async publish({ id }, digest) {
      refuseAfterFailure();
      assert(!writers.has(id), "an upload is published after its writer is closed");
      const key = layout.newKey(digest, id);
      await during("an upload", () => place(id, key));
      try {
        await syncShard(layout.shardPath(key));
      } catch (error) {
        await unlinkIfThere(layout.blobPath(key)).catch(() => {});
        throw storageError(error, "an upload");
      }
      return key;
    },

    async discard({ id }) {
      await unlinkIfThere(layout.stagedPath(id));
    },

    // Both wrote to one file, and `takeOver` has left this one another.
    async disown() {},

    async size(key) {
      return sizeOf(layout.blobPath(key));
    },

    async open(key, sizeBytes, range) {
      const path = layout.blobPath(key);
      if (sizeBytes > inMemoryBytesMax) {
        return sizeOf(path) === sizeBytes ? fileBody(path, range) : null;
      }
      try {
        const bytes = await disk.readSmall(path);
        return bytes.byteLength === sizeBytes ? bytesBody(bytes, range) : null;
      } catch (error) {
        if (systemCode(error) === "ENOENT") return null;
        throw storageError(error, "reading a blob");
      }
    },

    link: null,

    async remove(keys) {
      for (let from = 0; from < keys.length; from += unlinksAtOnce) {
        const some = keys.slice(from, from + unlinksAtOnce);
        await together(some.map((key) => unlinkIfThere(layout.blobPath(key))));
      }
    },

    async quarantine(item) {
      const path = layout.pathOf(item);
      const target = layout.quarantinePath(path);
      try {
        await disk.rename(path, target);
        return target;
      } catch (error) {
        if (systemCode(error) === "ENOENT") return null;
        throw storageError(error, "moving a file to quarantine");
      }
    },

    pathOf: layout.pathOf,

    list: layout.list,

    async close() {
      const open = [...writers.values()];
      await Promise.all(open.map((writer) => writer.close().catch(() => {})));
      await Promise.all([...shardSyncs.values()].map((shared) => shared.idle()));
    },
  };
}

async function during<T>(what: string, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    throw storageError(error, what);
  }
}

function sizeOf(path: string): number | null {
  try {
    return fs.statSync(path, { throwIfNoEntry: false })?.size ?? null;
  } catch (error) {
    throw storageError(error, "reading a blob");
  }
}

function fileBody(path: string, range: ByteRange | null): BlobBody {
  const file = Bun.file(path);
  return { kind: "file", file: range === null ? file : file.slice(range.first, range.last + 1) };
}

function bytesBody(bytes: Uint8Array<ArrayBuffer>, range: ByteRange | null): BlobBody {
  return {
    kind: "bytes",
    bytes: range === null ? bytes : bytes.subarray(range.first, range.last + 1),
  };
}
