import type { Chore } from "../jobs/chore.ts";
import type { Clock } from "../lib/clock.ts";
import { letOthersRun } from "../lib/let-others-run.ts";
import { changedRepositories, countRepository, keepCount } from "./repository-count-store.ts";

const minuteMs = 60 * 1000;
/**
 * How far back a run looks for moves of tags beyond the run before it: for transactions that were under
 * way then, and for clocks of other nodes.
 */
const overlapMs = 5 * minuteMs;

/**
 * Counts the tags of repositories and what these point to, by which lists are sorted. A push could keep
 * such sums only by waiting for all other pushes to the repository.
 */
export function repositoryCounts(clock: Clock): Chore {
  let last: number | null = null;
  return {
    name: "count tags of repositories",
    everyMs: minuteMs,
    deletes: false,
    async run({ signal, db }) {
      const begun = clock.now();
      // Nobody knows when another node last did it: the first run here looks at all that ever moved.
      const since = last === null ? 0 : last - overlapMs;
      for (const id of await changedRepositories(db.reads, since)) {
        if (signal.aborted) return;
        const count = await countRepository(db.reads, id);
        if (count !== null) await db.transactionUnawaited((tx) => keepCount(tx, id, count), "rows");
        await letOthersRun();
      }
      last = begun;
    },
  };
}
