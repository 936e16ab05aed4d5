import type { Database, Tx } from "../db/database.ts";
import type { Clock } from "../lib/clock.ts";
import { deleteExchanged, deleteExpired, deleteUnseenWorkloads } from "./credential-store.ts";
import { deleteOldDeviceSignIns } from "./device-sign-in-store.ts";
import { deleteOldInvitations } from "./invitation-store.ts";
import { deleteOldQuestions } from "./passkey-store.ts";
import { deleteSpent } from "./spent-token-store.ts";

const dayMs = 24 * 60 * 60 * 1000;
/** How long tokens, secrets and invitations are shown after their end: somebody will ask why. */
const shownMs = 30 * dayMs;
/** How long a refresh token is known after it was exchanged, so that a second use ends its family. */
const exchangedMs = 7 * dayMs;
/** How long records can name whom an identity token named after they were last seen. */
const workloadsMs = 400 * dayMs;
/** Rows of one transaction. */
const batchRows = 500;

/** Removes what nobody can sign in with any more. To be called once a day. Returns how many rows went. */
export async function removeExpiredCredentials(deps: {
  readonly db: Database;
  readonly clock: Clock;
}): Promise<number> {
  const { db, clock } = deps;
  const now = clock.now();
  const removals: readonly ((tx: Tx) => Promise<number>)[] = [
    (tx) => deleteExpired(tx, ["session", "refresh"], now, batchRows),
    (tx) => deleteExpired(tx, ["token", "secret"], now - shownMs, batchRows),
    (tx) => deleteExchanged(tx, now - exchangedMs, batchRows),
    (tx) => deleteOldInvitations(tx, now - shownMs, batchRows),
    (tx) => deleteOldDeviceSignIns(tx, now, batchRows),
    (tx) => deleteOldQuestions(tx, now, batchRows),
    (tx) => deleteUnseenWorkloads(tx, now - workloadsMs, batchRows),
    (tx) => deleteSpent(tx, now, batchRows),
  ];
  let removed = 0;
  for (const remove of removals) {
    for (;;) {
      const count = await db.transaction(remove);
      removed += count;
      if (count < batchRows) break;
    }
  }
  return removed;
}
