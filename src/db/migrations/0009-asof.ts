import { type Kysely, sql } from "kysely";
import type { DialectFacts } from "../dialect-facts.ts";
import type { Tables } from "../tables.ts";

export const name = "0009-asof";

/** What the state of an earlier moment is read from, besides what is there. */
export async function up(db: Kysely<Tables>, { integer, clustered }: DialectFacts): Promise<void> {
  await db.schema
    .createTable("manifest_absences")
    .addColumn("repository_id", "text", (c) => c.notNull())
    .addColumn("digest", "text", (c) => c.notNull())
    .addColumn("gone_at", integer as never, (c) => c.notNull())
    .addColumn("back_at", integer as never, (c) => c.notNull())
    .addColumn("pushed_at", integer as never, (c) => c.notNull())
    .addPrimaryKeyConstraint("manifest_absences_key", ["repository_id", "digest", "gone_at"])
    // What is purged has no past.
    .addForeignKeyConstraint(
      "manifest_absences_manifest",
      ["repository_id", "digest"],
      "manifests",
      ["repository_id", "digest"],
      (c) => c.onDelete("cascade"),
    )
    .modifyEnd(clustered)
    .execute();
  await sql`create index tag_history_by_time on tag_history (repository_id, tag, moved_at)`.execute(
    db,
  );
  await sql`create index manifests_by_any_subject on manifests (repository_id, subject, digest)
    where subject is not null`.execute(db);
  await sql`create index repositories_by_name on repositories (name)`.execute(db);
}
