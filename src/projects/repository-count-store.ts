import { sql } from "kysely";
import type { Reads, Tx } from "../db/database.ts";

/** Repositories of which a tag moved after `since`. */
export async function changedRepositories(reads: Reads, since: number): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select distinct repository_id as id from tag_history where moved_at > ${since}`.execute(reads);
  return rows.map(({ id }) => id);
}

export interface RepositoryCount {
  readonly tags: number;
  readonly size: number;
  readonly pushed_at: number;
}

/** Its tags and what they point to; null where the repository says so already. */
export async function countRepository(reads: Reads, id: string): Promise<RepositoryCount | null> {
  const { rows } = await sql<RepositoryCount>`
    select c.tags, c.size, c.pushed_at
      from (select cast(count(*) as bigint) as tags,
                   cast(coalesce(sum(size), 0) as bigint) as size,
                   coalesce(max(moved_at), 0) as pushed_at
              from tags where repository_id = ${id} and attached = 0) as c
      join repositories as r on r.id = ${id}
     where r.tags <> c.tags or r.size <> c.size or r.pushed_at <> c.pushed_at`.execute(reads);
  return rows[0] ?? null;
}

export async function keepCount(tx: Tx, id: string, count: RepositoryCount): Promise<void> {
  await tx.updateTable("repositories").set(count).where("id", "=", id).execute();
}
