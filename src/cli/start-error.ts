import { KeyFileError } from "../auth/key-file.ts";
import { SealError } from "../auth/secret-box.ts";
import { HalfRestoredError } from "../backup/restoring.ts";
import { BucketError } from "../blobs/open-s3.ts";
import { FolderInUseError } from "../db/data-folder.ts";
import { DatabaseAwayError } from "../db/database-away.ts";
import { NewerDatabaseError } from "../db/migrations/migrate.ts";
import { UnfitServerError } from "../db/postgres-connection.ts";
import { HalfMovedError } from "../move/move-watch.ts";
import type { Config } from "../platform/config.ts";

const notWritable = new Set([
  "EACCES",
  "ENOENT",
  "EPERM",
  "EROFS",
  "ENOTDIR",
  "EEXIST",
  "SQLITE_CANTOPEN",
]);
const full = new Set(["ENOSPC", "EDQUOT", "SQLITE_FULL"]);

/** One sentence, with the way out, for what keeps Berth from starting; null for what nobody expected. */
export function explainStartError(error: unknown, config: Config): string | null {
  if (!(error instanceof Error)) return null;
  if (error instanceof FolderInUseError) {
    return `The data folder ${config.data} is in use by another Berth: stop that one, or choose another folder with --data.`;
  }
  if (error instanceof NewerDatabaseError || error instanceof KeyFileError) {
    return `${error.message}.`;
  }
  if (error instanceof UnfitServerError) return `Berth does not start: ${error.message}.`;
  if (error instanceof DatabaseAwayError) {
    return `The database cannot be reached: ${rootOf(error)}. Look at the settings of BERTH_DATABASE, and whether it is up.`;
  }
  if (error instanceof SealError && config.database !== null && config.secretKeys.length === 0) {
    return `The stored secrets of the database were sealed with another key than that of ${config.data}: give all nodes of a database the same BERTH_SECRET_KEY, that of the node which was there first.`;
  }
  if (error instanceof HalfMovedError || error instanceof HalfRestoredError) {
    return `${error.message}.`;
  }
  if (error instanceof BucketError) return `${error.message}: see the settings blobs and s3.`;
  if (error instanceof SealError) {
    return `The stored secrets of ${config.data} cannot be opened: ${error.message}. Put the key back from where you keep its copy.`;
  }
  // Of serve.ts, which is above this level; its message says what to do.
  if (error.name === "ListenError") return error.message;
  if (error.name === "CannotServeError") {
    return `A process of the server cannot serve: ${error.message}.`;
  }
  const code = (error as { code?: unknown }).code;
  if (typeof code !== "string") return null;
  if (full.has(code)) {
    return `The disk of the data folder ${config.data} is full (${code}): free some space, or choose another folder with --data.`;
  }
  if (!notWritable.has(code) && !code.startsWith("SQLITE_READONLY")) return null;
  return `The data folder ${config.data} cannot be written (${code}): give this user the right to write there, or choose another folder with --data.`;
}

/** What the server, or the system, said itself. */
function rootOf(error: Error): string {
  return error.cause instanceof Error ? rootOf(error.cause) : error.message;
}
