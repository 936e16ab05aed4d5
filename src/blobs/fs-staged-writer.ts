import fs from "node:fs";
import { assert } from "../lib/assert.ts";
import type { Mutex } from "../lib/mutex.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { nothingStaged, type StagedWriter } from "./blob-store.ts";
import { type DiskCalls, storageError, totalBytes } from "./disk-calls.ts";

/** Bytes gathered before they are written in one call. At 16 KiB a call the hops cost four times the writing. */
const batchBytes = 512 * 1024;
/** Chunks in one call; systems take at most 1,024. */
const batchChunksMax = 512;
/** Bytes after which the disk is set to work, so that little is left to sync at the end. */
const syncEveryBytes = 16 * 1024 * 1024;
/** Bytes that may wait for the disk. Beyond it the client waits, rather than the kernel stopping every writer. */
const unsyncedBytesMax = 2 * syncEveryBytes;

export interface StagedFile {
  readonly path: string;
  /** Null: the file is made, or emptied, at the first write or at the end. */
  readonly fd: number | null;
  readonly offsetBytes: number;
}

export interface StagedWriterDeps {
  readonly disk: DiskCalls;
  /** Syncs of many bytes, one at a time in the store: they would fill the pool and hold up small ones. */
  readonly largeSync: Mutex;
  /** Throws when the disk has no room for so many bytes. */
  admitWrite(bytes: number): void;
  /** `fdatasync`, with the store's rules for its errors. */
  syncData(fd: number): Promise<void>;
  onClosed(): void;
}

export function createStagedWriter(deps: StagedWriterDeps, staged: StagedFile): StagedWriter {
  const { disk } = deps;
  let fd = staged.fd;
  /** Bytes in the file. */
  let written = staged.offsetBytes;
  /** Bytes in the file or on their way to it. */
  let taken = staged.offsetBytes;
  let pending: Uint8Array[] = [];
  let pendingBytes = 0;
  let flushing: Promise<void> = Promise.resolve();
  let syncing: Promise<void> | null = null;
  let unsynced = 0;
  let failure: RegistryError | null = null;
  let failureTold = false;
  let closing: Promise<void> | null = null;

  function throwFailure(): void {
    if (failure === null) return;
    failureTold = true;
    throw failure;
  }

  /** Queues the pending chunks behind the batch under way. */
  function flush(): Promise<void> {
    const batch = pending;
    pending = [];
    pendingBytes = 0;
    flushing = flushing.then(async () => {
      try {
        if (failure === null) await writeBatch(batch);
      } catch (error) {
        failure ??= storageError(error, "an upload");
      } finally {
        for (const chunk of batch) release(chunk);
      }
    });
    return flushing;
  }

  async function writeBatch(batch: readonly Uint8Array[]): Promise<void> {
    deps.admitWrite(totalBytes(batch));
    fd ??= await disk.open(staged.path, createFlags);
    if (unsynced >= unsyncedBytesMax) await syncing;
    let rest = batch;
    while (rest.length > 0) {
      const bytes = await disk.write(fd, rest, written);
      assert(bytes > 0, "a write of some bytes wrote none");
      written += bytes;
      unsynced += bytes;
      rest = without(rest, bytes);
    }
    if (unsynced >= syncEveryBytes) syncing ??= syncInBackground(fd);
  }

  async function syncInBackground(open: number): Promise<void> {
    try {
      await deps.largeSync.run(() => {
        unsynced = 0;
        return deps.syncData(open);
      });
    } catch (error) {
      failure ??= storageError(error, "an upload");
    } finally {
      syncing = null;
    }
  }

  async function finish(): Promise<void> {
    await flush();
    await syncing;
    try {
      if (fd !== null) fs.closeSync(fd);
    } catch (error) {
      failure ??= storageError(error, "an upload");
    }
    deps.onClosed();
    if (!failureTold) throwFailure();
  }

  return {
    state: nothingStaged,
    get offsetBytes() {
      return failure === null ? taken : written;
    },
    async write(chunk) {
      assert(closing === null, "a closed writer was written to");
      throwFailure();
      if (chunk.byteLength === 0) return;
      pending.push(chunk);
      pendingBytes += chunk.byteLength;
      taken += chunk.byteLength;
      if (pendingBytes < batchBytes && pending.length < batchChunksMax) return;
      const previous = flushing;
      flush();
      await previous;
      throwFailure();
    },
    async truncate(offsetBytes) {
      assert(closing === null, "a closed writer was truncated");
      await flush();
      throwFailure();
      assert(offsetBytes <= written, "staged bytes can only be cut, not grown");
      try {
        if (fd !== null) await disk.truncate(fd, offsetBytes);
        written = offsetBytes;
        taken = offsetBytes;
      } catch (error) {
        failure ??= storageError(error, "an upload");
        throwFailure();
      }
    },
    close() {
      closing ??= finish();
      return closing;
    },
    async abandon() {
      failure ??= new RegistryError("UNAVAILABLE", {
        message: "another process has taken the upload over",
      });
      failureTold = true;
      closing ??= finish();
      await closing;
    },
  };
}

const createFlags = fs.constants.O_CREAT | fs.constants.O_TRUNC | fs.constants.O_WRONLY;

/** Frees the memory of a chunk at once: left to the collector, hundreds of megabytes wait for it. */
function release({ buffer, byteLength }: Uint8Array): void {
  const isWhole = buffer instanceof ArrayBuffer && buffer.byteLength === byteLength;
  if (isWhole && !buffer.detached) buffer.transfer(0);
}

/** What is left of `chunks` after their first `bytes`. */
function without(chunks: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  if (bytes === totalBytes(chunks)) return [];
  let skip = bytes;
  const rest: Uint8Array[] = [];
  for (const chunk of chunks) {
    if (skip < chunk.byteLength) rest.push(chunk.subarray(skip));
    skip = Math.max(0, skip - chunk.byteLength);
  }
  return rest;
}
