import { sql } from "kysely";
import type { Database } from "../db/database.ts";
import { bound } from "../db/dialect-facts.ts";
import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/repository-name.ts";

export interface Referrer {
  readonly subject: Digest;
  readonly digest: Digest;
}

/** What names one of the manifests as its subject, newest first. */
export async function referrersOf(
  db: Database,
  repositoryId: string,
  subjects: readonly Digest[],
  limit: number,
): Promise<Referrer[]> {
  const { rows } = await sql<Referrer>`
    select m.subject, m.digest
      from ${db.facts.values(JSON.stringify(subjects))} as asked
     cross join manifests as m
     where m.repository_id = ${bound(repositoryId)} and m.subject = asked.value
       and m.state = 'live'
     order by m.pushed_at desc, m.digest limit ${limit}`.execute(db.reads);
  return rows;
}

export interface Sharer {
  readonly name: RepositoryName;
  readonly layers: number;
  readonly bytes: number;
}

/** Links of blobs that are looked at: a layer of a base image may lie in every repository there is. */
const linksMax = 20_000;

/** Other repositories whose images have some of the blobs, those with the most bytes of them first. */
export async function sharersOf(
  db: Database,
  repositoryId: string,
  digests: readonly Digest[],
  limit: number,
): Promise<Sharer[]> {
  if (digests.length === 0) return [];
  const { rows } = await sql<Sharer>`
    select r.name, cast(count(*) as integer) as layers, cast(sum(b.size) as bigint) as bytes
      from (select l.repository_id, l.digest
              from ${db.facts.values(JSON.stringify(digests))} as asked
             cross join repository_blobs as l
             where l.digest = asked.value and l.repository_id <> ${bound(repositoryId)}
             limit ${linksMax}) as l
      join blobs as b on b.digest = l.digest
      join repositories as r on r.id = l.repository_id and r.state = 'live'
      join projects as p on p.id = r.project_id and p.state = 'live'
     where exists (
       select 1 from manifest_edges as e
         join manifests as m
           on m.repository_id = e.repository_id and m.digest = e.parent and m.state = 'live'
        where e.child = l.digest and e.repository_id = l.repository_id)
     group by r.id, r.name
     order by bytes desc, r.name limit ${limit}`.execute(db.reads);
  return rows;
}
