import type { Database, Tx } from "../db/database.ts";
import type { Digest } from "../oci/digest.ts";
import { graceMs } from "../registry/deletion-store.ts";
import {
  acquitBlobs,
  collectBlobs,
  condemnBlobs,
  listCollectable,
  lockBlobs,
  selectUnheld,
  type UnheldBlob,
} from "./condemn-store.ts";

/** Blobs, and their bytes. */
export interface Amount {
  readonly blobs: number;
  readonly bytes: number;
}

export const nothing: Amount = { blobs: 0, bytes: 0 };

export function plus(one: Amount, other: Amount): Amount {
  return { blobs: one.blobs + other.blobs, bytes: one.bytes + other.bytes };
}

/**
 * Condemns those of the blobs that nothing holds any more. To be called in the transaction that took
 * something away which held them, after that: nobody else looks at them again.
 */
export async function condemnUnheld(
  db: Database,
  tx: Tx,
  digests: readonly Digest[],
  now: number,
): Promise<Amount> {
  const unheld = await holdUnheld(db, tx, digests);
  const going = unheld.filter((blob) => blob.collect_after === null);
  if (going.length === 0) return nothing;
  await condemnBlobs(db, tx, digestsOf(going), { now, collectAfter: now + graceMs });
  return amountOf(going);
}

/** The same without a grace, where a person said that the bytes must go. */
export async function collectUnheld(
  db: Database,
  tx: Tx,
  digests: readonly Digest[],
  now: number,
): Promise<Amount> {
  const going = await holdUnheld(db, tx, digests);
  if (going.length === 0) return nothing;
  await collectBlobs(db, tx, digestsOf(going), now);
  return amountOf(going);
}

/** Lets go of condemned blobs whose grace is over, at most `limit`; null when there are none. */
export async function collectCondemned(
  db: Database,
  tx: Tx,
  now: number,
  limit: number,
): Promise<Amount | null> {
  const due = await listCollectable(tx, now, limit);
  if (due.length === 0) return null;
  const unheld = await holdUnheld(db, tx, due);
  const isDue = (blob: UnheldBlob) => blob.collect_after !== null && blob.collect_after <= now;
  const going = unheld.filter(isDue);
  // What a manifest came to refer to without having seen it (a sparse one may) stays.
  const stays = new Set(due);
  for (const { digest } of unheld) stays.delete(digest);
  if (stays.size > 0) await acquitBlobs(db, tx, [...stays]);
  if (going.length > 0) await collectBlobs(db, tx, digestsOf(going), now);
  return amountOf(going);
}

/** Those that nothing holds, and that nobody can come to hold before the end of the transaction. */
async function holdUnheld(db: Database, tx: Tx, digests: readonly Digest[]): Promise<UnheldBlob[]> {
  if (digests.length === 0) return [];
  await lockBlobs(db, tx, digests);
  return await selectUnheld(db, tx, digests);
}

function digestsOf(blobs: readonly UnheldBlob[]): Digest[] {
  return blobs.map(({ digest }) => digest);
}

function amountOf(blobs: readonly UnheldBlob[]): Amount {
  return { blobs: blobs.length, bytes: blobs.reduce((sum, { size }) => sum + size, 0) };
}
