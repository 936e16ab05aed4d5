import { sql } from "kysely";
import type { BlobKey, StagedState } from "../blobs/blob-store.ts";
import type { Database, Reads, Tx } from "../db/database.ts";
import { live } from "../db/dialect-facts.ts";
import type { BlobRow } from "../db/tables.ts";
import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { Tag } from "../oci/tag.ts";
import { removeTag } from "../registry/tag-store.ts";

// Every page is read along a primary key and is short in rows looked at, not only in rows returned.

export interface BlobPlace {
  readonly digest: Digest;
  readonly size: number;
  readonly key: BlobKey;
  readonly state: BlobRow["state"];
}

export async function listBlobs(reads: Reads, after: string, limit: number) {
  const rows: BlobPlace[] = await reads
    .selectFrom("blobs")
    .select(["digest", "size", "key", "state"])
    .where("digest", ">", after as Digest)
    .orderBy("digest")
    .limit(limit)
    .execute();
  return rows;
}

export async function findBlob(reads: Reads, digest: Digest): Promise<BlobPlace | null> {
  const row = await reads
    .selectFrom("blobs")
    .select(["digest", "size", "key", "state"])
    .where("digest", "=", digest)
    .executeTakeFirst();
  return row ?? null;
}

/** The blobs among `digests`, whatever their state. */
export async function findBlobs(
  db: Database,
  digests: readonly Digest[],
): Promise<Map<Digest, BlobPlace>> {
  const rows = await db.reads
    .selectFrom(db.facts.values(JSON.stringify(digests)).as("asked"))
    .innerJoin("blobs as b", (join) => join.onRef("b.digest", "=", sql<Digest>`asked.value`))
    .select(["b.digest", "b.size", "b.key", "b.state"])
    .execute();
  return new Map(rows.map((row) => [row.digest, row]));
}

/** The blobs that lie under one of `keys`, by key: for a store whose keys do not tell the digest. */
export async function findBlobsByKey(
  db: Database,
  keys: readonly BlobKey[],
): Promise<Map<BlobKey, BlobPlace>> {
  if (keys.length === 0) return new Map();
  const rows = await db.reads
    .selectFrom(db.facts.values(JSON.stringify(keys)).as("asked"))
    .innerJoin("blobs as b", (join) =>
      join
        .onRef("b.key", "=", sql<BlobKey>`asked.value`)
        // As the index on keys has it.
        .on(sql<boolean>`substr(b.key, 1, 6) = 'blobs/'`),
    )
    .select(["b.digest", "b.size", "b.key", "b.state"])
    .execute();
  return new Map(rows.map((row) => [row.key, row]));
}

/** Ends the visibility of a blob everywhere, until its bytes are pushed again. False when it changed meanwhile. */
export async function quarantineBlob(tx: Tx, digest: Digest, key: BlobKey): Promise<boolean> {
  const result = await tx
    .updateTable("blobs")
    .set({ state: "quarantined" })
    .where("digest", "=", digest)
    .where("key", "=", key)
    .where("state", "=", live)
    .executeTakeFirst();
  return result.numUpdatedRows > 0n;
}

/** The upload sessions among `ids`. */
export async function findUploads(db: Database, ids: readonly string[]): Promise<Set<string>> {
  const rows = await db.reads
    .selectFrom(db.facts.values(JSON.stringify(ids)).as("asked"))
    .innerJoin("uploads as u", (join) => join.onRef("u.id", "=", sql<string>`asked.value`))
    .select("u.id")
    .execute();
  return new Set(rows.map((row) => row.id));
}

export interface UploadPlace {
  readonly id: string;
  readonly repository: RepositoryName;
  readonly offset_bytes: number;
  readonly state: StagedState;
}

export async function listUploads(reads: Reads, after: string, limit: number) {
  const rows: UploadPlace[] = await reads
    .selectFrom("uploads")
    .select(["id", "repository", "offset_bytes", "state"])
    .where("id", ">", after)
    .orderBy("id")
    .limit(limit)
    .execute();
  return rows;
}

/** The offset that the session's row states; null when the session ended. */
export async function uploadOffset(reads: Reads, id: string): Promise<number | null> {
  const row = await reads
    .selectFrom("uploads")
    .select("offset_bytes")
    .where("id", "=", id)
    .executeTakeFirst();
  return row?.offset_bytes ?? null;
}

/** False when the offset is not `from` any more. */
export async function correctUploadOffset(tx: Tx, id: string, from: number, to: number) {
  const result = await tx
    .updateTable("uploads")
    .set({ offset_bytes: to })
    .where("id", "=", id)
    .where("offset_bytes", "=", from)
    .executeTakeFirst();
  return result.numUpdatedRows > 0n;
}

/** Where a page of rows keyed by repository and a second text ended. */
export interface Cursor {
  readonly repositoryId: string;
  readonly second: string;
}

export const fromStart: Cursor = { repositoryId: "", second: "" };

export interface LinkPlace {
  readonly repository_id: string;
  readonly repository: RepositoryName | null;
  readonly digest: Digest;
  /** Null when the blob is not known. */
  readonly blob: Digest | null;
}

