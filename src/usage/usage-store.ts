import { sql } from "kysely";
import type { BlobKey } from "../blobs/blob-store.ts";
import type { Reads } from "../db/database.ts";
import { bound } from "../db/dialect-facts.ts";
import type { Digest } from "../oci/digest.ts";

export interface CountedRepository {
  readonly id: string;
  /** 1 where it and its project are there; 0: in the trash. */
  readonly live: number;
}

/** Repositories by id, after one: of a project that is there, or of all, deleted ones included. */
export async function listCounted(
  reads: Reads,
  page: { readonly projectId: string | null; readonly after: string; readonly limit: number },
): Promise<CountedRepository[]> {
  let query = reads
    .selectFrom("repositories as r")
    .innerJoin("projects as p", "p.id", "r.project_id")
    .select("r.id")
    .select(
      sql<number>`case when r.state = 'live' and p.state = 'live' then 1 else 0 end`.as("live"),
    )
    .where("r.id", ">", bound(page.after));
  if (page.projectId !== null) query = query.where("r.project_id", "=", bound(page.projectId));
  return await query.orderBy("r.id").limit(page.limit).execute();
}

export interface LinkedBlob {
  readonly digest: Digest;
  readonly size: number;
  readonly leaseUntil: number;
  /** 1 or 0: whether a manifest refers to it, and whether one does that is there. */
  readonly referred: number;
  readonly referredLive: number;
}

/** The blobs of a repository by digest, after one, with what refers to them there. */
export async function listLinked(
  reads: Reads,
  page: { readonly repositoryId: string; readonly after: string; readonly limit: number },
): Promise<LinkedBlob[]> {
  const edges = sql`from manifest_edges as e
      join manifests as m on m.repository_id = e.repository_id and m.digest = e.parent
     where e.child = l.digest and e.repository_id = l.repository_id`;
  const { rows } = await sql<LinkedBlob>`
    select l.digest, b.size, l.lease_until as "leaseUntil",
           case when exists (select 1 ${edges}) then 1 else 0 end as referred,
           case when exists (select 1 ${edges} and m.state = 'live') then 1 else 0 end
             as "referredLive"
      from (select repository_id, digest, lease_until from repository_blobs
             where repository_id = ${page.repositoryId} and digest > ${page.after}
             order by digest limit ${page.limit}) as l
      join blobs as b on b.digest = l.digest
     order by l.digest`.execute(reads);
  return rows;
}

/** Of blobs: those to which a repository of the same project refers that is there, and is not this one. */
export async function heldByOthers(
  reads: Reads,
  { repositoryId, projectId }: { readonly repositoryId: string; readonly projectId: string },
  digests: readonly Digest[],
): Promise<Set<Digest>> {
  if (digests.length === 0) return new Set();
  const { rows } = await sql<{ digest: Digest }>`
    select b.digest from blobs as b
     where b.digest in (${sql.join(digests)})
       and exists (
         select 1 from repository_blobs as o
           join repositories as r on r.id = o.repository_id and r.project_id = ${bound(projectId)}
            and r.state = 'live'
          where o.digest = b.digest and o.repository_id <> ${bound(repositoryId)}
            and exists (
              select 1 from manifest_edges as e
                join manifests as m on m.repository_id = e.repository_id and m.digest = e.parent
                 and m.state = 'live'
               where e.child = b.digest and e.repository_id = o.repository_id))`.execute(reads);
  return new Set(rows.map(({ digest }) => digest));
}

/** The blobs that lie in the trash by themselves, by unit, after one. */
export async function listTrashedBlobs(
  reads: Reads,
  page: { readonly repositoryId: string; readonly after: string; readonly limit: number },
): Promise<{ unit: string; digest: Digest; size: number }[]> {
  return await reads
    .selectFrom("trash as t")
    .innerJoin("blobs as b", "b.digest", "t.digest")
    .select(["t.id as unit", "b.digest", "b.size"])
    .where("t.repository_id", "=", bound(page.repositoryId))
    .where("t.kind", "=", "blob")
    .where("t.id", ">", bound(page.after))
    .orderBy("t.id")
    .limit(page.limit)
    .execute();
}

/** Until when the last of what lies in the trash can be restored; null: nothing does. */
export async function trashedUntil(
  reads: Reads,
  of: { readonly kind: string; readonly repositoryId?: string; readonly projectId?: string },
): Promise<number | null> {
  let query = reads.selectFrom("trash as t").select(({ fn }) => fn.max("t.until").as("until"));
  if (of.repositoryId !== undefined) {
    query = query.where("t.repository_id", "=", bound(of.repositoryId));
  } else if (of.projectId !== undefined) {
    query = query
      .innerJoin("repositories as r", "r.id", "t.repository_id")
      .where("r.project_id", "=", bound(of.projectId));
  }
  const row = await query.executeTakeFirst();
  return row?.until ?? null;
}

/** Of manifests that are there, by digest, after one: what their blobs would take if each had its own. */
export async function listImageSizes(
  reads: Reads,
  page: { readonly repositoryId: string; readonly after: string; readonly limit: number },
): Promise<{ digest: Digest; size: number }[]> {
  const { rows } = await sql<{ digest: Digest; size: number }>`
    select m.digest,
           cast(coalesce((
             select sum(b.size) from manifest_edges as e join blobs as b on b.digest = e.child
              where e.repository_id = m.repository_id and e.parent = m.digest), 0) as bigint) as size
      from manifests as m
     where m.repository_id = ${page.repositoryId} and m.digest > ${page.after}
       and m.state = 'live'
     order by m.digest limit ${page.limit}`.execute(reads);
  return rows;
}

/** Bytes that the blob store holds, by digest, after one. */
export async function listStored(
  reads: Reads,
  page: { readonly after: string; readonly limit: number },
): Promise<{ digest: Digest; size: number }[]> {
  return await reads
    .selectFrom("blobs")
    .select(["digest", "size"])
    .where("digest", ">", page.after as Digest)
    .orderBy("digest")
    .limit(page.limit)
    .execute();
}

/** Bytes that the blob store still holds and no row speaks of, by key, after one. */
export async function listLeaving(
  reads: Reads,
  page: { readonly after: string; readonly limit: number },
): Promise<{ key: BlobKey; size: number }[]> {
  return await reads
    .selectFrom("blob_deletions")
    .select(["key", "size"])
    .where("key", ">", page.after as BlobKey)
    .orderBy("key")
    .limit(page.limit)
    .execute();
}
