import { type Kysely, sql } from "kysely";
import type { Tables } from "../tables.ts";

export const name = "0020-untagged";

/**
 * For lists of manifests that nothing names, and for what these were called. Each index has a condition that
 * always holds: SQLite, which does not know how many rows there are, takes it only for a statement that says
 * so, and plans all others as before. It is not about a column that a list is sorted by: SQLite would begin the
 * range with what it says, not where the page does. Nor does it follow from another one, as `repository_id <> ''`
 * from an id: PostgreSQL, as long as it has no figures, would look a digest up in an index of times.
 */
export async function up(db: Kysely<Tables>): Promise<void> {
  await sql`create index manifests_by_push on manifests (repository_id, pushed_at, digest, subject)
    where state = 'live' and length(repository_id) > 0`.execute(db);
  await sql`create index images_by_size on images (repository_id, size, digest)
    where length(repository_id) > 0`.execute(db);
  await sql`create index tag_history_by_digest on tag_history (repository_id, digest)
    where digest is not null and version > 0`.execute(db);
}
