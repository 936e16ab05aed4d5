import { sql } from "kysely";
import type { Database, Reads, Tx } from "../db/database.ts";
import type { BlobRow } from "../db/tables.ts";
import type { Digest } from "../oci/digest.ts";

/** Blobs of one page. */
const pageRowsMax = 500;

export async function listBlobRows(reads: Reads, after: Digest | null): Promise<BlobRow[]> {
  return await reads
    .selectFrom("blobs")
    .selectAll()
    .where("digest", ">", after ?? ("" as Digest))
    .orderBy("digest")
    .limit(pageRowsMax)
    .execute();
}

/** The state of those that are there, whatever it is. */
export async function blobStates(
  db: Database,
  digests: readonly Digest[],
): Promise<Map<Digest, BlobRow["state"]>> {
  const rows = await db.reads
    .selectFrom(db.facts.values(JSON.stringify(digests)).as("asked"))
    .innerJoin("blobs as b", (join) => join.onRef("b.digest", "=", sql<Digest>`asked.value`))
    .select(["b.digest", "b.state"])
    .execute();
  return new Map(rows.map(({ digest, state }) => [digest, state]));
}

/** How many there are to copy, and their bytes. */
export async function countLiveBlobs(reads: Reads): Promise<{ blobs: number; bytes: number }> {
  const row = await reads
    .selectFrom("blobs")
    .select(({ fn }) => [fn.countAll().as("blobs"), fn.sum("size").as("bytes")])
    .where("state", "=", "live")
    .executeTakeFirstOrThrow();
  return { blobs: Number(row.blobs), bytes: Number(row.bytes ?? 0) };
}

export async function removeBlobRow(tx: Tx, digest: Digest): Promise<void> {
  await tx.deleteFrom("blobs").where("digest", "=", digest).execute();
}
