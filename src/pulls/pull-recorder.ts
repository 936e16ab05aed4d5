import type { Database } from "../db/database.ts";
import type { PullDayRow, PullRow } from "../db/tables.ts";
import type { Clock } from "../lib/clock.ts";
import { uuidv7 } from "../lib/random.ts";
import { excerpt } from "../oci/registry-error.ts";
import type { Log } from "../platform/log.ts";
import type { Pull } from "../registry/registry.ts";
import { createPlatforms } from "./platforms.ts";
import { addPullCounts, insertPulls } from "./pull-store.ts";

const flushEveryMs = 1000;
/** Rows, and counts, that one transaction writes: it holds up pushes for some four milliseconds. */
const batch = 500;
/** Of each second so many pulls are kept one by one, whatever they are. */
const exactPerSecond = 200;
/** Beyond that only those that are like no other of that second, up to so many; a row costs 7 us. */
const rowsPerSecondMax = 2_000;
/** Rows, and counts, that wait while the database does not take them. */
const waitingMax = 10_000;
const sayEveryMs = 60_000;
const dayMs = 24 * 60 * 60 * 1000;

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
 * principal and day, for good. Row and count commit together. When there are very many pulls of the
 * same by the same, only their count is exact: a record must cost a pull next to nothing.
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
  let counts = new Map<string, PullDayRow>();
  let second = createSecond();
  let writing: Promise<void> | null = null;
  let timer: ReturnType<typeof setInterval> | undefined;
  let saidAt = Number.NEGATIVE_INFINITY;
  const told = { counted: 0, lost: 0 };

  function record(pull: Pull): void {
    stats.recorded += 1;
    addCount(pull);
    if (rows.length < waitingMax && second.wants(pull)) rows.push(pull);
    else stats.counted += 1;
    if (rows.length >= batch) void flush();
  }

  function addCount({ repositoryId, digest, principalId, at }: Pull): void {
    const day = Math.floor(at / dayMs);
    const key = `${repositoryId}${digest}${principalId}${day}`;
    const found = counts.get(key);
    if (found !== undefined) found.count += 1;
    else if (counts.size >= waitingMax) stats.lost += 1;
    else {
      const principal_id = principalId ?? "";
      counts.set(key, { repository_id: repositoryId, digest, principal_id, day, count: 1 });
    }
  }

  function flush(): Promise<void> {
    writing ??= write().finally(() => {
      writing = null;
    });
    return writing;
  }

  /** Writes until less than a batch waits. */
  async function write(): Promise<void> {
    do {
      if (!(await writeBatch(countsAtOnce()))) return;
    } while (rows.length >= batch);
  }

  /** Counts of the same add up while they wait: all of them each second would be dear, and is not needed. */
  function countsAtOnce(): number {
    return Math.max(batch, counts.size - waitingMax / 2);
  }

  /** False when the database did not take it: then it waits on. */
  async function writeBatch(countsMax: number): Promise<boolean> {
    const takenRows = rows.splice(0, batch);
    const takenCounts = take(counts, countsMax);
    if (takenRows.length === 0 && takenCounts.length === 0) return true;
    try {
      const found = await platforms.of(takenRows);
      const pulls = takenRows.map((pull, at) => toRow(pull, found[at] ?? null));
      await db.transactionUnsynced(async (tx) => {
        await insertPulls(tx, pulls);
        await addPullCounts(tx, takenCounts);
      });
      return true;
    } catch (error) {
      giveBack(takenRows, takenCounts);
      say("warn", "Pulls cannot be recorded at the moment: they wait in memory", { error });
      return false;
    }
  }

  function giveBack(takenRows: Pull[], takenCounts: readonly PullDayRow[]): void {
    rows = takenRows.concat(rows);
    stats.counted += Math.max(0, rows.length - waitingMax);
    rows.length = Math.min(rows.length, waitingMax);
    const since = counts;
    counts = new Map(takenCounts.map((count) => [keyOf(count), count]));
    for (const [key, count] of since) {
      const found = counts.get(key);
      if (found !== undefined) found.count += count.count;
      else if (counts.size < waitingMax) counts.set(key, count);
      else stats.lost += count.count;
    }
  }

  function tick(): void {
    second = createSecond();
    const counted = stats.counted - told.counted;
    const lost = stats.lost - told.lost;
    const level = lost > 0 ? "warn" : "info";
    const message = "Pulls came so fast that of some only the number is kept";
    if (counted > 0 && say(level, message, { counted, lost })) {
      told.counted = stats.counted;
      told.lost = stats.lost;
    }
    void flush();
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
      while (rows.length > 0 || counts.size > 0) {
        if (!(await writeBatch(batch))) return;
      }
    },
    stats,
  };
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

function keyOf({ repository_id, digest, principal_id, day }: PullDayRow): string {
  return `${repository_id}${digest}${principal_id === "" ? null : principal_id}${day}`;
}

/** Removes and returns the entries that are there for longest. */
function take<Value>(map: Map<string, Value>, max: number): Value[] {
  const taken: Value[] = [];
  for (const [key, value] of map) {
    if (taken.length >= max) break;
    map.delete(key);
    taken.push(value);
  }
  return taken;
}

/** Decides for the pulls of one second which of them become rows. */
function createSecond() {
  const seen = new Set<string>();
  let kept = 0;
  return {
    wants(pull: Pull): boolean {
      if (kept >= rowsPerSecondMax) return false;
      if (kept >= exactPerSecond) {
        const { repositoryId, digest, tag, principalId, credentialId, address, userAgent } = pull;
        // In this order nothing but the two last, of which one has no spaces, is of any length.
        const key = `${repositoryId}${digest}${tag} ${principalId} ${credentialId} ${address} ${userAgent}`;
        if (seen.has(key)) return false;
        seen.add(key);
      }
      kept += 1;
      return true;
    },
  };
}
