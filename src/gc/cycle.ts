import type { Database } from "../db/database.ts";
import type { Log } from "../platform/log.ts";
import { AmountExceededError, type Budget } from "./budget.ts";
import { type Amount, collectCondemned, condemnUnheld, nothing, plus } from "./condemn.ts";
import { type LapsedLink, listLapsedLinks, settleLinks } from "./link-store.ts";
import { type DueUnit, forgetDueTags, isUnitDue, listDueUnits } from "./purge-store.ts";
import { type Purged, purgeUnit } from "./purge-unit.ts";

// Small, so that a transaction takes a millisecond or two: on SQLite it holds up every request.
const linksPerBatch = 50;
const collectedPerBatch = 50;
const tagsPerBatch = 500;
/** Rows of a page that is read to be worked off. */
const pageRows = 500;
/** Units of which none can be purged, one after another: something else is wrong. */
const failuresInARowMax = 3;

export interface CycleDeps {
  readonly db: Database;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly budget: Budget;
  /** The database's time. */
  readonly now: number;
  /** Between two transactions: lets others have their turn. */
  readonly rest: () => Promise<void>;
}

/** What a cycle did. */
export interface Cycle {
  /** Units of the trash that went. */
  units: number;
  /** That could not be purged: see the log. */
  failed: number;
  manifests: number;
  /** Links of blobs that ended. */
  links: number;
  condemned: Amount;
  /** Whose grace was over: their bytes go next. */
  collected: Amount;
  /** False where something was left for the next cycle. */
  isComplete: boolean;
}

/**
 * What garbage collection does with rows: purges what was long enough in the trash, ends links whose
 * lease has run out and to which no manifest refers, condemns the blobs that nothing holds then, and lets
 * go of those that were condemned long enough. Many small transactions, each whole. Bytes go later.
 */
export async function runCycle(deps: CycleDeps): Promise<Cycle> {
  const cycle: Cycle = {
    units: 0,
    failed: 0,
    manifests: 0,
    links: 0,
    condemned: nothing,
    collected: nothing,
    isComplete: true,
  };
  const turns = createTurns(deps, cycle);
  await purgeTags(deps, cycle, turns);
  await purgeUnits(deps, cycle, turns);
  await endLinks(deps, cycle, turns);
  await collect(deps, cycle, turns);
  return cycle;
}

/** Asked before each transaction: false when it is time to end. */
type Turns = () => Promise<boolean>;

function createTurns({ signal, rest }: CycleDeps, cycle: Cycle): Turns {
  let isFirst = true;
  return async () => {
    if (!isFirst) await rest();
    isFirst = false;
    if (signal.aborted) cycle.isComplete = false;
    return !signal.aborted;
  };
}

async function purgeTags({ db, now }: CycleDeps, cycle: Cycle, turns: Turns): Promise<void> {
  while (await turns()) {
    const gone = await db.transactionUnawaited(
      (tx) => forgetDueTags(tx, now, tagsPerBatch),
      "rows",
    );
    cycle.units += gone;
    if (gone < tagsPerBatch) return;
  }
}

async function purgeUnits(deps: CycleDeps, cycle: Cycle, turns: Turns): Promise<void> {
  const { db, log, now } = deps;
  let inARow = 0;
  for (let after: DueUnit | null = null; ; ) {
    const page: DueUnit[] = await listDueUnits(db.reads, now, after, pageRows);
    for (const unit of page) {
      after = unit;
      try {
        if (!(await purgeWhole(deps, cycle, turns, unit))) return;
        inARow = 0;
      } catch (error) {
        inARow += 1;
        if (error instanceof AmountExceededError || inARow >= failuresInARowMax) throw error;
        cycle.failed += 1;
        log.error(`Cannot purge what was deleted from ${unit.repository ?? "all projects"}`, {
          unit: unit.id,
          error,
        });
      }
    }
    if (page.length < pageRows) return;
  }
}

/** False when it was time to end. */
async function purgeWhole(
  { db, budget, now }: CycleDeps,
  cycle: Cycle,
  turns: Turns,
  unit: DueUnit,
): Promise<boolean> {
  while (await turns()) {
    const purged = await db.transactionUnawaited(
      async (tx): Promise<Purged | null> => {
        // Restored, or pushed again, since the list was read.
        if (!(await isUnitDue(tx, unit.id, now))) return null;
        const done = await purgeUnit(db, tx, unit, { now, erase: false });
        budget.assertRoomFor(done.released);
        return done;
      },
      unit.repository === null ? undefined : { removes: unit.repository },
    );
    if (purged === null) return true;
    budget.spend(purged.released);
    cycle.manifests += purged.manifests;
    cycle.condemned = plus(cycle.condemned, purged.released);
    if (!purged.isDone) continue;
    cycle.units += 1;
    return true;
  }
  return false;
}

async function endLinks(deps: CycleDeps, cycle: Cycle, turns: Turns): Promise<void> {
  const { db, budget, now } = deps;
  for (;;) {
    const page = await listLapsedLinks(db.reads, now, pageRows);
    if (page.length === 0) return;
    for (const batch of batchesOf(page)) {
      if (!(await turns())) return;
      const { repository_id, repository } = batch[0] as LapsedLink;
      const digests = batch.map(({ digest }) => digest);
      const done = await db.transactionUnawaited(
        async (tx) => {
          const ended = await settleLinks(db, tx, repository_id, digests, now);
          const condemned = await condemnUnheld(db, tx, ended, now);
          budget.assertRoomFor(condemned);
          return { ended, condemned };
        },
        { removes: repository },
      );
      budget.spend(done.condemned);
      cycle.links += done.ended.length;
      cycle.condemned = plus(cycle.condemned, done.condemned);
    }
  }
}

/** Those of one repository together, as many as a transaction takes. */
function batchesOf(links: readonly LapsedLink[]): LapsedLink[][] {
  const byRepository = Map.groupBy(links, ({ repository_id }) => repository_id);
  return [...byRepository.values()].flatMap((own) =>
    Array.from({ length: Math.ceil(own.length / linksPerBatch) }, (_, k) =>
      own.slice(k * linksPerBatch, (k + 1) * linksPerBatch),
    ),
  );
}

async function collect({ db, now }: CycleDeps, cycle: Cycle, turns: Turns): Promise<void> {
  while (await turns()) {
    const collected = await db.transactionUnawaited(
      (tx) => collectCondemned(db, tx, now, collectedPerBatch),
      "rows",
    );
    if (collected === null) return;
    cycle.collected = plus(cycle.collected, collected);
  }
}
