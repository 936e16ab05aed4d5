import { sql } from "kysely";
import type { Database, Reads, Tx } from "../db/database.ts";
import { bound, live } from "../db/dialect-facts.ts";
import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import { isOfNoLive } from "./manifest-store.ts";
import type { NamedTag } from "./tag-store.ts";

/** Which manifests of a repository are meant: those that are older than a time. */
export interface Sweep {
  /**
   * `pushed`: nobody pushed them, or moved or brought back a tag of them, since then. `untagged`: nor had
   * they a tag since then.
   */
  readonly by: "pushed" | "untagged";
  /** Epoch milliseconds. */
  readonly before: number;
}

/**
 * Manifests that are meant, by digest, after one: none that a live index lists or that refers to a live
 * subject, since these go with their wholes.
 */
export async function listSwept(
  reads: Reads,
  repositoryId: string,
  { by, before }: Sweep,
  page: { readonly after: string; readonly limit: number },
): Promise<Digest[]> {
  const repository = bound(repositoryId);
  const tags =
    by === "pushed"
      ? sql`m.digest not in (
          select t.digest from tags as t
            join tag_history as h
              on h.repository_id = t.repository_id and h.tag = t.name and h.version = t.version
           where t.repository_id = ${repository} and h.moved_at >= ${before})`
      : sql`not exists (
          select 1 from tags as t
           where t.repository_id = ${repository} and t.digest = m.digest)
        and m.digest not in (
          select h.digest from tag_history as h
            join tag_history as n
              on n.repository_id = h.repository_id and n.tag = h.tag and n.version = h.version + 1
           where h.repository_id = ${repository} and h.digest is not null
             and n.moved_at >= ${before})`;
  const { rows } = await sql<{ digest: Digest }>`
    select m.digest
      from manifests as m
     where m.repository_id = ${repository} and m.state = 'live'
       and m.digest > ${bound(page.after)} and m.pushed_at < ${before}
       and ${tags}
       and ${isOfNoLive(repository)}
     order by m.digest
     limit ${page.limit}`.execute(reads);
  return rows.map(({ digest }) => digest);
}

/** The tags of some manifests. */
export async function listTagsOfAll(
  db: Database,
  tx: Tx,
  repositoryId: string,
  digests: readonly Digest[],
): Promise<NamedTag[]> {
  const repository = bound(repositoryId);
  // Their names first: these are in the index of tags by digest.
  const { rows } = await sql<NamedTag>`
    select name as tag, digest, locked_at as ${sql.id("lockedAt")}
      from tags
     where repository_id = ${repository} and name in (
       select t.name from ${db.facts.values(JSON.stringify(digests))} as asked
        cross join tags as t
        where t.repository_id = ${repository} and t.digest = asked.value)
     order by name`.execute(tx);
  return rows;
}

/** A repository that is there, and how many days its project keeps manifests without a tag; null: for ever. */
export interface SweptRepository {
  readonly id: string;
  readonly name: RepositoryName;
  readonly projectId: string;
  readonly days: number | null;
}

/** By id, after one; `limited`: only those with days. */
export async function listSweptRepositories(
  reads: Reads,
  page: { readonly limited: boolean; readonly after: string; readonly limit: number },
): Promise<SweptRepository[]> {
  let query = reads
    .selectFrom("repositories as r")
    .innerJoin("projects as p", "p.id", "r.project_id")
    .select(["r.id", "r.name", "p.id as projectId", "p.untagged_days as days"])
    .where("r.state", "=", live)
    .where("p.state", "=", live)
    .where("r.id", ">", bound(page.after));
  if (page.limited) query = query.where("p.untagged_days", "is not", null);
  return await query.orderBy("r.id").limit(page.limit).execute();
}

/** Bytes of the blobs that something holds. */
export interface HeldBytes {
  /** That nothing else holds: they come back when it is purged. */
  readonly bytes: number;
  /** That others hold as well, perhaps in another unit of the trash: they stay as long as these. */
  readonly sharedBytes: number;
}

/** Of the units, or of the repository. */
export async function bytesHeldBy(
  db: Database,
  reads: Reads,
  by: { readonly units: readonly string[] } | { readonly repositoryId: string },
): Promise<HeldBytes> {
  const units = "units" in by ? db.facts.values(JSON.stringify(by.units)) : null;
  const gone =
    units === null
      ? sql`m.repository_id = ${bound("repositoryId" in by ? by.repositoryId : "")}`
      : sql`coalesce(m.trash_id, '') in (select u.value from ${units} as u)`;
  const linked =
    "repositoryId" in by
      ? sql`union select digest from repository_blobs where repository_id = ${bound(by.repositoryId)}`
      : sql``;
  const from =
    units === null
      ? sql`manifests as m where ${gone}`
      : sql`${units} as u join manifests as m on m.trash_id = u.value`;
  const { rows } = await sql<Record<"alone" | "whole", number | string | null>>`
    with gone as (select m.repository_id, m.digest from ${from}),
    held as (
      select e.child as digest from gone as g
        join manifest_edges as e on e.repository_id = g.repository_id and e.parent = g.digest
      ${linked})
    select sum(b.size) as whole,
           sum(case when not exists (
             select 1 from manifest_edges as e
               join manifests as m on m.repository_id = e.repository_id and m.digest = e.parent
              where e.child = b.digest and not (${gone}))
       and not exists (
             select 1 from trash as t where t.kind = 'blob' and t.digest = b.digest)
           then b.size else 0 end) as alone
      from (select distinct digest from held) as h
      join blobs as b on b.digest = h.digest`.execute(reads);
  const bytes = Number(rows[0]?.alone ?? 0);
  return { bytes, sharedBytes: Number(rows[0]?.whole ?? 0) - bytes };
}
