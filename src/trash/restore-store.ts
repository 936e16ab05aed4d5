import { type RawBuilder, sql } from "kysely";
import type { Database, Tx } from "../db/database.ts";
import { bound, live } from "../db/dialect-facts.ts";
import { assert } from "../lib/assert.ts";
import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import { isAttachedTag, type Tag, tagSortKey } from "../oci/tag.ts";
import { leaseMs } from "../registry/blob-link-store.ts";
import { recordAbsences, recordReturn } from "../registry/presence-store.ts";

/** Rows of one statement. */
const insertRowsMax = 1_000;

/** The manifests of the unit are live again; returns which. */
export async function reviveUnit(tx: Tx, trashId: string, now: number): Promise<Digest[]> {
  await recordAbsences(tx, sql<boolean>`m.trash_id = ${bound(trashId)}`, now);
  const { rows } = await sql<{ digest: Digest }>`
    update manifests set state = 'live', trash_id = null
     where trash_id = ${trashId} returning digest`.execute(tx);
  return rows.map(({ digest }) => digest);
}

/**
 * What lies in other units and belongs to manifests that are live again: what they list, without which
 * they could not be pulled, and what refers to them, unless somebody deleted just that. Their units let
 * go of them.
 */
export async function reviveDependents(
  db: Database,
  tx: Tx,
  repositoryId: string,
  revived: readonly Digest[],
  now: number,
): Promise<Digest[]> {
  const repository = bound(repositoryId);
  const asked = db.facts.values(JSON.stringify(revived));
  // `cross join` and `union all`: else SQLite begins with all manifests of the repository, in their order.
  const { rows } = await sql<{ digest: Digest; trash_id: string }>`
    select m.digest, m.trash_id
      from ${asked} as a cross join manifest_edges as e cross join manifests as m
     where e.repository_id = ${repository} and e.parent = a.value
       and m.repository_id = ${repository} and m.digest = e.child and m.state = 'trashed'
    union all
    select m.digest, m.trash_id
      from ${asked} as a cross join manifests as m cross join trash as t
     where m.repository_id = ${repository} and m.subject = a.value and m.subject is not null
       and m.state = 'trashed'
       and t.id = m.trash_id and t.kind = 'manifest' and t.digest <> m.digest`.execute(tx);
  if (rows.length === 0) return [];
  const digests = [...new Set(rows.map(({ digest }) => digest))];
  const those = db.facts.values(JSON.stringify(digests));
  const away = sql<boolean>`m.repository_id = ${repository}
    and m.digest in (select d.value from ${those} as d)`;
  await recordAbsences(tx, away, now);
  await sql`
    update manifests set state = 'live', trash_id = null
     where repository_id = ${repositoryId}
       and digest in (select d.value from ${those} as d)`.execute(tx);
  const units = [...new Set(rows.map(({ trash_id }) => trash_id))];
  await sql`
    delete from trash
     where id in (select u.value from ${db.facts.values(JSON.stringify(units))} as u)
       and not exists (select 1 from manifests as m where m.trash_id = trash.id)`.execute(tx);
  return digests;
}

/** Blobs of the manifests are visible in their repository again. */
export async function linkBlobsOf(
  db: Database,
  tx: Tx,
  repositoryId: string,
  manifests: readonly Digest[],
  now: number,
): Promise<void> {
  await sql`
    insert into repository_blobs (repository_id, digest, lease_until)
    select distinct ${bound(repositoryId)}, b.digest, cast(${now + leaseMs} as bigint)
      from ${db.facts.values(JSON.stringify(manifests))} as m
     cross join manifest_edges as e
      join blobs as b on b.digest = e.child and b.state = 'live'
     where e.repository_id = ${bound(repositoryId)} and e.parent = m.value
    on conflict do nothing`.execute(tx);
}

/** A blob of the manifests whose bytes nobody may see any more; null where all are as they were. */
export async function findLostBlob(
  db: Database,
  tx: Tx,
  repositoryId: string,
  manifests: readonly Digest[],
): Promise<Digest | null> {
  const { rows } = await sql<{ digest: Digest }>`
    select b.digest
      from ${db.facts.values(JSON.stringify(manifests))} as m
     cross join manifest_edges as e
      join blobs as b on b.digest = e.child and b.state <> 'live'
     where e.repository_id = ${bound(repositoryId)} and e.parent = m.value
     limit 1`.execute(tx);
  return rows[0]?.digest ?? null;
}

export async function isBlobLive(tx: Tx, digest: Digest): Promise<boolean> {
  const row = await tx
    .selectFrom("blobs")
    .select("digest")
    .where("digest", "=", digest)
    .where("state", "=", live)
    .executeTakeFirst();
  return row !== undefined;
}

