import type { Kysely } from "kysely";
import { sql } from "kysely";
import type { DialectFacts } from "../dialect-facts.ts";
import type { Tables } from "../tables.ts";

export const name = "0001-registry";

export async function up(db: Kysely<Tables>, facts: DialectFacts): Promise<void> {
  const { integer, bytes, clustered } = facts;

  await db.schema
    .createTable("projects")
    .addColumn("id", "text", (c) => c.primaryKey())
    .addColumn("name", "text", (c) => c.notNull())
    .addColumn("generation", integer as never, (c) => c.notNull())
    .addColumn("state", "text", (c) => c.notNull())
    .addColumn("created_at", integer as never, (c) => c.notNull())
    .addColumn("created_by", "text")
    .execute();
  await sql`create unique index projects_live on projects (name) where state = 'live'`.execute(db);

  await db.schema
    .createTable("repositories")
    .addColumn("id", "text", (c) => c.primaryKey())
    .addColumn("project_id", "text", (c) => c.notNull().references("projects.id"))
    .addColumn("name", "text", (c) => c.notNull())
    .addColumn("state", "text", (c) => c.notNull())
    .addColumn("created_at", integer as never, (c) => c.notNull())
    .addColumn("created_by", "text")
    .execute();
  await sql`create unique index repositories_live on repositories (name, project_id)
    where state = 'live'`.execute(db);

  await db.schema
    .createTable("blobs")
    .addColumn("digest", "text", (c) => c.primaryKey())
    .addColumn("size", integer as never, (c) => c.notNull())
    .addColumn("key", "text", (c) => c.notNull())
    .addColumn("state", "text", (c) => c.notNull())
    .addColumn("created_at", integer as never, (c) => c.notNull())
    .modifyEnd(clustered)
    .execute();

  await db.schema
    .createTable("repository_blobs")
    .addColumn("repository_id", "text", (c) => c.notNull().references("repositories.id"))
    .addColumn("digest", "text", (c) => c.notNull().references("blobs.digest"))
    .addColumn("lease_until", integer as never, (c) => c.notNull())
    .addPrimaryKeyConstraint("repository_blobs_key", ["repository_id", "digest"])
    .modifyEnd(clustered)
    .execute();
  await sql`create index repository_blobs_by_digest on repository_blobs (digest)`.execute(db);

  await db.schema
    .createTable("manifests")
    .addColumn("repository_id", "text", (c) => c.notNull().references("repositories.id"))
    .addColumn("digest", "text", (c) => c.notNull())
    .addColumn("media_type", "text", (c) => c.notNull())
    .addColumn("artifact_type", "text")
    .addColumn("subject", "text")
    .addColumn("size", integer as never, (c) => c.notNull())
    .addColumn("state", "text", (c) => c.notNull())
    .addColumn("trash_id", "text")
    .addColumn("pushed_at", integer as never, (c) => c.notNull())
    .addColumn("pushed_by", "text")
    // Last, since both may be large and every other column is read more often.
    .addColumn("annotations", "text")
    .addColumn("bytes", bytes as never, (c) => c.notNull())
    .addPrimaryKeyConstraint("manifests_key", ["repository_id", "digest"])
    .execute();
  await sql`create index manifests_by_subject on manifests (repository_id, subject, digest)
    where subject is not null and state = 'live'`.execute(db);
  await sql`create index manifests_by_trash on manifests (trash_id)
    where trash_id is not null`.execute(db);

  await db.schema
    .createTable("manifest_edges")
    .addColumn("repository_id", "text", (c) => c.notNull())
    .addColumn("parent", "text", (c) => c.notNull())
    .addColumn("child", "text", (c) => c.notNull())
    .addColumn("kind", "text", (c) => c.notNull())
    .addPrimaryKeyConstraint("manifest_edges_key", ["repository_id", "parent", "child"])
    .addForeignKeyConstraint("manifest_edges_parent", ["repository_id", "parent"], "manifests", [
      "repository_id",
      "digest",
    ])
    .modifyEnd(clustered)
    .execute();
  await sql`create index manifest_edges_by_child on manifest_edges (child, repository_id)`.execute(
    db,
  );

  await db.schema
    .createTable("tags")
    .addColumn("repository_id", "text", (c) => c.notNull())
    .addColumn("name", "text", (c) => c.notNull())
    .addColumn("digest", "text", (c) => c.notNull())
    .addColumn("version", integer as never, (c) => c.notNull())
    .addColumn("sort_key", "text", (c) => c.notNull())
    .addColumn("moved_at", integer as never, (c) => c.notNull())
    .addColumn("moved_by", "text")
    .addPrimaryKeyConstraint("tags_key", ["repository_id", "name"])
    .modifyEnd(clustered)
    .execute();
  await sql`create index tags_by_digest on tags (repository_id, digest)`.execute(db);

  await db.schema
    .createTable("tag_history")
    .addColumn("repository_id", "text", (c) => c.notNull())
    .addColumn("tag", "text", (c) => c.notNull())
    .addColumn("version", integer as never, (c) => c.notNull())
    .addColumn("digest", "text")
    .addColumn("moved_at", integer as never, (c) => c.notNull())
    .addColumn("moved_by", "text")
    .addColumn("cause", "text", (c) => c.notNull())
    .addColumn("trash_id", "text")
    .addPrimaryKeyConstraint("tag_history_key", ["repository_id", "tag", "version"])
    .modifyEnd(clustered)
    .execute();

  await db.schema
    .createTable("trash")
    .addColumn("id", "text", (c) => c.primaryKey())
    .addColumn("repository_id", "text", (c) => c.notNull().references("repositories.id"))
    .addColumn("kind", "text", (c) => c.notNull())
    .addColumn("digest", "text", (c) => c.notNull())
    .addColumn("tag", "text")
    .addColumn("deleted_at", integer as never, (c) => c.notNull())
    .addColumn("deleted_by", "text")
    .addColumn("until", integer as never, (c) => c.notNull())
    .execute();

  await db.schema
    .createTable("uploads")
    .addColumn("id", "text", (c) => c.primaryKey())
    .addColumn("repository", "text", (c) => c.notNull())
    .addColumn("algorithm", "text", (c) => c.notNull())
    .addColumn("offset_bytes", integer as never, (c) => c.notNull())
    .addColumn("client", "text", (c) => c.notNull())
    .addColumn("principal", "text")
    .addColumn("created_at", integer as never, (c) => c.notNull())
    .addColumn("touched_at", integer as never, (c) => c.notNull())
    .modifyEnd(clustered)
    .execute();
  await sql`create index uploads_by_touch on uploads (touched_at)`.execute(db);
  await sql`create index uploads_by_client on uploads (client)`.execute(db);
}
