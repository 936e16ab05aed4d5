import { isAbsolute, join, relative } from "node:path";
import type { ApiCall, Management } from "../access/endpoint.ts";
import { type LongWork, oneAtATime, progressFrom } from "../access/long-work.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { Config, S3Config } from "../platform/config.ts";
import { recordBegin, recordEnd } from "./backup-record.ts";
import { type BackupReport, createBackup, type Progress } from "./create-backup.ts";
import { isS3, openTarget, s3Of, type TargetTexts } from "./open-target.ts";
import { refused } from "./refused.ts";

const backups = oneAtATime<BackupReport>("a backup is being made already");

/** Begins it. One at a time. */
export function startBackup(
  deps: Management,
  call: ApiCall,
  options: { target: TargetTexts; listOnly: boolean },
): LongWork<BackupReport> {
  assertElsewhere(options.target, deps.config);
  const progress: Progress = progressFrom("reading the database");
  return backups.start(deps.db, progress, (signal) =>
    run(deps, call, { ...options, progress, signal }),
  );
}

export const interruptBackup = backups.interrupt;

async function run(
  deps: Management,
  call: ApiCall,
  options: {
    target: TargetTexts;
    listOnly: boolean;
    progress: Progress;
    signal: AbortSignal;
  },
): Promise<BackupReport> {
  const { db, blobs, clock, log, config } = deps;
  const { listOnly, progress, signal } = options;
  const scratch = join(config.data, "backup");
  const target = await openTarget(options.target, { to: "write", scratch, clock });
  let report: BackupReport | null = null;
  try {
    await recordBegin(deps, call, target.name);
    report = await createBackup({
      ...{ db, blobs, clock, log, target, listOnly, progress, signal },
    });
  } catch (error) {
    if (!(error instanceof RegistryError || signal.aborted)) {
      log.error("A backup did not come to its end", { error });
    }
    throw error;
  } finally {
    await target.close(report !== null);
  }
  await recordEnd(deps, call, { to: target.name, listOnly, report });
  return report;
}

/** A copy beside the original is lost with it, and in a bucket taken for stray blobs. */
function assertElsewhere(texts: TargetTexts, { data, s3 }: Config): void {
  const { target } = texts;
  if (!isS3(target)) {
    if (isBelow(target, data)) {
      throw refused(400, `${target} is in the data folder itself: name a place elsewhere`);
    }
  } else if (s3 !== null && areOne(s3Of(texts), s3)) {
    throw refused(400, `${target} is where the registry's own blobs are: name a place elsewhere`);
  }
}

function isBelow(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way === "" || !(way.startsWith("..") || isAbsolute(way));
}

/** Whether one of the two prefixes is in the other. */
function areOne(a: S3Config, b: S3Config): boolean {
  if (a.endpoint !== b.endpoint || a.bucket !== b.bucket) return false;
  return a.prefix.startsWith(b.prefix) || b.prefix.startsWith(a.prefix);
}
