import type { BlobKey, BlobStore } from "../blobs/blob-store.ts";
import { nowOf, readNow } from "../db/database-clock.ts";
import type { BlobDeletionRow } from "../db/tables.ts";
import { type GcDeps, pauseOf, rest } from "./collect-garbage.ts";
import { type Amount, nothing, plus } from "./condemn.ts";
import { knownKeys } from "./known-store.ts";
import { forgetDeletions, listDueDeletions, postponeDeletion } from "./remove-bytes-store.ts";
import { addRemoved, readState } from "./state-store.ts";

const batch = 200;
/** Bytes that would not go, one after another: the store itself is in trouble. */
const failuresInARowMax = 20;
/** Before bytes that would not go are tried again: twice as long each time. */
const retryMsMin = 60 * 1000;
const retryMsMax = 24 * 60 * 60 * 1000;
/** Characters of what the store said. */
const errorLengthMax = 200;

export interface RemovalDeps extends GcDeps {
  readonly blobs: BlobStore;
}

interface Failure {
  readonly deletion: BlobDeletionRow;
  readonly error: unknown;
}

/**
 * Removes the bytes whose time has come. The rows that spoke of them are gone, durably; no key is used
 * again, so that removing them twice or late does no harm. What cannot be removed is tried again later,
 * and keeps nothing else from going. Returns what went.
 */
export async function removeBytes(deps: RemovalDeps, signal: AbortSignal): Promise<Amount> {
  const { db, clock, log } = deps;
  let removed = nothing;
  while (!signal.aborted) {
    const now = await readNow(db.reads, nowOf(db, clock));
    if (pauseOf(await readState(db.reads), now) === "clock") return removed;
    const due = await listDueDeletions(db.reads, now, batch);
    if (due.length === 0) return removed;
    const used = await knownKeys(db, due);
    for (const { key, digest } of due) {
      // It cannot come to that; the bytes of a blob are not to be what shows that it did.
      if (used.has(key)) log.error(`Bytes in use were to be removed, and stay: ${key}`, { digest });
    }
    const going = due.filter(({ key }) => !used.has(key));
    // That nothing refers to them any more must not be undone by a power cut once they are gone.
    await db.flush();
    const { gone, failures, isInTrouble } = await removeAll(deps.blobs, going, signal);
    const amount = { blobs: gone.length, bytes: gone.reduce((sum, { size }) => sum + size, 0) };
    await db.transactionUnawaited(async (tx) => {
      const keys = [...gone.map(({ key }) => key), ...used];
      if (keys.length > 0) await forgetDeletions(db, tx, keys);
      for (const { deletion, error } of failures) {
        await postponeDeletion(tx, deletion.key, {
          error: messageOf(error),
          dueAt: now + retryAfter(deletion.attempts),
        });
      }
      await addRemoved(tx, amount);
    }, "rows");
    removed = plus(removed, amount);
    for (const { deletion, error } of failures) {
      log.warn(`Cannot remove the bytes ${deletion.key} yet: they are tried again`, { error });
    }
    if (isInTrouble) return removed;
    await rest();
  }
  return removed;
}

/** Together where the store takes that; one by one where something is in the way of that. */
async function removeAll(
  blobs: BlobStore,
  deletions: readonly BlobDeletionRow[],
  signal: AbortSignal,
): Promise<{ gone: BlobDeletionRow[]; failures: Failure[]; isInTrouble: boolean }> {
  const keys: BlobKey[] = deletions.map(({ key }) => key);
  if (await isRemoved(blobs, keys))
    return { gone: [...deletions], failures: [], isInTrouble: false };
  const gone: BlobDeletionRow[] = [];
  const failures: Failure[] = [];
  let inARow = 0;
  for (const deletion of deletions) {
    if (signal.aborted) break;
    try {
      await blobs.remove([deletion.key]);
      gone.push(deletion);
      inARow = 0;
    } catch (error) {
      failures.push({ deletion, error });
      inARow += 1;
      if (inARow >= failuresInARowMax) return { gone, failures, isInTrouble: true };
    }
  }
  return { gone, failures, isInTrouble: false };
}

async function isRemoved(blobs: BlobStore, keys: readonly BlobKey[]): Promise<boolean> {
  return await blobs.remove(keys).then(
    () => true,
    () => false,
  );
}

function retryAfter(attempts: number): number {
  return Math.min(retryMsMax, retryMsMin * 2 ** Math.min(attempts, 20));
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, errorLengthMax);
}
