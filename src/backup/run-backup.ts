import { isAbsolute, join, relative } from "node:path";
import type { ApiCall, Management } from "../access/endpoint.ts";
import { conflict } from "../access/unknown.ts";
import { auditActor } from "../auth/principal.ts";
import { perDatabase } from "../db/compiled.ts";
import type { Database } from "../db/database.ts";
import type { Config, S3Config } from "../platform/config.ts";
import { type BackupReport, createBackup, type Progress } from "./create-backup.ts";
import { isS3, openTarget, s3Of, type TargetTexts } from "./open-target.ts";
import { refused } from "./refused.ts";

/** A backup that is being made, for whoever tells of it. */
export interface RunningBackup {
  readonly progress: Readonly<Progress>;
  /** Rejects with what ended it. */
  readonly ended: Promise<BackupReport>;
  /** It was told to stop, and does. */
  readonly isEnding: boolean;
  /** Stops it; resolves when nothing of it runs any more. */
  interrupt(): Promise<void>;
}

const running = perDatabase(() => ({ backup: null as RunningBackup | null }));

/** Begins it. One at a time. */
export function startBackup(
  deps: Management,
  call: ApiCall,
  options: { target: TargetTexts; listOnly: boolean },
): RunningBackup {
  const slot = running(deps.db);
  const earlier = slot.backup;
  if (earlier !== null && !earlier.isEnding) throw conflict("a backup is being made already");
  assertElsewhere(options.target, deps.config);
  const abort = new AbortController();
  const progress: Progress = {
    work: "reading the database",
    ...{ done: 0, of: 0, doneBytes: 0, ofBytes: 0 },
  };
  const begin = async () => {
    // Whoever was interrupted and tries again need not wait: this does.
    await earlier?.interrupt();
    return await run(deps, call, { ...options, progress, signal: abort.signal });
  };
  const ended = begin().finally(() => {
    if (slot.backup === started) slot.backup = null;
  });
  // Whoever interrupts it need not look how it ended.
  ended.catch(() => {});
  const started: RunningBackup = {
    progress,
    ended,
    get isEnding() {
      return abort.signal.aborted;
    },
    async interrupt() {
      abort.abort();
      await ended.catch(() => {});
    },
  };
  slot.backup = started;
  return started;
}

/** Stops what runs, before the database goes away. */
export async function interruptBackup(db: Database): Promise<void> {
  await running(db).backup?.interrupt();
}

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
  let isWhole = false;
  try {
    // All that is stored goes elsewhere: the record of it is in the backup itself.
    await db.transaction(async (tx) => {
      deps.audit.append(tx, {
        actor: auditActor(call.principal, call.address),
        action: "backup.began",
        resource: "registry",
        projectId: null,
        result: "done",
        detail: { to: target.name },
      });
    });
    const report = await createBackup({
      ...{ db, blobs, clock, log, target, listOnly, progress, signal },
    });
    isWhole = true;
    return report;
  } finally {
    await target.close(isWhole);
  }
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
