import { type Kysely, sql } from "kysely";
import { uuidv7 } from "../../lib/random.ts";
import type { DialectFacts } from "../dialect-facts.ts";
import type { Tables } from "../tables.ts";

export const name = "0008-trash";

const dayMs = 24 * 60 * 60 * 1000;
/** The horizon that all projects had before each had its own. */
const horizonMs = 7 * dayMs;

/** Repositories and projects lie in the trash as well, and each project says for how long things do. */
export async function up(db: Kysely<Tables>, facts: DialectFacts): Promise<void> {
  const { integer } = facts;
  const projects = db.schema.alterTable("projects");
  await projects
    .addColumn("trash_days", integer as never, (c) => c.notNull().defaultTo(7))
    .execute();
  await projects.addColumn("untagged_days", integer as never).execute();
  await db.schema.alterTable("principals").addColumn("kept_state", "text").execute();
  await sql`create index tag_history_by_trash on tag_history (trash_id)
    where trash_id is not null`.execute(db);
  await widenTrash(db, facts);
  await putIntoTrash(db);
}

/** Made anew, since SQLite cannot let a column be null that was not. */
async function widenTrash(db: Kysely<Tables>, { integer }: DialectFacts): Promise<void> {
  await db.schema
    .createTable("trash_units")
    .addColumn("id", "text", (c) => c.primaryKey())
    .addColumn("project_id", "text", (c) => c.references("projects.id"))
    .addColumn("repository_id", "text", (c) => c.references("repositories.id"))
    .addColumn("kind", "text", (c) => c.notNull())
    .addColumn("digest", "text")
    .addColumn("tag", "text")
    .addColumn("deleted_at", integer as never, (c) => c.notNull())
    .addColumn("deleted_by", "text")
    .addColumn("reason", "text")
    .addColumn("until", integer as never, (c) => c.notNull())
    .execute();
  await sql`insert into trash_units
      (id, repository_id, kind, digest, tag, deleted_at, deleted_by, until)
    select id, repository_id, kind, digest, tag, deleted_at, deleted_by, until from trash`.execute(
    db,
  );
  await db.schema.dropTable("trash").execute();
  await sql`alter table trash_units rename to trash`.execute(db);
  await sql`create index if not exists trash_by_until on trash (until)`.execute(db);
  await sql`create index if not exists trash_by_blob on trash (digest)
    where kind = 'blob'`.execute(db);
  await sql`create index trash_by_repository on trash (repository_id)`.execute(db);
  await sql`create index trash_by_project on trash (project_id)
    where project_id is not null`.execute(db);
}

/** What was deleted before there was a unit for it. */
async function putIntoTrash(db: Kysely<Tables>): Promise<void> {
  for (const kind of ["repository", "project"] as const) {
    const rows = await db
      .selectFrom(kind === "repository" ? "repositories" : "projects")
      .select(["id", "trashed_at", "trashed_by"])
      .where("state", "=", "trashed")
      .execute();
    for (const { id, trashed_at, trashed_by } of rows) {
      const deletedAt = trashed_at ?? 0;
      await db
        .insertInto("trash")
        .values({
          id: uuidv7(),
          kind,
          repository_id: kind === "repository" ? id : null,
          project_id: kind === "project" ? id : null,
          digest: null,
          tag: null,
          deleted_at: deletedAt,
          deleted_by: trashed_by,
          reason: null,
          until: deletedAt + horizonMs,
        })
        .execute();
    }
  }
}
