import { type Kysely, sql } from "kysely";
import type { DialectFacts } from "../dialect-facts.ts";
import type { Tables } from "../tables.ts";

export const name = "0019-stars-and-days";

/** What people marked for themselves, and how much was stored on each day. */
export async function up(db: Kysely<Tables>, { integer, clustered }: DialectFacts): Promise<void> {
  await db.schema
    .createTable("stars")
    .addColumn("id", "text", (c) => c.primaryKey())
    .addColumn("principal_id", "text", (c) => c.notNull().references("principals.id"))
    .addColumn("project_id", "text", (c) => c.references("projects.id").onDelete("cascade"))
    .addColumn("repository_id", "text", (c) => c.references("repositories.id").onDelete("cascade"))
    .addColumn("created_at", integer as never, (c) => c.notNull())
    .modifyEnd(clustered)
    .execute();
  // Of nulls there may be any number: a star has one of the two.
  await sql`create unique index stars_of_projects on stars (principal_id, project_id)`.execute(db);
  await sql`create unique index stars_of_repositories on stars (principal_id, repository_id)`.execute(
    db,
  );
  await sql`create index stars_by_project on stars (project_id)`.execute(db);
  await sql`create index stars_by_repository on stars (repository_id)`.execute(db);

  await db.schema
    .createTable("storage_days")
    .addColumn("day", "text", (c) => c.primaryKey())
    .addColumn("stored_bytes", integer as never, (c) => c.notNull())
    .addColumn("logical_bytes", integer as never, (c) => c.notNull())
    .addColumn("trash_bytes", integer as never, (c) => c.notNull())
    .addColumn("blobs", integer as never, (c) => c.notNull())
    .addColumn("measured_at", integer as never, (c) => c.notNull())
    .modifyEnd(clustered)
    .execute();
}
