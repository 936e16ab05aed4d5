import type { Database } from "../db/database.ts";
import { nowOf, readNow } from "../db/database-clock.ts";
import type { GcStateRow } from "../db/tables.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../platform/log.ts";
import { AmountExceededError, type Budget, boundless, createBudget } from "./budget.ts";
import { type Cycle, runCycle } from "./cycle.ts";
import { countStore, notePause, noteSeen, type Pause, readState } from "./state-store.ts";

const restMsMin = 5;
/** Of a transaction's length: so that garbage collection has a fifth of the event loop at most. */
const restPerWork = 4;
/** A clock that is further ahead of where it was last seen may have jumped. */
const unseenMsMax = 24 * 60 * 60 * 1000;

export interface GcDeps {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Log;
}

/** What to tell a person, and what they can say. */
export const pauses: Readonly<Record<Pause, { readonly why: string; readonly word: string }>> = {
  clock: {
    why: "the clock is more than a day past the last time it was seen: everything would look old if it is wrong",
    word: "When it is right: berth gc run --accept clock",
  },
  amount: {
    why: "more than a fifth of all blobs, or of their bytes, would be condemned at once",
    word: "When that is meant: berth gc run --accept amount",
  },
};

/** Both in one sentence. */
export const pauseReasons: Readonly<Record<Pause, string>> = {
  clock: `${pauses.clock.why}. ${pauses.clock.word}`,
  amount: `${pauses.amount.why}. ${pauses.amount.word}`,
};

/** Why nothing may be collected, as of `now`; null where nothing speaks against it. */
export function pauseOf(state: GcStateRow, now: number): Pause | null {
  if (state.seen_at !== null && now - state.seen_at > unseenMsMax) return "clock";
  return state.paused === "amount" ? "amount" : null;
}

/** One cycle over everything that is due, unless something speaks against it, which is noted and logged. */
export async function collectGarbage(deps: GcDeps, signal: AbortSignal): Promise<Cycle | null> {
  const { db, clock, log } = deps;
  const now = await readNow(db.reads, nowOf(db, clock));
  const state = await readState(db.reads);
  const pause = pauseOf(state, now);
  if (pause !== "clock") await db.transaction((tx) => noteSeen(tx, now), "rows");
  if (pause !== null) {
    if (pause !== state.paused) await stop(deps, pause, now);
    return null;
  }
  const budget = await budgetOf(db, state, now);
  try {
    const cycle = await runCycle({
      ...{ db, log, signal, budget, now },
      rest: restAfterEach(clock),
    });
    tell(log, cycle);
    return cycle;
  } catch (error) {
    if (!(error instanceof AmountExceededError)) throw error;
    await stop(deps, "amount", now);
    return null;
  }
}

async function stop({ db, log }: GcDeps, pause: Pause, now: number): Promise<void> {
  await db.transaction((tx) => notePause(tx, pause, now), "rows");
  log.error(`Garbage collection has stopped: ${pauseReasons[pause]}`, { pause });
}

async function budgetOf(db: Database, state: GcStateRow, now: number): Promise<Budget> {
  if (now <= state.amount_accepted_until) return boundless;
  const { all, condemned } = await countStore(db.reads, state.amount_accepted_until);
  return createBudget(all, condemned);
}

function tell(log: Log, { units, links, condemned, collected }: Cycle): void {
  if (units === 0 && condemned.blobs === 0 && collected.blobs === 0) return;
  log.info(
    `Purged ${units} units of trash, condemned ${condemned.blobs} blobs, let go of ${collected.blobs}`,
    {
      ...{ units, links, condemned: condemned.blobs, condemned_bytes: condemned.bytes },
      ...{ collected: collected.blobs, collected_bytes: collected.bytes },
    },
  );
}

/**
 * Between two transactions. SQLite answers without leaving the event loop: so few requests in a hundred come
 * while it does that the slowest of them are no slower.
 */
export function rest(workedMs = 0): Promise<void> {
  return Bun.sleep(Math.max(restMsMin, workedMs * restPerWork));
}

/** Rests as long as the work since the last rest asks for. */
function restAfterEach({ monotonic }: Clock): () => Promise<void> {
  let begun = monotonic();
  return async () => {
    await rest(monotonic() - begun);
    begun = monotonic();
  };
}
