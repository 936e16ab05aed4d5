import type { StoredItem } from "../blobs/blob-store.ts";
import { findBlobKey } from "./blob-link-store.ts";
import type { Registry } from "./registry.ts";
import { claimTimes, dropEnded } from "./upload-session.ts";
import {
  claimUpload,
  deleteIdleUpload,
  deleteUpload,
  dropClaim,
  endClaimsOf,
  findAnyUpload,
  type IdleUpload,
  listIdleUploads,
  listUploads,
  listUploadsOf,
  setUploadOffset,
  stagedOf,
  type Upload,
  type UploadClaim,
  type WantedUpload,
} from "./upload-store.ts";

/** An upload that nobody touched for this long is given up. */
export const uploadIdleMsMax = 24 * 60 * 60 * 1000;
const batch = 100;

/** Ends sessions that were idle for too long, and drops their bytes. Returns how many. */
export async function expireUploads(registry: Registry, signal: AbortSignal): Promise<number> {
  const before = registry.clock.now() - uploadIdleMsMax;
  let ended = 0;
  let after: IdleUpload | null = null;
  for (;;) {
    const page: IdleUpload[] = await listIdleUploads(registry.db.reads, before, after, batch);
    for (const { id } of page) {
      if (signal.aborted) return ended;
      if (await endIdle(registry, id, before)) ended += 1;
    }
    after = page.at(-1) ?? null;
    if (page.length < batch) return ended;
  }
}

async function endIdle(registry: Registry, id: string, before: number): Promise<boolean> {
  const { db, blobs } = registry;
  const held = await take(registry, { id, idleSince: before });
  if (held === null) return false;
  const { row, claim } = held;
  try {
    // A client may have come back since the list was read.
    if (row.touched_at >= before) return false;
    if (blobs.stagedIsDurable) {
      await blobs.takeOver(stagedOf(row), async () => {});
      await dropEnded(registry, { row, upload: row, claim });
      return true;
    }
    if (!(await db.transaction((tx) => deleteIdleUpload(tx, id, before), "rows"))) return false;
    await blobs.discard(stagedOf(row));
    return true;
  } finally {
    await leave(registry, held);
  }
}

interface Taken {
  readonly row: Upload;
  readonly claim: UploadClaim | null;
}

/** Takes the session for clearing up: null while a request has it, here or elsewhere, and when it is gone. */
async function take(registry: Registry, wanted: WantedUpload): Promise<Taken | null> {
  const { db, process, liveUploads } = registry;
  const { id } = wanted;
  if (!liveUploads.tryTake(id)) return null;
  let taken: Taken | null = null;
  try {
    if (process.sharesUploads) {
      const times = claimTimes(registry);
      const row = await db.transactionUnsynced((tx) => claimUpload(tx, wanted, process.id, times));
      if (row !== null) taken = { row, claim: { holder: process.id, epoch: row.epoch } };
    } else {
      const row = await findAnyUpload(db.reads, id);
      if (row !== null) taken = { row, claim: null };
    }
    return taken;
  } finally {
    if (taken === null) liveUploads.release(id, null);
  }
}

async function leave({ db, liveUploads }: Registry, { row, claim }: Taken): Promise<void> {
  try {
    if (claim !== null) await db.transactionUnsynced((tx) => dropClaim(tx, row.id, claim));
  } finally {
    liveUploads.release(row.id, null);
  }
}

/**
 * Removes what a killed process left: staged bytes without a session, and bytes that were already
 * a blob file when the process ended, but not yet in the database. Runs at start, beside requests, and
 * with `dead` after that process of this server ended, whose sessions are anybody's from then on.
 */
export async function removeLeftovers(
  registry: Registry,
  signal: AbortSignal,
  dead: string | null = null,
): Promise<number> {
  const { db, blobs } = registry;
  let removed = 0;
  // As of now: a session that a client takes up and ends beside this leaves its older file all the same.
  const unfinished = new Set(
    dead === null ? await listUploads(db.reads) : await listUploadsOf(db.reads, dead),
  );
  if (dead !== null) await db.transactionUnsynced((tx) => endClaimsOf(tx, dead));
  const everything = !blobs.stagedIsDurable && unfinished.size > 0;
  for await (const item of blobs.list(everything ? "all" : "staged")) {
    if (signal.aborted) return removed;
    if (await removeLeftover(registry, unfinished, item, dead)) removed += 1;
  }
  // What is durable is what the row says.
  if (blobs.stagedIsDurable) return removed;
  for (const id of unfinished) {
    if (signal.aborted) return removed;
    await correctOffset(registry, id);
  }
  return removed;
}

async function removeLeftover(
  registry: Registry,
  unfinished: ReadonlySet<string>,
  item: StoredItem,
  dead: string | null,
): Promise<boolean> {
  const { db, blobs } = registry;
  switch (item.kind) {
    case "staged":
      if ((await findAnyUpload(db.reads, item.id)) !== null) return false;
      await blobs.discard(item);
      return true;
    case "blob": {
      // Only files that carry the id of a session which did not end: any other may be what an
      // older copy of the database does not know yet.
      const session = item.stagedAs;
      if (item.digest === null || !unfinished.has(session)) return false;
      if (await isHeld(registry, session, dead)) return false;
      if ((await findBlobKey(db.reads, item.digest)) === item.key) return false;
      // First: without the file the row would speak of bytes that were lost.
      await correctOffset(registry, session);
      await blobs.remove([item.key]);
      await endEmpty(registry, session);
      return true;
    }
    case "stray":
      return false;
  }
}

async function isHeld(
  { db, liveUploads, process }: Registry,
  id: string,
  dead: string | null,
): Promise<boolean> {
  if (liveUploads.isBusy(id)) return true;
  if (!process.sharesUploads) return false;
  const holder = (await findAnyUpload(db.reads, id))?.held_by ?? null;
  return holder !== null && holder !== dead && holder.startsWith(process.run);
}

/** A session whose bytes became a blob file, or were cut off by a power cut, has fewer than its row says. */
async function correctOffset(registry: Registry, id: string): Promise<void> {
  const { db, blobs, clock } = registry;
  const seen = await findAnyUpload(db.reads, id);
  if (seen === null) return;
  const bytesOf = async (row: Upload) => (await blobs.stagedBytes(stagedOf(row))) ?? 0;
  if (seen.offset_bytes <= (await bytesOf(seen))) return;
  await asNobodyElse(registry, id, async ({ row }) => {
    const left = await bytesOf(row);
    if (row.offset_bytes <= left) return;
    await db.transaction((tx) => setUploadOffset(tx, id, left, clock.now()));
  });
}

/** Its client is to start again. */
async function endEmpty(registry: Registry, id: string): Promise<void> {
  const { db } = registry;
  await asNobodyElse(registry, id, async ({ row, claim }) => {
    if (row.offset_bytes > 0) return;
    await db.transactionUnsynced((tx) => deleteUpload(tx, id, claim));
  });
}

/** Not at all where a request has the session. What one of this process has taken up, it puts right itself. */
async function asNobodyElse(
  registry: Registry,
  id: string,
  work: (taken: Taken) => Promise<void>,
): Promise<void> {
  if (registry.liveUploads.peek(id) !== null) return;
  const taken = await take(registry, { id });
  if (taken === null) return;
  try {
    await work(taken);
  } finally {
    await leave(registry, taken);
  }
}
