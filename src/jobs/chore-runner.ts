import type { Database } from "../db/database.ts";
import { nowOf } from "../db/database-clock.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../platform/log.ts";
import type { Chore } from "./chore.ts";
import {
  addChores,
  type ChoreRun,
  endChore,
  giveChoreBack,
  listDueChores,
  renewLease,
  takeChore,
} from "./chore-store.ts";
import { fencedDatabase } from "./fenced-database.ts";

/** How long a chore waits for the node that does it, once nothing is heard of that. */
const leaseMs = 30_000;
const renewEveryMs = 10_000;
const lookEveryMs = 5_000;
/** Characters of an outcome. */
const outcomeLengthMax = 200;

export interface ChoreRunnerDeps {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Log;
  /** The id of this node. */
  readonly node: string;
  /** Whether this node's clock may decide what is old. */
  readonly mayDelete: () => boolean;
  /** What tests shorten. */
  readonly lookEveryMs?: number;
  readonly leaseMs?: number;
}

export interface ChoreRunner {
  start(): void;
  /** Resolves when nothing runs any more; what was under way is given back. */
  stop(): Promise<void>;
}

/**
 * Does the chores that are due and that no other node does. A node that dies holds a chore until its
 * lease is over; one that only seems dead may go on, but writes nothing more: see `ChoreWork`.
 */
export function createChoreRunner(deps: ChoreRunnerDeps, chores: readonly Chore[]): ChoreRunner {
  const { db, clock, log } = deps;
  const lease = deps.leaseMs ?? leaseMs;
  const ending = new AbortController();
  const workers = new Map(chores.map((chore) => [chore.name, createWorker(chore)]));
  const running = new Map<string, Promise<void>>();
  let looking: Promise<void> | null = null;
  let timer: Timer | undefined;
  let isMissing = true;

  async function look(): Promise<void> {
    if (isMissing) {
      await db.transactionUnsynced((tx) => addChores(tx, [...workers.keys()]));
      isMissing = false;
    }
    for (const name of await listDueChores(db.reads, nowOf(db, clock))) {
      const worker = workers.get(name);
      // Of another release, or under way here still, although its lease is over.
      if (worker === undefined || running.has(name) || ending.signal.aborted) continue;
      if (worker.chore.deletes && !deps.mayDelete()) continue;
      const taken = { name, holder: deps.node, leaseMs: lease };
      const epoch = await db.transactionUnsynced((tx) => takeChore(tx, taken, nowOf(db, clock)));
      if (epoch === null) continue;
      const run = worker
        .run({ name, holder: deps.node, epoch })
        .finally(() => running.delete(name));
      running.set(name, run);
    }
  }

  function createWorker(chore: Chore) {
    let current: ChoreRun | null = null;
    // One for all runs: statements are prepared once for each database.
    const fenced = fencedDatabase(db, async (tx) => {
      const isHeld = current !== null && (await renewLease(tx, current, lease, nowOf(db, clock)));
      if (!isHeld) throw new LeaseLostError(`another node does the chore: ${chore.name}`);
    });

    async function run(choreRun: ChoreRun): Promise<void> {
      current = choreRun;
      const losing = new AbortController();
      const renewing = setInterval(
        () => {
          void renew(choreRun).then((isHeld) => {
            if (!isHeld) losing.abort();
          });
        },
        Math.min(renewEveryMs, lease / 3),
      );
      renewing.unref();
      const signal = AbortSignal.any([ending.signal, losing.signal]);
      try {
        const outcome = await outcomeOf(chore, () => chore.run({ signal, db: fenced }), log);
        const due = { outcome, dueInMs: chore.everyMs };
        await db.transactionUnsynced((tx) =>
          ending.signal.aborted
            ? giveChoreBack(tx, choreRun)
            : endChore(tx, choreRun, due, nowOf(db, clock)),
        );
      } catch (error) {
        // Its lease ends by itself, and whoever can reach the database goes on.
        log.warn(`Cannot note the end of background work: ${chore.name}`, { error });
      } finally {
        clearInterval(renewing);
        current = null;
      }
    }
    return { chore, run };
  }

  /** True also where the database does not answer: then nobody takes anything over either. */
  async function renew(run: ChoreRun): Promise<boolean> {
    return await db
      .transactionUnsynced((tx) => renewLease(tx, run, lease, nowOf(db, clock)))
      .catch(() => true);
  }

  function lookNow(): void {
    looking ??= look()
      .catch((error: unknown) => log.warn("Cannot look for background work", { error }))
      .finally(() => {
        looking = null;
      });
  }

  return {
    start() {
      lookNow();
      timer ??= setInterval(lookNow, deps.lookEveryMs ?? lookEveryMs);
      timer.unref();
    },
    async stop() {
      clearInterval(timer);
      ending.abort();
      await looking;
      await Promise.all(running.values());
    },
  };
}

/** Thrown into transactions of a chore that another node has by now. */
class LeaseLostError extends Error {
  override name = "LeaseLostError";
}

async function outcomeOf(chore: Chore, run: () => Promise<void>, log: Log): Promise<string> {
  try {
    await run();
    return "done";
  } catch (error) {
    if (error instanceof LeaseLostError) {
      log.warn(`Stopped background work that another node has taken over: ${chore.name}`);
    } else {
      log.error(`Background work failed: ${chore.name}`, { error });
    }
    return `failed: ${error instanceof Error ? error.message : String(error)}`.slice(
      0,
      outcomeLengthMax,
    );
  }
}
