import type { Reads, Tx } from "../db/database.ts";
import type { UploadRow } from "../db/tables.ts";
import type { RepositoryName } from "../oci/repository-name.ts";

export async function insertUpload(tx: Tx, row: UploadRow): Promise<void> {
  await tx.insertInto("uploads").values(row).execute();
}

/** The session, if it is one of this repository: its id opens nothing elsewhere. */
export async function findUpload(
  reads: Reads,
  repository: RepositoryName,
  id: string,
): Promise<UploadRow | null> {
  const row = await reads
    .selectFrom("uploads")
    .selectAll()
    .where("id", "=", id)
    .where("repository", "=", repository)
    .executeTakeFirst();
  return row ?? null;
}

export async function setUploadOffset(
  tx: Tx,
  id: string,
  offsetBytes: number,
  now: number,
): Promise<void> {
  await tx
    .updateTable("uploads")
    .set({ offset_bytes: offsetBytes, touched_at: now })
    .where("id", "=", id)
    .execute();
}

export async function deleteUpload(tx: Tx, id: string): Promise<void> {
  await tx.deleteFrom("uploads").where("id", "=", id).execute();
}

/** Sessions opened from one address; counting stops at `limit`. */
export async function countUploads(reads: Reads, client: string, limit: number): Promise<number> {
  const rows = await reads
    .selectFrom("uploads")
    .select("id")
    .where("client", "=", client)
    .limit(limit)
    .execute();
  return rows.length;
}

/** Sessions last touched before `before`, oldest first. */
export async function listIdleUploads(
  reads: Reads,
  before: number,
  limit: number,
): Promise<string[]> {
  const rows = await reads
    .selectFrom("uploads")
    .select("id")
    .where("touched_at", "<", before)
    .orderBy("touched_at")
    .limit(limit)
    .execute();
  return rows.map((row) => row.id);
}

export async function uploadExists(reads: Reads, id: string): Promise<boolean> {
  const row = await reads
    .selectFrom("uploads")
    .select("id")
    .where("id", "=", id)
    .executeTakeFirst();
  return row !== undefined;
}

/** The ids of all sessions. */
export async function listUploads(reads: Reads): Promise<string[]> {
  const rows = await reads.selectFrom("uploads").select("id").execute();
  return rows.map((row) => row.id);
}

/** The offset in the row of a session; null when there is none. */
export async function uploadOffsetOf(reads: Reads, id: string): Promise<number | null> {
  const row = await reads
    .selectFrom("uploads")
    .select("offset_bytes")
    .where("id", "=", id)
    .executeTakeFirst();
  return row?.offset_bytes ?? null;
}
