import type { Tx } from "../db/database.ts";
import type { ChoreWork } from "../jobs/chore.ts";
import type { Clock } from "../lib/clock.ts";
import { deleteBeyond, deleteOver, deleteWaiting } from "./delivery-store.ts";
import { listIds } from "./webhook-store.ts";

/** How long the record of a delivery is kept, and how many of one webhook. */
const recordDays = 7;
const recordsMax = 5_000;
const removedAtOnce = 500;
const webhooksAtOnce = 100;

/** Forgets how deliveries went that are over, and what waits for webhooks that are off. */
export async function pruneRecords(clock: Clock, { signal, db }: ChoreWork): Promise<void> {
  async function removeAll(remove: (tx: Tx) => Promise<number>): Promise<void> {
    while (!signal.aborted) {
      if ((await db.transactionUnawaited(remove, "rows")) < removedAtOnce) return;
    }
  }

  const before = clock.now() - recordDays * 24 * 60 * 60 * 1_000;
  await removeAll((tx) => deleteOver(tx, before, removedAtOnce));
  await removeAll((tx) => deleteWaiting(tx, before, removedAtOnce));
  const bounds = { kept: recordsMax, limit: removedAtOnce };
  let after = "";
  for (;;) {
    const ids = await listIds(db.reads, after, webhooksAtOnce);
    for (const id of ids) await removeAll((tx) => deleteBeyond(tx, id, bounds));
    after = ids.at(-1) ?? "";
    if (ids.length < webhooksAtOnce || signal.aborted) return;
  }
}
