import type { Management } from "../access/endpoint.ts";
import { lastBackups } from "../backup/backup-record.ts";
import { nowOf, readNow } from "../db/database-clock.ts";
import { pauseOf, pauses } from "../gc/collect-garbage.ts";
import { collecting } from "../gc/gc-chores.ts";
import { countDeletions, readState } from "../gc/state-store.ts";
import { listFailedChores, listFailingWebhooks } from "../home/attention-store.ts";
import { listChores } from "../jobs/chore-store.ts";
import { findPass } from "../verify/pass-store.ts";
import { bad, type Finding, ok, warn } from "./check.ts";

const dayMs = 24 * 60 * 60 * 1000;
const backupDaysFine = 7;
/** Rows of a kind that are looked at. */
const rowsMax = 1_000;
/** Of these so many are named. */
const namedMax = 5;

/** What `berth backup create` made; whether it was read since, only who read it knows. */
export async function lookAtBackups({ db, clock }: Management): Promise<Finding> {
  const { begunAt, madeAt, wholeAt } = await lastBackups(db.reads);
  if (!db.facts.oneServer) return lookAtLists(madeAt, clock.now());
  const advice = "Have a timer run berth backup create, and berth backup verify from time to time";
  if (wholeAt === null) {
    const message =
      begunAt === null
        ? "the audit knows of no backup that berth backup create made"
        : "the audit knows of a backup that was begun, and of none that was made";
    return warn(message, `${advice}; nothing, if you take snapshots of the disk`, begunAt);
  }
  if (isOld(wholeAt, clock.now())) return warn("the last one is old", advice, wholeAt);
  return ok("one was made lately; berth backup verify tells whether it can be read", wholeAt);
}

/** Beside PostgreSQL, which others back up, Berth makes lists of blobs. */
function lookAtLists(madeAt: number | null, now: number): Finding {
  if (madeAt === null) {
    return ok("PostgreSQL is backed up with its own tools, of which Berth knows nothing");
  }
  if (isOld(madeAt, now)) {
    return warn(
      "the last list of blobs is old",
      "Have a timer run berth backup create --list-only with each backup of PostgreSQL",
      madeAt,
    );
  }
  return ok("a list of blobs was made lately; PostgreSQL's own backups Berth does not see", madeAt);
}

function isOld(at: number, now: number): boolean {
  return now - at > backupDaysFine * dayMs;
}

/** As `berth gc status` says it. */
export async function lookAtGarbage({ db, clock }: Management): Promise<Finding> {
  const now = await readNow(db.reads, nowOf(db, clock));
  const pause = pauseOf(await readState(db.reads), now);
  const chores = await listChores(db.reads, { after: "", limit: rowsMax });
  const lastAt = chores.find(({ name }) => name === collecting)?.finished_at ?? null;
  if (pause !== null) {
    const { why, word } = pauses[pause];
    return warn(`garbage collection stands still: ${why}`, word, lastAt);
  }
  const { failing } = await countDeletions(db.reads);
  if (failing > 0) {
    return warn(
      `the store did not let ${failing} blobs go that are to be removed`,
      "berth gc status names them and says why",
      lastAt,
    );
  }
  return lastAt === null ? ok("it has not run yet") : ok("it runs", lastAt);
}

/** As `berth verify status` says it. */
export async function lookAtStored({ db }: Management): Promise<Finding> {
  const pass = await findPass(db.reads);
  if (pass === null) return ok("no stored blob was read again yet");
  const { stopped, findings, last_finding, started_at, finished_at } = pass;
  if (stopped !== null) {
    return bad(
      `reading all stored blobs was stopped: ${stopped}`,
      "Look at the storage, then run berth verify",
      finished_at,
    );
  }
  if (findings > 0) {
    return warn(
      `${findings} stored blobs were wrong and were set aside, the last: ${last_finding}`,
      "Push the images again that have them: that heals them",
      finished_at,
    );
  }
  if (finished_at !== null) return ok("all were read, and none was wrong", finished_at);
  return ok(
    started_at === null
      ? "they are read for the first time a day after the first start"
      : "they are being read for the first time",
  );
}

/** As `berth chores` says it. */
export async function lookAtChores({ db }: Management): Promise<Finding> {
  const failed = await listFailedChores(db.reads);
  if (failed.length === 0) return ok("none failed the last time");
  return warn(
    named(failed.map(({ name, outcome }) => `${name} (${outcome})`)),
    "Each is tried again when it is due; the log has what went wrong",
    latest(failed.map(({ finishedAt }) => finishedAt)),
  );
}

/** As `berth attention` says it. */
export async function lookAtWebhooks({ db }: Management): Promise<Finding> {
  const failing = await listFailingWebhooks(db.reads, rowsMax);
  if (failing.length === 0) return ok("none fails");
  return warn(
    `deliveries fail to ${named(failing.map(({ url }) => (URL.canParse(url) ? new URL(url).host : url)))}`,
    "Look at their deliveries, and at the receivers",
    latest(failing.map(({ failingSince }) => failingSince)),
  );
}

function named(names: readonly string[]): string {
  const more = names.length - namedMax;
  return `${names.slice(0, namedMax).join("; ")}${more > 0 ? `; and ${more} more` : ""}`;
}

function latest(times: readonly (number | null)[]): number | null {
  const known = times.filter((time) => time !== null);
  return known.length === 0 ? null : Math.max(...known);
}
