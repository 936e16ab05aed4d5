import { Database } from "bun:sqlite";
import { rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ClientError } from "./client-error.ts";

/** Times that a file is locked which its holder removed at that moment. */
const triesMax = 10;

/** Keeps a folder for this run until `release`, or until the process ends, however it ends. */
export interface FolderLock {
  release(): void;
}

/**
 * Of two runs that write into one folder the second one is refused: they would append to the same files. The
 * lock is SQLite's lock on an empty file, so the operating system drops it with the process: a number of a
 * process would say nothing in another container. The file is removed by who has the lock.
 */
export function lockFolder(folder: string): FolderLock {
  const path = join(folder, "berth.lock");
  for (let tries = 0; tries < triesMax; tries++) {
    makeEmpty(path);
    const inode = inodeOf(path);
    const lock = take(path, folder);
    // What was locked may be a file that its last holder has removed, and nobody else would look at it.
    if (inode !== null && inodeOf(path) === inode) return { release: () => release(lock, inode) };
    lock.close();
  }
  throw inUse(folder);

  /** The folder may have gone before, and be another run's by now. */
  function release(lock: Database, inode: number): void {
    if (inodeOf(path) === inode) rmSync(path);
    lock.close();
  }
}

function take(path: string, folder: string): Database {
  let lock: Database | null = null;
  try {
    lock = new Database(path, { create: true });
    lock.run("PRAGMA busy_timeout = 0");
    lock.run("PRAGMA journal_mode = MEMORY");
    lock.run("BEGIN EXCLUSIVE");
    return lock;
  } catch (error) {
    lock?.close();
    const { code, message } = error as { code?: string; message: string };
    if (code === "SQLITE_BUSY") throw inUse(folder);
    throw new ClientError(`${folder} cannot be locked: ${message}`);
  }
}

function makeEmpty(path: string): void {
  try {
    writeFileSync(path, "", { flag: "wx" });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

function inodeOf(path: string): number | null {
  return statSync(path, { throwIfNoEntry: false })?.ino ?? null;
}

function inUse(folder: string): ClientError {
  return new ClientError(`${folder} is in use by another run of berth`, 409);
}
