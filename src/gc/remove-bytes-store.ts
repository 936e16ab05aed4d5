import { sql } from "kysely";
import type { BlobKey } from "../blobs/blob-store.ts";
import type { Database, Reads, Tx } from "../db/database.ts";
import type { BlobDeletionRow } from "../db/tables.ts";

/** Bytes whose time has come, the longest due first. */
export async function listDueDeletions(
  reads: Reads,
  now: number,
  limit: number,
): Promise<BlobDeletionRow[]> {
  return await reads
    .selectFrom("blob_deletions")
    .selectAll()
    .where("due_at", "<=", now)
    .orderBy("due_at")
    .limit(limit)
    .execute();
}

export async function forgetDeletions(
  db: Database,
  tx: Tx,
  keys: readonly BlobKey[],
): Promise<void> {
  await tx
    .deleteFrom("blob_deletions")
    .where("key", "in", (query) =>
      query
        .selectFrom(db.facts.values(JSON.stringify(keys)).as("gone"))
        .select(sql<BlobKey>`gone.value`.as("k")),
    )
    .execute();
}

/** The store did not let go of the bytes: they are tried again at `dueAt`. */
export async function postponeDeletion(
  tx: Tx,
  key: BlobKey,
  { error, dueAt }: { readonly error: string; readonly dueAt: number },
): Promise<void> {
  await tx
    .updateTable("blob_deletions")
    .set({ attempts: sql`attempts + 1`, error, due_at: dueAt })
    .where("key", "=", key)
    .execute();
}

/** Those that failed, the longest due first. */
export async function listFailedDeletions(reads: Reads, limit: number): Promise<BlobDeletionRow[]> {
  return await reads
    .selectFrom("blob_deletions")
    .selectAll()
    .where("attempts", ">", 0)
    .orderBy("due_at")
    .limit(limit)
    .execute();
}
