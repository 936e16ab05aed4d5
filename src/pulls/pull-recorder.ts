import type { Database } from "../db/database.ts";
import type { PullRow } from "../db/tables.ts";
import type { Clock } from "../lib/clock.ts";
import { uuidv7 } from "../lib/random.ts";
import { excerpt } from "../oci/registry-error.ts";
import type { Log } from "../platform/log.ts";
import type { Pull } from "../registry/registry.ts";
import { createPlatforms } from "./platforms.ts";
import { addPullCounts, insertPulls, notePulled } from "./pull-store.ts";
import { createTallies, type Tally } from "./tallies.ts";

const flushEveryMs = 1000;
/** Rows that one transaction writes: it holds up pushes for some four milliseconds. */
const batch = 500;
/** Counts that are written each second; of more, a part, so that none waits for much longer than this. */
const countsAtOnce = 100;
const countsWaitSeconds = 10;
/** Of each second so many pulls are kept one by one, whatever they are. */
const exactPerSecond = 200;
/** Beyond that only those that are like no other of that second, up to so many; a row costs 7 us. */
const rowsPerSecondMax = 1_000;
/**
 * So many are compared with others of their second. It takes the client's address, which costs more
 * than all the rest: beyond them one is like every other of the same manifest and principal.
 */
const comparedPerSecond = 500;
/** Rows, and counts, that wait while the database does not take them. */
const waitingMax = 10_000;
const sayEveryMs = 60_000;

export interface PullRecorder {
  /** Never waits and never throws. What the process had not yet written when it was killed is lost. */
  record(pull: Pull): void;
  start(): void;
  /** Writes what is left. */
  stop(): Promise<void>;
  readonly stats: PullStats;
}

/** Since the start. Every pull is counted by day but for `lost`; those without a row are `counted`. */
export interface PullStats {
  readonly recorded: number;
  readonly counted: number;
  readonly lost: number;
}

/**
 * Keeps who pulled what: each pull is a row, for some days, and adds to the count of its digest,
 * principal and day, for good. When very many pulls come in one second, those like others become no
 * rows, and their count may wait some seconds: a record must cost a pull next to nothing.
 */
