import { sql } from "kysely";
import type { BlobKey } from "../blobs/blob-store.ts";
import { compiled } from "../db/compiled.ts";
import type { Database, Tx } from "../db/database.ts";
import type { Digest } from "../oci/digest.ts";

/** How long bytes stay that no row speaks of any more: somebody may have begun to read them. */
export const graceMs = 24 * 60 * 60 * 1000;

/** Bytes to remove once `dueAt` has passed. */
export async function queueDeletion(
  tx: Tx,
  bytes: { key: BlobKey; digest: Digest | null; size: number; dueAt: number },
): Promise<void> {
  await insertDeletion(tx, bytes.key, bytes.digest, bytes.size, bytes.dueAt);
}

const insertDeletion = compiled(
  (db, key: BlobKey, digest: Digest | null, size: number, due_at: number) =>
    db
      .insertInto("blob_deletions")
      .values({ key, digest, size, due_at, attempts: 0, error: null })
      .onConflict((conflict) => conflict.doNothing()),
);

/** Those of `keys` whose bytes are on their way out. */
export async function keysToDelete(db: Database, keys: readonly BlobKey[]): Promise<Set<BlobKey>> {
  if (keys.length === 0) return new Set();
  const rows = await db.reads
    .selectFrom("blob_deletions")
    .select("key")
    .where("key", "in", (query) =>
      query
        .selectFrom(db.facts.values(JSON.stringify(keys)).as("asked"))
        .select(sql<BlobKey>`asked.value`.as("k")),
    )
    .execute();
  return new Set(rows.map((row) => row.key));
}