export async function listLinks(reads: Reads, after: Cursor, limit: number) {
  const rows: LinkPlace[] = await reads
    .selectFrom("repository_blobs as rb")
    .leftJoin("blobs as b", "b.digest", "rb.digest")
    .leftJoin("repositories as r", "r.id", "rb.repository_id")
    .select(["rb.repository_id", "r.name as repository", "rb.digest", "b.digest as blob"])
    .where(sql<boolean>`(rb.repository_id, rb.digest) > (${after.repositoryId}, ${after.second})`)
    .orderBy("rb.repository_id")
    .orderBy("rb.digest")
    .limit(limit)
    .execute();
  return rows;
}

/** Ends the visibility of a blob that is not known. False when it is known by now. */
export async function removeLinkToNothing(tx: Tx, repositoryId: string, digest: Digest) {
  const result = await tx
    .deleteFrom("repository_blobs")
    .where("repository_id", "=", repositoryId)
    .where("digest", "=", digest)
    .where(({ not, exists, selectFrom }) =>
      not(exists(selectFrom("blobs").select("digest").where("digest", "=", digest))),
    )
    .executeTakeFirst();
  return result.numDeletedRows > 0n;
}

export interface TagPlace {
  readonly repository_id: string;
  readonly repository: RepositoryName | null;
  readonly name: Tag;
  readonly digest: Digest;
  readonly version: number;
  /** Null when no live manifest has the digest. */
  readonly manifest: Digest | null;
}

export async function listTagTargets(reads: Reads, after: Cursor, limit: number) {
  const rows: TagPlace[] = await tagTargets(reads)
    .where(sql<boolean>`(t.repository_id, t.name) > (${after.repositoryId}, ${after.second})`)
    .orderBy("t.repository_id")
    .orderBy("t.name")
    .limit(limit)
    .execute();
  return rows;
}

export async function findTagTarget(reads: Reads, repositoryId: string, tag: Tag) {
  const row: TagPlace | undefined = await tagTargets(reads)
    .where("t.repository_id", "=", repositoryId)
    .where("t.name", "=", tag)
    .executeTakeFirst();
  return row ?? null;
}

function tagTargets(reads: Reads) {
  return reads
    .selectFrom("tags as t")
    .leftJoin("manifests as m", (join) =>
      join
        .onRef("m.repository_id", "=", "t.repository_id")
        .onRef("m.digest", "=", "t.digest")
        .on("m.state", "=", live),
    )
    .leftJoin("repositories as r", "r.id", "t.repository_id")
    .select([
      "t.repository_id",
      "r.name as repository",
      "t.name",
      "t.digest",
      "t.version",
      "m.digest as manifest",
    ]);
}

/** Removes the tag as it was found, with a line in its history. False when it moved meanwhile. */
export async function removeTagToNothing(tx: Tx, tag: TagPlace, now: number): Promise<boolean> {
  const found = await findTagTarget(tx, tag.repository_id, tag.name);
  if (found === null || found.version !== tag.version || found.manifest !== null) return false;
  const move = { repositoryId: tag.repository_id, tag: tag.name, actor: null, now };
  await removeTag(tx, move, { cause: "repair", trashId: null });
  return true;
}

export interface ManifestPlace {
  readonly repository_id: string;
  readonly repository: RepositoryName | null;
  readonly digest: Digest;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Manifests of every state. */
export async function listManifests(reads: Reads, after: Cursor, limit: number) {
  const rows: ManifestPlace[] = await reads
    .selectFrom("manifests as m")
    .leftJoin("repositories as r", "r.id", "m.repository_id")
    .select(["m.repository_id", "r.name as repository", "m.digest", "m.bytes"])
    .where(sql<boolean>`(m.repository_id, m.digest) > (${after.repositoryId}, ${after.second})`)
    .orderBy("m.repository_id")
    .orderBy("m.digest")
    .limit(limit)
    .execute();
  return rows;
}

export interface EdgePlace {
  readonly repository_id: string;
  readonly repository: RepositoryName | null;
  readonly parent: Digest;
  readonly child: Digest;
  readonly parent_state: "live" | "trashed" | null;
  /** Set when the child is a live manifest, or a live blob, of the repository. */
  readonly manifest: Digest | null;
  readonly blob: Digest | null;
}

export async function listEdges(reads: Reads, after: Cursor & { third: string }, limit: number) {
  const rows: EdgePlace[] = await reads
    .selectFrom("manifest_edges as e")
    .leftJoin("manifests as p", (join) =>
      join.onRef("p.repository_id", "=", "e.repository_id").onRef("p.digest", "=", "e.parent"),
    )
    .leftJoin("manifests as m", (join) =>
      join
        .onRef("m.repository_id", "=", "e.repository_id")
        .onRef("m.digest", "=", "e.child")
        .on("m.state", "=", live),
    )
    .leftJoin("repository_blobs as rb", (join) =>
      join.onRef("rb.repository_id", "=", "e.repository_id").onRef("rb.digest", "=", "e.child"),
    )
    .leftJoin("blobs as b", (join) =>
      join.onRef("b.digest", "=", "rb.digest").on("b.state", "=", live),
    )
    .leftJoin("repositories as r", "r.id", "e.repository_id")
    .select([
      "e.repository_id",
      "r.name as repository",
      "e.parent",
      "e.child",
      "p.state as parent_state",
      "m.digest as manifest",
      "b.digest as blob",
    ])
    .where(
      sql<boolean>`(e.repository_id, e.parent, e.child) > (${after.repositoryId}, ${after.second}, ${after.third})`,
    )
    .orderBy("e.repository_id")
    .orderBy("e.parent")
    .orderBy("e.child")
    .limit(limit)
    .execute();
  return rows;
}
