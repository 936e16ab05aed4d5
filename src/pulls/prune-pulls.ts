import type { Database } from "../db/database.ts";
import type { Clock } from "../lib/clock.ts";
import { deletePulls, oldestPulls } from "./pull-store.ts";

/** Rows that one transaction removes: it holds up pushes for a few milliseconds. */
const batch = 1000;
const dayMs = 24 * 60 * 60 * 1000;

/**
 * Removes the rows of pulls that are older than `days`. What is left of them is their number by digest,
 * principal and day, which was written with them: nothing is counted here, so that a crash in between
 * counts nothing twice. Returns how many rows went. To be called daily.
 */
export async function prunePulls(
  { db, clock }: { readonly db: Database; readonly clock: Clock },
  days: number,
  signal?: AbortSignal,
): Promise<number> {
  const before = clock.now() - days * dayMs;
  let removed = 0;
  let after = "";
  while (signal?.aborted !== true) {
    const page = await oldestPulls(db.reads, after, batch);
    const last = page.at(-1);
    // In the order in which they were written, which is that of their times but for some seconds.
    const old = page.filter((pull) => pull.at < before).length;
    if (last === undefined || old === 0) break;
    const range = { after, to: last.id };
    await db.transactionUnsynced((tx) => deletePulls(tx, range, before));
    removed += old;
    after = last.id;
    await Bun.sleep(0);
  }
  return removed;
}
