import { type Kysely, sql } from "kysely";
import type { DialectFacts } from "../dialect-facts.ts";
import type { Tables } from "../tables.ts";

export const name = "0011-absences";

/** Repositories and projects come back from the trash as well: when they lay there is remembered. */
export async function up(db: Kysely<Tables>, { integer }: DialectFacts): Promise<void> {
  await db.schema
    .createTable("repository_absences")
    .addColumn("id", "text", (c) => c.primaryKey())
    .addColumn("repository_id", "text", (c) => c.references("repositories.id").onDelete("cascade"))
    .addColumn("project_id", "text", (c) => c.references("projects.id").onDelete("cascade"))
    .addColumn("gone_at", integer as never, (c) => c.notNull())
    .addColumn("back_at", integer as never, (c) => c.notNull())
    .execute();
  await sql`create index absences_of_repository on repository_absences (repository_id)
    where repository_id is not null`.execute(db);
  await sql`create index absences_of_project on repository_absences (project_id)
    where project_id is not null`.execute(db);
}
