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

/** How the folder is held: by one process, or by a parent and its children together. */
export type FolderHolder = "alone" | "parent" | "child";

/** How long a start waits for the children of a parent that was killed. */
const waitMsMax = 1_000;

/**
 * Creates the folder if needed and locks it. The lock is SQLite's lock on an empty file: the operating
 * system drops it with the process, so none is ever stale. A process that is alone has it exclusively. A
 * parent shows that nobody has it, then keeps everybody else from writing, and its children from being
 * overlooked, for each of them reads.
 */
export function lockDataFolder(path: string, holder: FolderHolder = "alone"): FolderLock {
  const folder = resolve(path);
  const created = mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (created !== undefined) syncParents(folder, created);
  const lock = new Database(join(folder, "berth.lock"), { create: true });
  try {
    lock.run(`PRAGMA busy_timeout = ${waitMsMax}`);
    lock.run("PRAGMA journal_mode = MEMORY");
    take(lock, holder);
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

function take(lock: Database, holder: FolderHolder): void {
  if (holder === "child") {
    lock.run("BEGIN");
    const statement = lock.prepare("SELECT count(*) FROM sqlite_schema");
    statement.get();
    statement.finalize();
    return;
  }
  lock.run("BEGIN EXCLUSIVE");
  if (holder === "alone") return;
  // Of two parents that got so far one after the other, one gets this.
  lock.run("COMMIT");
  lock.run("BEGIN IMMEDIATE");
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
