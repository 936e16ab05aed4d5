import { type RawBuilder, sql } from "kysely";
import type { Database, Reads, Tx } from "../db/database.ts";
import { bound } from "../db/dialect-facts.ts";
import type { Digest } from "../oci/digest.ts";
import { readStoredManifest } from "../oci/manifest.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { Tag } from "../oci/tag.ts";
import { insertImage } from "../registry/image-store.ts";

/** Rows that are looked at together. */
const pageRows = 1_000;
/** Indexes around an index whose sizes are added up again. */
const depthMax = 3;
/** Indexes that list a manifest. */
const parentsMax = 1_000;

export async function unlistedRepositories(
  reads: Reads,
  limit: number,
): Promise<{ id: string; name: RepositoryName }[]> {
  return await reads
    .selectFrom("repositories")
    .select(["id", "name"])
    .where("sort_key", "=", "")
    .limit(limit)
    .execute();
}

export async function keepSortKey(tx: Tx, id: string, sortKey: string): Promise<void> {
  await tx.updateTable("repositories").set({ sort_key: sortKey }).where("id", "=", id).execute();
}

/** Of a manifest its digest, of a tag its name. */
export interface Key<Text extends string = string> {
  readonly repositoryId: string;
  readonly key: Text;
}

/** The rows behind `after` up to `end`; null: all that follow. */
export interface KeyRange {
  readonly after: Key;
  readonly end: Key | null;
}

const keyOf = { manifests: "digest", tags: "name" } as const;

/** The last one of the rows behind `after` that are looked at together; null: less than that are left. */
export async function pageEnd(
  reads: Reads,
  table: keyof typeof keyOf,
  after: Key,
): Promise<Key | null> {
  const column = sql.ref(keyOf[table]);
  const { rows } = await sql<Key>`
    select repository_id as "repositoryId", ${column} as key from ${sql.table(table)}
     where (repository_id, ${column}) > (${after.repositoryId}, ${after.key})
     order by repository_id, ${column}
     limit 1 offset ${pageRows - 1}`.execute(reads);
  return rows[0] ?? null;
}

/** Parameters without a cast: with one SQLite would use the first column of the index alone. */
function within(key: RawBuilder<unknown>, { after, end }: KeyRange): RawBuilder<boolean> {
  const behind = sql<boolean>`${key} > (${after.repositoryId}, ${after.key})`;
  if (end === null) return behind;
  return sql<boolean>`${behind} and ${key} <= (${end.repositoryId}, ${end.key})`;
}

/** Manifests without the row that has what lists show of them. */
export async function missingImages(reads: Reads, range: KeyRange): Promise<Key<Digest>[]> {
  const { rows } = await sql<Key<Digest>>`
    select m.repository_id as "repositoryId", m.digest as key
      from manifests as m
     where ${within(sql`(m.repository_id, m.digest)`, range)}
       and not exists (
         select 1 from images as i
          where i.repository_id = m.repository_id and i.digest = m.digest)`.execute(reads);
  return rows;
}

/** Makes the row, and makes those of the indexes around it again, which had to do without its size. */
export async function measureImage(
  db: Database,
  tx: Tx,
  repositoryId: string,
  digest: Digest,
  depth = depthMax,
): Promise<void> {
  const row = await tx
    .selectFrom("manifests")
    .select(["media_type", "bytes"])
    .where("repository_id", "=", repositoryId)
    .where("digest", "=", digest)
    .executeTakeFirst();
  if (row === undefined) return;
  await insertImage(db, tx, {
    repositoryId,
    digest,
    manifest: readStoredManifest(row.bytes, row.media_type),
  });
  if (depth === 0) return;
  for (const parent of await measuredParents(tx, repositoryId, digest)) {
    await measureImage(db, tx, repositoryId, parent, depth - 1);
  }
}

async function measuredParents(tx: Tx, repositoryId: string, child: Digest): Promise<Digest[]> {
  const rows = await tx
    .selectFrom("manifest_edges as e")
    .innerJoin("images as i", (join) =>
      join.onRef("i.repository_id", "=", "e.repository_id").onRef("i.digest", "=", "e.parent"),
    )
    .select("e.parent")
    .where("e.child", "=", bound(child))
    .where("e.repository_id", "=", bound(repositoryId))
    .where("e.kind", "=", "manifest")
    .orderBy("e.parent")
    .limit(parentsMax)
    .execute();
  return rows.map(({ parent }) => parent);
}

/**
 * Tags that have another size than what they point to, and those that are not known as attached but have
 * such a name, or nearly.
 */
export async function wrongTags(
  reads: Reads,
  range: KeyRange,
): Promise<(Key<Tag> & { isWrongSize: number })[]> {
  const { rows } = await sql<Key<Tag> & { isWrongSize: number }>`
    select t.repository_id as "repositoryId", t.name as key,
           case when t.size <> i.size then 1 else 0 end as "isWrongSize"
      from tags as t
      join images as i on i.repository_id = t.repository_id and i.digest = t.digest
     where ${within(sql`(t.repository_id, t.name)`, range)}
       and (t.size <> i.size or (t.attached = 0 and t.name like 'sha%-%'))`.execute(reads);
  return rows;
}

export async function keepTags(
  db: Database,
  tx: Tx,
  repositoryId: string,
  names: readonly Tag[],
  attached: readonly Tag[],
): Promise<void> {
  const repository = bound(repositoryId);
  const among = (some: readonly Tag[]) =>
    sql`(select v.value from ${db.facts.values(JSON.stringify(some))} as v)`;
  const size = sql`select i.size from images as i
    where i.repository_id = tags.repository_id and i.digest = tags.digest`;
  await sql`update tags set size = coalesce((${size}), size)
    where repository_id = ${repository} and name in ${among(names)}`.execute(tx);
  if (attached.length === 0) return;
  await sql`update tags set attached = 1
    where repository_id = ${repository} and name in ${among(attached)}`.execute(tx);
}
