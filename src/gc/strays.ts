import type { StoredItem } from "../blobs/blob-store.ts";
import { nowOf, readNow } from "../db/database-clock.ts";
import { timeOfUuidv7 } from "../lib/random.ts";
import { graceMs, keysToDelete, queueDeletion } from "../registry/deletion-store.ts";
import { isTooMuch } from "./budget.ts";
import { pauseOf, pauseReasons, rest } from "./collect-garbage.ts";
import { type Amount, nothing, plus } from "./condemn.ts";
import { knownKeys, knownSessions } from "./known-store.ts";
import type { RemovalDeps } from "./remove-bytes.ts";
import { notePause, readState } from "./state-store.ts";

/** What is younger may belong to an upload that nobody has finished yet. */
const ageMsMin = 24 * 60 * 60 * 1000;
const batch = 500;
/** Of one run; the rest waits for the next one. */
const straysMax = 10_000;

type Blob = Extract<StoredItem, { kind: "blob" }>;
type Staged = Extract<StoredItem, { kind: "staged" }>;

/**
 * Finds bytes that no row speaks of and that are older than a day: what kills and crashes left. Those of
 * blobs go to the list of what is to be removed, where they stay for their grace; unfinished uploads end.
 * What is not named as Berth names things is nobody's business here: `berth verify` tells of it.
 */
export async function collectStrays(deps: RemovalDeps, signal: AbortSignal): Promise<Amount> {
  const { db, blobs, clock, log } = deps;
  const now = await readNow(db.reads, nowOf(db, clock));
  const state = await readState(db.reads);
  if (pauseOf(state, now) !== null) return nothing;
  const found: Found = { all: nothing, blobs: [], staged: [] };
  let items: StoredItem[] = [];
  for await (const item of blobs.list("all")) {
    if (signal.aborted || found.blobs.length >= straysMax) break;
    items.push(item);
    if (items.length < batch) continue;
    await lookAt(deps, items, now, found);
    items = [];
    await rest();
  }
  await lookAt(deps, items, now, found);
  for (const item of found.staged) {
    if (signal.aborted) return nothing;
    await blobs.discard(item);
  }
  const strays = amountOf(found.blobs);
  if (now > state.amount_accepted_until && isTooMuch(found.all, strays)) {
    // A database that is older than its store looks like this.
    await db.transaction((tx) => notePause(tx, "amount", now), "rows");
    log.error(
      `Garbage collection has stopped: the database knows nothing of ${strays.blobs} blobs in the store; ${pauseReasons.amount}`,
    );
    return nothing;
  }
  for (let from = 0; from < found.blobs.length; from += batch) {
    if (signal.aborted) return nothing;
    await db.transaction(async (tx) => {
      for (const { key, digest, sizeBytes } of found.blobs.slice(from, from + batch)) {
        await queueDeletion(tx, { key, digest, size: sizeBytes, dueAt: now + graceMs });
      }
    }, "rows");
    await rest();
  }
  return strays;
}

interface Found {
  /** Everything that was looked at. */
  all: Amount;
  readonly blobs: Blob[];
  readonly staged: Staged[];
}

async function lookAt(
  { db }: RemovalDeps,
  items: readonly StoredItem[],
  now: number,
  found: Found,
): Promise<void> {
  const blobs = items.filter((item): item is Blob => item.kind === "blob");
  const staged = items.filter((item): item is Staged => item.kind === "staged");
  found.all = plus(found.all, amountOf(blobs));
  const isOld = (id: string) => now - (timeOfUuidv7(id) ?? now) > ageMsMin;
  const oldBlobs = blobs.filter(({ stagedAs }) => isOld(stagedAs));
  const oldStaged = staged.filter(({ id }) => isOld(id));
  // Sessions first: one ends in the transaction that makes its bytes a blob.
  const sessions = await knownSessions(db, [
    ...oldBlobs.map(({ stagedAs }) => stagedAs),
    ...oldStaged.map(({ id }) => id),
  ]);
  const orphans = oldBlobs.filter(({ stagedAs }) => !sessions.has(stagedAs));
  // Deletions last: a key goes there in the transaction that takes it from its row.
  const known = await knownKeys(db, orphans);
  const deleting = await keysToDelete(
    db,
    orphans.map(({ key }) => key),
  );
  found.blobs.push(...orphans.filter(({ key }) => !known.has(key) && !deleting.has(key)));
  found.staged.push(...oldStaged.filter(({ id }) => !sessions.has(id)));
}

function amountOf(blobs: readonly Blob[]): Amount {
  return { blobs: blobs.length, bytes: blobs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) };
}
