import type { BlobStore } from "../blobs/blob-store.ts";
import type { Database, Tx } from "../db/database.ts";
import { nowOf } from "../db/database-clock.ts";
import type { Chore } from "../jobs/chore.ts";
import { hastenChores } from "../jobs/chore-store.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../platform/log.ts";
import { collectGarbage } from "./collect-garbage.ts";
import { pruneHistory } from "./prune-history.ts";
import { removeBytes } from "./remove-bytes.ts";
import { collectStrays } from "./strays.ts";

const minuteMs = 60 * 1000;
export const collecting = "collect garbage";
const removing = "remove the bytes of collected blobs";
const straying = "find bytes that nobody knows";
const pruning = "forget old moves of tags";

export function gcChores(deps: {
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly log: Log;
}): readonly Chore[] {
  const { log } = deps;
  return [
    {
      name: collecting,
      everyMs: 10 * minuteMs,
      deletes: true,
      async run({ signal, db }) {
        const cycle = await collectGarbage({ ...deps, db }, signal);
        if (cycle === null || cycle.collected.blobs === 0) return;
        await db.transaction((tx) => hastenRemoval(db, tx, deps.clock), "rows");
      },
    },
    {
      name: removing,
      everyMs: minuteMs,
      deletes: true,
      async run({ signal, db }) {
        const { blobs, bytes } = await removeBytes({ ...deps, db }, signal);
        if (blobs > 0) log.info(`Removed the bytes of ${blobs} blobs`, { blobs, bytes });
      },
    },
    {
      name: straying,
      everyMs: 24 * 60 * minuteMs,
      deletes: true,
      async run({ signal, db }) {
        const { blobs, bytes } = await collectStrays({ ...deps, db }, signal);
        if (blobs > 0) log.warn(`Found ${blobs} blobs that nobody knows`, { blobs, bytes });
      },
    },
    {
      name: pruning,
      everyMs: 24 * 60 * minuteMs,
      deletes: true,
      async run({ signal, db }) {
        const moves = await pruneHistory({ ...deps, db }, signal);
        if (moves > 0) log.info(`Forgot ${moves} old moves of tags`, { moves });
      },
    },
  ];
}

/** In the transaction of an erasure: bytes on the list go within seconds of its commit. */
export async function hastenRemoval(db: Database, tx: Tx, clock: Clock): Promise<void> {
  await hastenChores(tx, [removing], nowOf(db, clock));
}

/** Everything that garbage collection does begins within seconds. */
export async function hastenAll(db: Database, tx: Tx, clock: Clock): Promise<void> {
  await hastenChores(tx, [collecting, removing, straying, pruning], nowOf(db, clock));
}
