import { existsSync, readdirSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import type { BlobStore } from "../blobs/blob-store.ts";
import { createFsBlobStore } from "../blobs/fs-blob-store.ts";
import { BucketError, openS3 } from "../blobs/open-s3.ts";
import { FolderInUseError, type FolderLock, lockDataFolder } from "../db/data-folder.ts";
import type { Database } from "../db/database.ts";
import { DatabaseAwayError } from "../db/database-away.ts";
import { openPostgres } from "../db/postgres.ts";
import { UnfitServerError } from "../db/postgres-connection.ts";
import { openSqlite } from "../db/sqlite.ts";
import type { Clock } from "../lib/clock.ts";
import { type AwsKeys, type Config, ConfigError, configOfTexts } from "../platform/config.ts";
import type { End } from "./move-deps.ts";
import { describePlace } from "./place.ts";
import { refused } from "./refused.ts";

/** Where everything is to go. */
export interface Target {
  readonly config: Config;
  /** A folder for what is not elsewhere, and for the secret key. Null where none was named. */
  readonly folder: string | null;
  /** Of the S3; null: those that this process finds itself. */
  readonly keys: AwsKeys | null;
  /** In one line, without secrets: at the next run it tells whether that is the same one. */
  readonly name: string;
}

/** As it comes from the command. */
export interface TargetTexts {
  readonly settings: Readonly<Record<string, string>>;
  readonly keys: AwsKeys | null;
}

export interface OpenTarget extends End {
  close(): Promise<void>;
}

/** What Berth itself has in a data folder. */
const ownEntries: ReadonlySet<string> = new Set([
  "backup",
  "ballast",
  "berth.db",
  "berth.db-commits",
  "berth.db-shm",
  "berth.db-turn",
  "berth.db-wal",
  "berth.lock",
  "berth.yaml",
  "blobs",
  "blobs.new",
  "cache",
  "control.sock",
  "layer-files",
  "move",
  "parts",
  "quarantine",
  "secret.key",
  "secret.key.new",
  "uploads",
]);

/** Throws what is wrong with the settings of a target, by name. */
export function readTarget(
  { settings: texts, keys }: TargetTexts,
  source: Pick<Config, "data">,
): Target {
  const config = parse(texts);
  const folder = texts["data"] ?? null;
  const inFolder = [
    ...(config.database === null ? ["the database"] : []),
    ...(config.s3 === null ? ["the blobs"] : []),
  ].join(" and ");
  if (folder === null && inFolder !== "") {
    throw refused(400, `no place is named for ${inFolder} of the target: --to-data names a folder`);
  }
  if (folder !== null) checkFolder(folder, source);
  return { config, folder, keys, name: describePlace(config) };
}

function parse(texts: Readonly<Record<string, string>>): Config {
  try {
    return configOfTexts(texts);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw refused(400, error.message.replace(/\.$/, ""));
  }
}

function checkFolder(folder: string, source: Pick<Config, "data">): void {
  if (!isAbsolute(folder)) {
    throw refused(400, `the target folder ${folder} must be an absolute path`);
  }
  if (folder === source.data) {
    throw refused(400, `the target folder ${folder} is that of the registry itself: name another`);
  }
  const foreign = entriesOf(folder).find((name) => !ownEntries.has(name));
  if (foreign === undefined) return;
  throw refused(
    409,
    `the target folder ${folder} holds ${foreign}, which is none of Berth's: name an empty one`,
  );
}

/** Whether opening it makes nothing that is not there: then a dry run may. */
export function isThere({ config, folder }: Target): boolean {
  return (
    (config.database !== null && config.s3 !== null) || existsSync(join(folder ?? "", "blobs"))
  );
}

/**
 * Opens it, and makes what is missing of a folder. The database is not migrated. `scratch`: a folder for
 * parts on their way to S3.
 */
export async function openTarget(
  target: Target,
  scratch: string,
  clock: Clock,
): Promise<OpenTarget> {
  const { folder } = target;
  const lock = folder === null ? null : hold(folder);
  try {
    const db = await openDatabase(target, clock);
    try {
      const blobs = await openBlobs(target, db, scratch, clock);
      return {
        db,
        blobs,
        async close() {
          await blobs.close();
          await db.close();
          lock?.release();
        },
      };
    } catch (error) {
      await db.close();
      throw error;
    }
  } catch (error) {
    lock?.release();
    throw error;
  }
}

async function openDatabase({ config, folder }: Target, clock: Clock): Promise<Database> {
  if (config.database === null) {
    return openSqlite({ file: join(folder ?? "", "berth.db"), onFailure() {} });
  }
  try {
    return await openPostgres({ ...config.database, clock });
  } catch (error) {
    const isKnown = error instanceof DatabaseAwayError || error instanceof UnfitServerError;
    throw isKnown
      ? refused(409, `the target database cannot be used: ${error.message}`, error)
      : error;
  }
}

async function openBlobs(
  { config, folder, keys }: Target,
  db: Database,
  scratch: string,
  clock: Clock,
): Promise<BlobStore> {
  const { s3 } = config;
  if (s3 === null) {
    return createFsBlobStore({ folder: folder ?? "", clock, onSyncFailure: db.refuseWrites });
  }
  try {
    const opened = await openS3({
      s3: { ...s3, cacheBytes: 0 },
      folder: folder ?? scratch,
      processes: 1,
      clock,
      admitWrite() {},
      ...(keys === null
        ? {}
        : { credentials: { current: async () => keys, refresh: () => false } }),
    });
    return opened.blobs;
  } catch (error) {
    if (!(error instanceof BucketError)) throw error;
    throw refused(409, `the target store cannot be used: ${error.message}`, error);
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