/** Tags that went with the unit, with where each is now (null: nowhere), its last move, and its push. */
export interface WentTag {
  readonly tag: Tag;
  readonly current: Digest | null;
  readonly version: number;
  readonly moved_at: number;
  readonly pushed_at: number;
  readonly pushed_by: string | null;
}

export async function tagsOfUnit(
  tx: Tx,
  repositoryId: string,
  trashId: string,
): Promise<WentTag[]> {
  // Two, each read from the end of the history: sorted as one they would take all of it.
  const lastMove = (which: RawBuilder<unknown>) => sql`
    (select x.version from tag_history as x
      where x.repository_id = h.repository_id and x.tag = h.tag and x.digest = b.digest ${which}
      order by x.version desc limit 1)`;
  const { rows } = await sql<WentTag>`
    select h.tag, t.digest as current, l.version, l.moved_at,
           p.moved_at as pushed_at, p.moved_by as pushed_by
      from tag_history as h
      join tag_history as b
        on b.repository_id = h.repository_id and b.tag = h.tag and b.version = h.version - 1
      join tag_history as p
        on p.repository_id = h.repository_id and p.tag = h.tag
       and p.version = coalesce(${lastMove(sql`and x.cause = 'push'`)}, ${lastMove(sql``)})
      join tag_history as l
        on l.repository_id = h.repository_id and l.tag = h.tag
       and l.version = (select max(x.version) from tag_history as x
                         where x.repository_id = h.repository_id and x.tag = h.tag)
      left join tags as t on t.repository_id = h.repository_id and t.name = h.tag
     where h.trash_id = ${bound(trashId)} and h.repository_id = ${bound(repositoryId)}
     order by h.tag`.execute(tx);
  return rows;
}

/**
 * Makes tags that are not there point to the manifest, and writes their histories. They come back as they were
 * pushed: the history alone says who brought them back.
 */
export async function bringBackTags(
  tx: Tx,
  of: { readonly repositoryId: string; readonly digest: Digest; readonly actor: string | null },
  tags: readonly WentTag[],
  now: number,
): Promise<void> {
  const { repositoryId: repository_id, digest, actor } = of;
  const image = await tx
    .selectFrom("images")
    .select("size")
    .where("repository_id", "=", repository_id)
    .where("digest", "=", digest)
    .executeTakeFirst();
  const size = image?.size ?? 0;
  for (let at = 0; at < tags.length; at += insertRowsMax) {
    const some = tags.slice(at, at + insertRowsMax);
    await tx
      .insertInto("tag_history")
      .values(
        some.map(({ tag, version, moved_at }) => ({
          ...{ repository_id, tag, digest, cause: "restore" as const, trash_id: null },
          ...{ version: version + 1, moved_at: Math.max(now, moved_at + 1), moved_by: actor },
        })),
      )
      .execute();
    await tx
      .insertInto("tags")
      .values(
        some.map(({ tag, version, pushed_at, pushed_by }) => ({
          ...{ repository_id, digest, size, name: tag, sort_key: tagSortKey(tag) },
          ...{ attached: isAttachedTag(tag) ? 1 : 0, version: version + 1 },
          ...{ moved_at: pushed_at, moved_by: pushed_by },
        })),
      )
      .execute();
  }
}

export async function deleteUnit(tx: Tx, id: string): Promise<void> {
  await tx.deleteFrom("trash").where("id", "=", id).execute();
}

/** The unit with which a manifest went; null where it is in none. */
export async function unitOfManifest(
  tx: Tx,
  repositoryId: string,
  digest: Digest,
): Promise<string | null> {
  const row = await tx
    .selectFrom("manifests")
    .select("trash_id")
    .where("repository_id", "=", repositoryId)
    .where("digest", "=", digest)
    .executeTakeFirst();
  return row?.trash_id ?? null;
}

/** Whether another repository has the name by now. */
export async function isRepositoryThere(
  tx: Tx,
  projectId: string,
  name: RepositoryName,
): Promise<boolean> {
  const row = await tx
    .selectFrom("repositories")
    .select("id")
    .where("name", "=", bound(name))
    .where("project_id", "=", bound(projectId))
    .where("state", "=", live)
    .executeTakeFirst();
  return row !== undefined;
}

/** A repository or a project is there again, as it was. */
export async function reviveRow(
  tx: Tx,
  table: "repositories" | "projects",
  id: string,
  now: number,
): Promise<void> {
  await recordReturn(tx, table, id, now);
  const { numUpdatedRows } = await tx
    .updateTable(table)
    .set({ state: "live", trashed_at: null, trashed_by: null, version: sql`version + 1` })
    .where("id", "=", id)
    .where("state", "=", "trashed")
    .executeTakeFirstOrThrow();
  assert(numUpdatedRows === 1n, "what a unit of the trash stands for is there already");
}