export function createPullRecorder({
  db,
  clock,
  log,
}: {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Log;
}): PullRecorder {
  const platforms = createPlatforms(db);
  const stats = { recorded: 0, counted: 0, lost: 0 };
  let rows: Pull[] = [];
  const tallies = createTallies(waitingMax);
  let second = 1;
  let rowsOfSecond = 0;
  let comparedInSecond = 0;
  let writing: Promise<void> | null = null;
  let timer: ReturnType<typeof setInterval> | undefined;
  let saidAt = Number.NEGATIVE_INFINITY;
  const told = { counted: 0, lost: 0 };

  function record(pull: Pull): void {
    stats.recorded += 1;
    const tally = tallies.add(pull, 1);
    if (tally === null) stats.lost += 1;
    const row = rows.length < waitingMax ? rowOf(pull, tally) : null;
    if (row === null) stats.counted += 1;
    else rows.push(row);
    if (rows.length >= batch) void flush(countsBeyondHalf());
  }

  /** What is kept of a pull that becomes a row, of which each second has only so many; else null. */
  function rowOf(pull: Pull, tally: Tally | null): Pull | null {
    if (rowsOfSecond >= rowsPerSecondMax) return null;
    if (rowsOfSecond < exactPerSecond || tally === null) {
      rowsOfSecond += 1;
      return kept(pull);
    }
    if (tally.rows === null || tally.rowsSecond !== second) tally.rows = new Map();
    else if (comparedInSecond >= comparedPerSecond) return null;
    tally.rowsSecond = second;
    comparedInSecond += 1;
    const row = kept(pull);
    const last = tally.rows.get(row.address);
    if (last !== undefined && isSame(last, row)) return null;
    tally.rows.set(row.address, row);
    rowsOfSecond += 1;
    return row;
  }

  function flush(countsMax: number): Promise<void> {
    writing ??= write(countsMax).finally(() => {
      writing = null;
    });
    return writing;
  }

  /** Writes until less than a batch of rows waits. */
  async function write(countsMax: number): Promise<void> {
    if (!(await writeBatch(countsMax))) return;
    while (rows.length >= batch) {
      if (!(await writeBatch(countsBeyondHalf()))) return;
    }
  }

  /** Counts of the same add up while they wait: where there are many, all of them each second would be dear. */
  function countsOfSecond(): number {
    return Math.max(countsAtOnce, Math.ceil(tallies.size / countsWaitSeconds), countsBeyondHalf());
  }

  function countsBeyondHalf(): number {
    return Math.max(0, tallies.size - waitingMax / 2);
  }

  /** False when the database did not take it: then it waits on. */
  async function writeBatch(countsMax: number): Promise<boolean> {
    const takenRows = rows.splice(0, batch);
    const counts = tallies.take(countsMax);
    if (takenRows.length === 0 && counts.length === 0) return true;
    try {
      const found = await platforms.of(takenRows);
      const pulls = takenRows.map((pull, at) => toRow(pull, found[at] ?? null));
      await db.transactionUnsynced(async (tx) => {
        await insertPulls(tx, pulls);
        await notePulled(tx, pulls);
        await addPullCounts(tx, counts);
      });
      return true;
    } catch (error) {
      putBack(takenRows, counts);
      say("warn", "Pulls cannot be recorded at the moment: they wait in memory", { error });
      return false;
    }
  }

  function putBack(takenRows: Pull[], counts: readonly Tally[]): void {
    rows = takenRows.concat(rows);
    stats.counted += Math.max(0, rows.length - waitingMax);
    rows.length = Math.min(rows.length, waitingMax);
    stats.lost += tallies.putBack(counts);
  }

  function tick(): void {
    second += 1;
    rowsOfSecond = 0;
    comparedInSecond = 0;
    const counted = stats.counted - told.counted;
    const lost = stats.lost - told.lost;
    const level = lost > 0 ? "warn" : "info";
    const message = "Pulls came so fast that of some only the number is kept";
    if (counted > 0 && say(level, message, { counted, lost })) {
      told.counted = stats.counted;
      told.lost = stats.lost;
    }
    void flush(countsOfSecond());
  }

  /** At most once a minute; false when it was not said. */
  function say(level: "info" | "warn", message: string, fields: Record<string, unknown>): boolean {
    const now = clock.monotonic();
    if (now - saidAt < sayEveryMs) return false;
    saidAt = now;
    log[level](message, fields);
    return true;
  }

  return {
    record,
    start() {
      timer ??= setInterval(tick, flushEveryMs);
      timer.unref();
    },
    async stop() {
      clearInterval(timer);
      await writing;
      while (rows.length > 0 || tallies.size > 0) {
        if (!(await writeBatch(batch))) return;
      }
    },
    stats,
  };
}

/** A pull that outlives its request: what is looked up only when it is asked for is asked for once. */
function kept(pull: Pull): Pull {
  const { at, repositoryId, digest, tag, principalId, credentialId, address, userAgent } = pull;
  return { at, repositoryId, digest, tag, principalId, credentialId, address, userAgent };
}

function toRow(pull: Pull, platform: string | null): PullRow {
  return {
    id: uuidv7(),
    at: pull.at,
    repository_id: pull.repositoryId,
    digest: pull.digest,
    tag: pull.tag,
    platform,
    principal_id: pull.principalId,
    credential_id: pull.credentialId,
    address: pull.address,
    user_agent: excerpt(pull.userAgent),
  };
}

/** By the same principal, of the same digest and from the same address they are. */
function isSame(one: Pull, other: Pull): boolean {
  return (
    one.tag === other.tag &&
    one.credentialId === other.credentialId &&
    one.userAgent === other.userAgent
  );
}
