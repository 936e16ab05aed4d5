import type { Chore } from "../jobs/chore.ts";
import type { Clock } from "../lib/clock.ts";
import { countUsage } from "./count-usage.ts";
import { deleteStorageDaysBefore, putStorageDay } from "./storage-days-store.ts";

const hourMs = 60 * 60 * 1000;
const dayMs = 24 * hourMs;
/** Often enough for each day to have a row, also of a server that was off for a night. */
const everyMs = 6 * hourMs;
const keptDays = 400;

/** Counts all that is stored and keeps one row of each day, so that people see how it grows. */
export function storageDays(clock: Clock): Chore {
  return {
    name: "note how much is stored",
    everyMs,
    deletes: true,
    async run({ signal, db }) {
      const used = await countUsage({ db, clock, signal }, { kind: "store" });
      // What was counted until then is a part.
      if (signal.aborted) return;
      const now = clock.now();
      await db.transaction(async (tx) => {
        await putStorageDay(tx, {
          day: dayOf(now),
          stored_bytes: used.stored ?? 0,
          logical_bytes: used.logical,
          trash_bytes: used.trash,
          blobs: used.blobs ?? 0,
          measured_at: now,
        });
        await deleteStorageDaysBefore(tx, dayOf(now - keptDays * dayMs));
      });
    },
  };
}

/** UTC. */
function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
