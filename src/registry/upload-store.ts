import { compiled } from "../db/compiled.ts";
import type { Reads, Tx } from "../db/database.ts";
import type { UploadRow } from "../db/tables.ts";
import type { RepositoryName } from "../oci/repository-name.ts";

export async function insertUpload(tx: Tx, row: UploadRow): Promise<void> {
  const { id, repository, algorithm, client, principal } = row;
  await insertRow(
    tx,
    id,
    repository,
    algorithm,
    row.offset_bytes,
    client,
    principal,
    row.created_at,
    row.touched_at,
  );
}

const insertRow = compiled(
  (
    db,
    id: string,
    repository: RepositoryName,
    algorithm: UploadRow["algorithm"],
    offset_bytes: number,
    client: string,
    principal: string | null,
    created_at: number,
    touched_at: number,
  ) =>
    db.insertInto("uploads").values({
      id,
      repository,
      algorithm,
      offset_bytes,
      client,
      principal,
      created_at,
      touched_at,
    }),
);

/** The session, if it is one of this repository: its id opens nothing elsewhere. */
export async function findUpload(
  reads: Reads,
  repository: RepositoryName,
  id: string,
): Promise<UploadRow | null> {
  const [row] = await selectUpload(reads, id, repository);
  return row ?? null;
}

const selectUpload = compiled((db, id: string, repository: RepositoryName) =>
  db.selectFrom("uploads").selectAll().where("id", "=", id).where("repository", "=", repository),
);

export async function setUploadOffset(
  tx: Tx,
  id: string,
  offsetBytes: number,
  now: number,
): Promise<void> {
  await updateOffset(tx, id, offsetBytes, now);
}

const updateOffset = compiled((db, id: string, offset_bytes: number, touched_at: number) =>
  db.updateTable("uploads").set({ offset_bytes, touched_at }).where("id", "=", id),
);

export async function deleteUpload(tx: Tx, id: string): Promise<void> {
  await deleteRow(tx, id);
}

const deleteRow = compiled((db, id: string) => db.deleteFrom("uploads").where("id", "=", id));

/** Sessions opened from one address; counting stops at `limit`. */
export async function countUploads(reads: Reads, client: string, limit: number): Promise<number> {
  return (await selectOfClient(reads, client, limit)).length;
}

const selectOfClient = compiled((db, client: string, limit: number) =>
  db.selectFrom("uploads").select("id").where("client", "=", client).limit(limit),
);

export interface IdleUpload {
  readonly id: string;
  readonly touched_at: number;
}

/** Sessions last touched before `before`, oldest first, beginning behind `after`. */
export async function listIdleUploads(
  reads: Reads,
  before: number,
  after: IdleUpload | null,
  limit: number,
): Promise<IdleUpload[]> {
  let query = reads
    .selectFrom("uploads")
    .select(["id", "touched_at"])
    .where("touched_at", "<", before);
  if (after !== null) {
    query = query.where(({ eb, and, or }) =>
      or([
        eb("touched_at", ">", after.touched_at),
        and([eb("touched_at", "=", after.touched_at), eb("id", ">", after.id)]),
      ]),
    );
  }
  return await query.orderBy("touched_at").orderBy("id").limit(limit).execute();
}

/** Ends the session if nobody touched it since `before`. False when it is still in use, or gone. */
export async function deleteIdleUpload(tx: Tx, id: string, before: number): Promise<boolean> {
  const rows = await tx
    .deleteFrom("uploads")
    .where("id", "=", id)
    .where("touched_at", "<", before)
    .returning("id")
    .execute();
  return rows.length > 0;
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
