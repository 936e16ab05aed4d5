import fs from "node:fs";
import type { Clock } from "../lib/clock.ts";
import { RegistryError } from "../oci/registry-error.ts";

/** Writes up to this many bytes may run on the event loop: they cost less there than a hop to the pool. */
const smallBytesMax = 64 * 1024;
/** A call on the event loop that took longer shows a slow disk. */
const stallMs = 20;
/** How long the event loop then stays away from the disk. */
const stallPauseMs = 1000;

/**
 * The calls of a store that writes files. Small ones run on the event loop, where opening, writing
 * and renaming 8 KiB took 20 us against 75 us on the pool; once the disk makes one of them wait,
 * they go to the pool for a second. Large writes and every sync always do.
 */
export interface DiskCalls {
  open(path: string, flags: number): number | Promise<number>;
  /** Bytes written, as few as the system likes. */
  write(fd: number, chunks: readonly Uint8Array[], at: number): number | Promise<number>;
  rename(from: string, to: string): void | Promise<void>;
  readSmall(path: string): Uint8Array<ArrayBuffer> | Promise<Uint8Array<ArrayBuffer>>;
  unlink(path: string): Promise<void>;
  truncate(fd: number, bytes: number): Promise<void>;
  fdatasync(fd: number): Promise<void>;
  fsync(fd: number): Promise<void>;
}

export function createDiskCalls(clock: Clock): DiskCalls {
  let pausedUntil = Number.NEGATIVE_INFINITY;

  /** Runs `small` here, or `pooled` on the pool while the disk is slow. */
  function either<T>(small: () => T, pooled: () => Promise<T>): T | Promise<T> {
    const start = clock.monotonic();
    if (start < pausedUntil) return pooled();
    try {
      return small();
    } finally {
      const end = clock.monotonic();
      if (end - start > stallMs) pausedUntil = end + stallPauseMs;
    }
  }

  return {
    open: (path, flags) =>
      either(
        () => fs.openSync(path, flags, 0o600),
        () => onPool<number>((done) => fs.open(path, flags, 0o600, done)),
      ),
    write(fd, chunks, at) {
      const pooled = () => onPool<number>((done) => fs.writev(fd, chunks, at, done));
      if (totalBytes(chunks) > smallBytesMax) return pooled();
      return either(() => fs.writevSync(fd, chunks, at), pooled);
    },
    rename: (from, to) =>
      either(
        () => fs.renameSync(from, to),
        () => onPool<void>((done) => fs.rename(from, to, done)),
      ),
    readSmall: (path) =>
      either(
        () => fs.readFileSync(path) as Uint8Array<ArrayBuffer>,
        () => onPool<Uint8Array<ArrayBuffer>>((done) => fs.readFile(path, done as never)),
      ),
    unlink: (path) => onPool((done) => fs.unlink(path, done)),
    truncate: (fd, bytes) => onPool((done) => fs.ftruncate(fd, bytes, done)),
    fdatasync: (fd) => onPool((done) => fs.fdatasync(fd, done)),
    fsync: (fd) => onPool((done) => fs.fsync(fd, done)),
  };
}

function onPool<T>(start: (done: (error: Error | null, value: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, value) => {
      if (error === null || error === undefined) resolve(value);
      else reject(error);
    });
  });
}

export function totalBytes(chunks: readonly Uint8Array[]): number {
  let bytes = 0;
  for (const chunk of chunks) bytes += chunk.byteLength;
  return bytes;
}

/** `ENOENT` and its like; undefined for an error that no system call made. */
export function systemCode(error: unknown): string | undefined {
  return (error as { code?: string } | null)?.code;
}

/** No bytes, no quota or no inodes are left. */
export function isDiskFull(error: unknown): boolean {
  const code = systemCode(error);
  return code === "ENOSPC" || code === "EDQUOT";
}

/** Seconds after which a client that met a full disk may try again. */
const retryAfterFullSeconds = 60;

/** The answer to a write for which there is no room: `what` was being done. */
export function storageFull(what: string, cause?: unknown): RegistryError {
  return new RegistryError("STORAGE_FULL", {
    message: `no space left on the registry's storage for ${what}: delete images or add space, then try again`,
    headers: { "Retry-After": String(retryAfterFullSeconds) },
    cause,
  });
}

/** What a failed system call means to the client. Paths stay in `cause`, for the log. */
export function storageError(error: unknown, what: string): RegistryError {
  if (error instanceof RegistryError) return error;
  if (isDiskFull(error)) return storageFull(what, error);
  return new RegistryError("UNAVAILABLE", {
    message: `the registry's storage failed at ${what} (${systemCode(error) ?? "unknown error"})`,
    cause: error,
  });
}
