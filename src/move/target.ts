import { existsSync, readdirSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { createFsBlobStore } from "../blobs/fs-blob-store.ts";
import { FolderInUseError, type FolderLock, lockDataFolder } from "../db/data-folder.ts";
import { openSqlite } from "../db/sqlite.ts";
import type { Clock } from "../lib/clock.ts";
import type { End } from "./move-deps.ts";
import { refused } from "./refused.ts";

/** Where everything is to go. */
export interface Target {
  /** Folder for what is not elsewhere; absolute. Null where nothing is to be there. */
  readonly data: string | null;
}

export interface OpenTarget extends End {
  /** The folder that it was given, and that this process holds. */
  readonly folder: string | null;
  /** Why the target takes no more writes; null while it does. */
  readonly failure: () => Error | null;
  close(): Promise<void>;
}

/** What Berth itself has in a data folder. */
const ownEntries: ReadonlySet<string> = new Set([
  "ballast",
  "berth.db",
  "berth.db-shm",
  "berth.db-wal",
  "berth.lock",
  "berth.yaml",
  "blobs",
  "blobs.new",
  "control.sock",
  "quarantine",
  "secret.key",
  "secret.key.new",
  "uploads",
]);

/** The target in one line, without secrets: at the next run it tells whether that is the same one. */
export function describeTarget(target: Target): string {
  return `database sqlite:${target.data}/berth.db, blobs ${target.data}/blobs`;
}

/** Throws what keeps the target from being used, by name. */
export function checkTarget(target: Target, source: { readonly data: string }): void {
  const { data } = target;
  if (data === null) return;
  if (!isAbsolute(data)) throw refused(400, `the target folder ${data} must be an absolute path`);
  if (data === source.data) {
    throw refused(400, `the target folder ${data} is that of the registry itself: name another`);
  }
  const foreign = entriesOf(data).find((name) => !ownEntries.has(name));
  if (foreign === undefined) return;
  throw refused(
    409,
    `the target folder ${data} holds ${foreign}, which is none of Berth's: name an empty one`,
  );
}

/** Whether something of a registry is there already, so that opening it makes nothing. */
export function isThere(target: Target): boolean {
  return target.data === null || existsSync(join(target.data, "berth.db"));
}

/** Opens it, and makes what is missing. The database is not migrated. */
export async function openTarget(target: Target, clock: Clock): Promise<OpenTarget> {
  const folder = target.data;
  if (folder === null) throw refused(400, "there is no target");
  const lock = hold(folder);
  try {
    let failure: Error | null = null;
    const db = openSqlite({
      file: join(folder, "berth.db"),
      onFailure(error) {
        failure = error;
      },
    });
    const blobs = createFsBlobStore({ folder, clock, onSyncFailure: db.refuseWrites });
    return {
      db,
      blobs,
      folder,
      failure: () => failure,
      async close() {
        await blobs.close();
        await db.close();
        lock.release();
      },
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

function hold(folder: string): FolderLock {
  try {
    return lockDataFolder(folder);
  } catch (error) {
    if (!(error instanceof FolderInUseError)) throw error;
    throw refused(
      409,
      `the target folder ${folder} is in use by another Berth: stop that one first`,
    );
  }
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return [];
    throw refused(409, `the target folder ${folder} cannot be read (${code})`);
  }
}
