import type { StagedId } from "../blobs/blob-store.ts";
import { findBlobKey } from "./blob-link-store.ts";
import type { Registry } from "./registry.ts";
import { dropUpload } from "./upload-blob.ts";
import {
  deleteUpload,
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
export async function expireUploads(registry: Registry): Promise<number> {
  const before = registry.clock.now() - uploadIdleMsMax;
  let ended = 0;
  const busy = new Set<string>();
  for (;;) {
    const listed = await listIdleUploads(registry.db.reads, before, batch + busy.size);
    const ids = listed.filter((id) => !busy.has(id));
    for (const id of ids) {
      try {
        registry.liveUploads.acquire(id);
      } catch {
        // Somebody writes to it at this moment: it is not idle.
        busy.add(id);
        continue;
      }
      try {
        await dropUpload(registry, id);
        ended += 1;
      } finally {
        registry.liveUploads.release(id, null);
      }
    }
    if (ids.length < batch) return ended;
  }
}

/**
 * Removes what a killed process left: staged bytes without a session, and bytes that were already
 * a blob file when the process ended, but not yet in the database. Runs at start, beside requests.
 */
export async function removeLeftovers(registry: Registry): Promise<number> {
  const { db, blobs } = registry;
  let removed = 0;
  // As of now: a session that a client takes up and ends beside this leaves its older file all the same.
  const unfinished = new Set(await listUploads(db.reads));
  for await (const item of blobs.list(unfinished.size > 0 ? "all" : "staged")) {
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
  for (const id of unfinished) await correctOffset(registry, id);
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
  if (liveUploads.isBusy(id) || liveUploads.peek(id) !== null) return;
  liveUploads.acquire(id);
  try {
    await db.transactionUnsynced((tx) =>
      staged === null ? deleteUpload(tx, id) : setUploadOffset(tx, id, staged, clock.now()),
    );
  } finally {
    liveUploads.release(id, null);
  }
}
