import { Database } from "bun:sqlite";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

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
export function lockDataFolder(folder: string): FolderLock {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
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
