import type { Database, Tx } from "../db/database.ts";
import { nowOf, readNow } from "../db/database-clock.ts";
import { previewMsMax, rolledBack } from "../db/rolled-back.ts";
import { letOthersRun } from "../lib/let-others-run.ts";
import { boundless, isTooMuch } from "./budget.ts";
import { type GcDeps, pauseOf } from "./collect-garbage.ts";
import { type Cycle, runCycle } from "./cycle.ts";
import { countStore, type Pause, readState } from "./state-store.ts";

export interface Preview {
  readonly cycle: Cycle;
  /** What would keep it from that. */
  readonly stops: Pause | null;
}

/** What the next cycle would do, or the beginning of it: the same code, of which everything is rolled back. */
export async function previewCycle(deps: GcDeps): Promise<Preview> {
  const { db, clock, log } = deps;
  return await rolledBack(db.transaction, async (tx) => {
    const within = inside(db, tx);
    const now = await readNow(within.reads, nowOf(db, clock));
    const state = await readState(within.reads);
    const { all, condemned } = await countStore(within.reads, state.amount_accepted_until);
    const over = new AbortController();
    const until = clock.monotonic() + previewMsMax;
    const cycle = await runCycle({
      ...{ db: within, log, now, signal: over.signal },
      budget: boundless,
      // On SQLite others read meanwhile.
      async rest() {
        await letOthersRun();
        if (clock.monotonic() > until) over.abort();
      },
    });
    const going = {
      blobs: condemned.blobs + cycle.condemned.blobs,
      bytes: condemned.bytes + cycle.condemned.bytes,
    };
    const exceeds = now > state.amount_accepted_until && isTooMuch(all, going);
    return { cycle, stops: pauseOf(state, now) ?? (exceeds ? "amount" : null) };
  });
}

/** The database with its transactions as parts of `tx`. */
function inside(db: Database, tx: Tx): Database {
  const run = <R>(part: (tx: Tx) => Promise<R>) => part(tx);
  return {
    ...db,
    reads: tx,
    transaction: run,
    transactionUnsynced: run,
    transactionUnawaited: run,
    statement: run,
  };
}
