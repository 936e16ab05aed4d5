import { sql } from "kysely";
import type { Database, Reads, Tx } from "../db/database.ts";
import { bound } from "../db/dialect-facts.ts";
import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/repository-name.ts";

export interface LapsedLink {
  readonly repository_id: string;
  readonly repository: RepositoryName;
  readonly digest: Digest;
}

/** Links whose lease has run out and that were not looked at since, the oldest first. */
export async function listLapsedLinks(
  reads: Reads,
  now: number,
  limit: number,
): Promise<LapsedLink[]> {
  const { rows } = await sql<LapsedLink>`
    select l.repository_id, r.name as repository, l.digest
      from (select repository_id, digest, lease_until from repository_blobs
             where lease_until > 0 and lease_until <= ${now}
             order by lease_until limit ${limit}) as l
      join repositories as r on r.id = l.repository_id
     order by l.lease_until`.execute(reads);
  return rows;
}

/**
 * Of lapsed links of one repository: those to whose blob a manifest there refers, in whatever state, need
 * not be looked at again; the others end. Returns the blobs of these.
 */
export async function settleLinks(
  db: Database,
  tx: Tx,
  repositoryId: string,
  digests: readonly Digest[],
  now: number,
): Promise<Digest[]> {
  const repository = bound(repositoryId);
  const asked = db.facts.values(JSON.stringify(digests));
  // The plus keeps databases from the index of all lapsed links.
  const lapsed = sql`repository_id = ${repository}
    and digest in (select a.value from ${asked} as a)
    and +lease_until > 0 and +lease_until <= ${now}`;
  const { rows } = await sql<{ digest: Digest }>`
    delete from repository_blobs where ${lapsed}
      and not exists (select 1 from manifest_edges as e
        where e.child = repository_blobs.digest and e.repository_id = ${repository})
    returning digest`.execute(tx);
  await sql`update repository_blobs set lease_until = 0 where ${lapsed}`.execute(tx);
  return rows.map(({ digest }) => digest);
}
