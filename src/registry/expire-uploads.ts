import type { StagedId } from "../blobs/blob-store.ts";
import { findBlobKey } from "./blob-link-store.ts";
import type { Registry } from "./registry.ts";
import {
  deleteIdleUpload,
  deleteUpload,
  type IdleUpload,
  listIdleUploads,
  listUploads,
  setUploadOffset,
  uploadExists,
  uploadOffsetOf,
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
  const { db, blobs, liveUploads } = registry;
  if (!liveUploads.tryTake(id)) return false;
  try {
    // A client may have come back since the list was read.
    if (!(await db.transaction((tx) => deleteIdleUpload(tx, id, before)))) return false;
    await blobs.discard(id as StagedId);
    return true;
  } finally {
    liveUploads.release(id, null);
  }
}

/**
 * Removes what a killed process left: staged bytes without a session, and bytes that were already
 * a blob file when the process ended, but not yet in the database. Runs at start, beside requests.
 */
export async function removeLeftovers(registry: Registry, signal: AbortSignal): Promise<number> {
  const { db, blobs } = registry;
  let removed = 0;
  // As of now: a session that a client takes up and ends beside this leaves its older file all the same.
  const unfinished = new Set(await listUploads(db.reads));
  for await (const item of blobs.list(unfinished.size > 0 ? "all" : "staged")) {
    if (signal.aborted) return removed;
    switch (item.kind) {
      case "staged":
        if (await uploadExists(db.reads, item.id)) break;
        await blobs.discard(item.id);
        removed += 1;
        break;
      case "blob": {
        // Only files that carry the id of a session which did not end: any other may be what an
        // older copy of the database does not know yet.
        const session = item.stagedAs;
        if (!unfinished.has(session) || registry.liveUploads.isBusy(session)) break;
        if ((await findBlobKey(db.reads, item.digest)) === item.key) break;
        await blobs.remove(item.key);
        removed += 1;
        break;
      }
      case "stray":
        break;
    }
  }
  for (const id of unfinished) {
    if (signal.aborted) return removed;
    await correctOffset(registry, id);
  }
  return removed;
}

/**
 * A session whose bytes had become a blob file when the process ended has none now, and one that a
 * power cut shortened has fewer than its row says. The first ends: its client is to start again.
 */
async function correctOffset(registry: Registry, id: string): Promise<void> {
  const { db, blobs, liveUploads, clock } = registry;
  const staged = await blobs.stagedBytes(id as StagedId);
  const offset = await uploadOffsetOf(db.reads, id);
  if (offset === null || offset <= (staged ?? 0)) return;
  // What a request of this process has taken up, it puts right itself.
  if (liveUploads.peek(id) !== null || !liveUploads.tryTake(id)) return;
  try {
    await db.transactionUnsynced((tx) =>
      staged === null ? deleteUpload(tx, id) : setUploadOffset(tx, id, staged, clock.now()),
    );
  } finally {
    liveUploads.release(id, null);
  }
}
