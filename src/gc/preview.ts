import type { Database, Tx } from "../db/database.ts";
import { nowOf, readNow } from "../db/database-clock.ts";
import { boundless, isTooMuch } from "./budget.ts";
import { type GcDeps, pauseOf } from "./collect-garbage.ts";
import { type Cycle, runCycle } from "./cycle.ts";
import { countStore, type Pause, readState } from "./state-store.ts";

/** Transactions of a cycle that are looked at in one: everybody who writes waits for it meanwhile. */
const batchesMax = 200;

export interface Preview {
  readonly cycle: Cycle;
  /** What would keep it from that. */
  readonly stops: Pause | null;
}

/** What the next cycle would do: the same code, of which everything is rolled back. */
export async function previewCycle(deps: GcDeps): Promise<Preview> {
  const { db, clock, log } = deps;
  const preview = await rolledBack(db, async (within) => {
    const now = await readNow(within.reads, nowOf(db, clock));
    const state = await readState(within.reads);
    const { all, condemned } = await countStore(within.reads, state.amount_accepted_until);
    const cycle = await runCycle({
      ...{ db: within, log, now, batchesMax },
      signal: new AbortController().signal,
      budget: boundless,
      rest: async () => {},
    });
    const going = {
      blobs: condemned.blobs + cycle.condemned.blobs,
      bytes: condemned.bytes + cycle.condemned.bytes,
    };
    const exceeds = now > state.amount_accepted_until && isTooMuch(all, going);
    return { cycle, stops: pauseOf(state, now) ?? (exceeds ? ("amount" as const) : null) };
  });
  return preview;
}

/** Runs `body` on a database whose transactions are parts of one that does not come to pass. */
async function rolledBack<T>(db: Database, body: (within: Database) => Promise<T>): Promise<T> {
  let result: { readonly value: T } | null = null;
  try {
    await db.transaction(async (tx) => {
      result = { value: await body(inside(db, tx)) };
      throw new RolledBack();
    });
  } catch (error) {
    if (!(error instanceof RolledBack)) throw error;
  }
  return (result as unknown as { readonly value: T }).value;
}

function inside(db: Database, tx: Tx): Database {
  const run = <R>(part: (tx: Tx) => Promise<R>) => part(tx);
  return { ...db, reads: tx, transaction: run, transactionUnsynced: run };
}

class RolledBack extends Error {}
