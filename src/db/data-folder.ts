import { Database } from "bun:sqlite";
import { closeSync, fsyncSync, mkdirSync, openSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

/** Holds a data folder for this process until `release`, or until the process ends, however it ends. */
export interface FolderLock {
  release(): void;
}

/** Another process holds the data folder. */
export class FolderInUseError extends Error {
  override name = "FolderInUseError";
}

/**
 * Creates the folder if needed and locks it. The lock is SQLite's exclusive lock on an empty file:
 * the operating system drops it with the process, so none is ever stale.
 */
export function lockDataFolder(path: string): FolderLock {
  const folder = resolve(path);
  const created = mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (created !== undefined) syncParents(folder, created);
  const lock = new Database(join(folder, "berth.lock"), { create: true });
  try {
    lock.run("PRAGMA busy_timeout = 0");
    lock.run("PRAGMA journal_mode = MEMORY");
    lock.run("BEGIN EXCLUSIVE");
  } catch (error) {
    lock.close();
    if ((error as { code?: string }).code === "SQLITE_BUSY") {
      throw new FolderInUseError(`the data folder ${folder} is in use by another Berth`, {
        cause: error,
      });
    }
    throw error;
  }
  return {
    release() {
      lock.close();
    },
  };
}

/** A folder is durable only once the one above it is: from the data folder up to the first that was there. */
function syncParents(folder: string, created: string): void {
  for (let parent = dirname(folder); ; parent = dirname(parent)) {
    const fd = openSync(parent, "r");
    fsyncSync(fd);
    closeSync(fd);
    if (parent === dirname(created) || parent === dirname(parent)) return;
  }
}
