import type { Kysely } from "kysely";
import { sql } from "kysely";
import type { DialectFacts } from "../dialect-facts.ts";
import type { Tables } from "../tables.ts";

export const name = "0002-access";

/** Who there is, what they may do, and what they did. What was pushed before becomes private. */
export async function up(db: Kysely<Tables>, facts: DialectFacts): Promise<void> {
  await widenRegistry(db, facts);
  await createPrincipals(db, facts);
  await createRights(db, facts);
  await createRecords(db, facts);
}

async function widenRegistry(db: Kysely<Tables>, { integer }: DialectFacts): Promise<void> {
  const add = (table: string, column: string, type: unknown, value: string | number | null) =>
    db.schema
      .alterTable(table)
      .addColumn(column, type as never, (c) => (value === null ? c : c.notNull().defaultTo(value)))
      .execute();
  await add("projects", "visibility", "text", "private");
  await add("projects", "description", "text", "");
  await add("projects", "cidrs", "text", "[]");
  await add("projects", "version", integer, 1);
  await add("projects", "trashed_at", integer, null);
  await add("projects", "trashed_by", "text", null);
  await add("repositories", "visibility", "text", null);
  await add("repositories", "description", "text", "");
  await add("repositories", "labels", "text", "{}");
  await add("repositories", "version", integer, 1);
  await add("repositories", "trashed_at", integer, null);
  await add("repositories", "trashed_by", "text", null);
  await add("tags", "locked_at", integer, null);
  await add("tags", "locked_by", "text", null);
  await sql`create index repositories_by_project on repositories (project_id, name)
    where state = 'live'`.execute(db);
}

async function createPrincipals(
  db: Kysely<Tables>,
  { integer, clustered }: DialectFacts,
): Promise<void> {
  await db.schema
    .createTable("principals")
    .addColumn("id", "text", (c) => c.primaryKey())
    .addColumn("kind", "text", (c) => c.notNull())
    .addColumn("name", "text", (c) => c.notNull())
    .addColumn("project_id", "text", (c) => c.references("projects.id"))
    .addColumn("state", "text", (c) => c.notNull())
    .addColumn("generation", integer as never, (c) => c.notNull())
    .addColumn("administrator", integer as never, (c) => c.notNull())
    .addColumn("email", "text")
    .addColumn("description", "text", (c) => c.notNull())
    .addColumn("password_hash", "text")
    .addColumn("cidrs", "text", (c) => c.notNull())
    .addColumn("expires_at", integer as never)
    .addColumn("expiry_told_at", integer as never)
    .addColumn("last_used_at", integer as never)
    .addColumn("created_at", integer as never, (c) => c.notNull())
    .addColumn("created_by", "text")
    .addColumn("version", integer as never, (c) => c.notNull())
    .modifyEnd(clustered)
    .execute();
  await sql`create unique index principals_present on principals (name)
    where state <> 'deleted'`.execute(db);
  await sql`create index principals_by_project on principals (project_id)
    where project_id is not null`.execute(db);

  await db.schema
    .createTable("credentials")
    .addColumn("id", "text", (c) => c.primaryKey())
    .addColumn("principal_id", "text", (c) => c.notNull().references("principals.id"))
    .addColumn("kind", "text", (c) => c.notNull())
    .addColumn("hash", "text", (c) => c.notNull().unique())
    .addColumn("description", "text", (c) => c.notNull())
    .addColumn("scopes", "text")
    .addColumn("cidrs", "text", (c) => c.notNull())
    .addColumn("family", "text")
    .addColumn("expires_at", integer as never)
    .addColumn("last_used_at", integer as never)
    .addColumn("used_at", integer as never)
    .addColumn("created_at", integer as never, (c) => c.notNull())
    .addColumn("created_by", "text")
    .modifyEnd(clustered)
    .execute();
  await sql`create index credentials_by_principal on credentials (principal_id)`.execute(db);
  await sql`create index credentials_by_family on credentials (family)
    where family is not null`.execute(db);
  await sql`create index credentials_by_expiry on credentials (expires_at)
    where expires_at is not null`.execute(db);

  await db.schema
    .createTable("invitations")
    .addColumn("id", "text", (c) => c.primaryKey())
    .addColumn("hash", "text", (c) => c.notNull().unique())
    .addColumn("description", "text", (c) => c.notNull())
    .addColumn("expires_at", integer as never, (c) => c.notNull())
    .addColumn("used_by", "text")
    .addColumn("created_at", integer as never, (c) => c.notNull())
    .addColumn("created_by", "text")
    .modifyEnd(clustered)
    .execute();

  await db.schema
    .createTable("signing_keys")
    .addColumn("id", "text", (c) => c.primaryKey())
    .addColumn("public_jwk", "text", (c) => c.notNull())
    .addColumn("private_key", "text", (c) => c.notNull())
    .addColumn("created_at", integer as never, (c) => c.notNull())
    .addColumn("retires_at", integer as never, (c) => c.notNull())
    .modifyEnd(clustered)
    .execute();
}

async function createRights(
  db: Kysely<Tables>,
  { integer, clustered }: DialectFacts,
): Promise<void> {
  await db.schema
    .createTable("groups")
    .addColumn("id", "text", (c) => c.primaryKey())
    .addColumn("name", "text", (c) => c.notNull().unique())
    .addColumn("description", "text", (c) => c.notNull())
    .addColumn("created_at", integer as never, (c) => c.notNull())
    .addColumn("created_by", "text")
    .addColumn("version", integer as never, (c) => c.notNull())
    .modifyEnd(clustered)
    .execute();
  await db.schema
    .createTable("group_members")
    .addColumn("group_id", "text", (c) => c.notNull().references("groups.id"))
    .addColumn("principal_id", "text", (c) => c.notNull().references("principals.id"))
    .addPrimaryKeyConstraint("group_members_key", ["group_id", "principal_id"])
    .modifyEnd(clustered)
    .execute();
  await sql`create index group_members_by_principal on group_members (principal_id)`.execute(db);

  await db.schema
    .createTable("roles")
    .addColumn("id", "text", (c) => c.primaryKey())
    .addColumn("name", "text", (c) => c.notNull().unique())
    .addColumn("description", "text", (c) => c.notNull())
    .addColumn("actions", "text", (c) => c.notNull())
    .addColumn("created_at", integer as never, (c) => c.notNull())
    .addColumn("created_by", "text")
    .addColumn("version", integer as never, (c) => c.notNull())
    .modifyEnd(clustered)
    .execute();

  await db.schema
    .createTable("grants")
    .addColumn("id", "text", (c) => c.primaryKey())
    .addColumn("effect", "text", (c) => c.notNull())
    .addColumn("subject_kind", "text", (c) => c.notNull())
    .addColumn("subject_id", "text", (c) => c.notNull())
    .addColumn("project_id", "text", (c) => c.references("projects.id"))
    .addColumn("pattern", "text", (c) => c.notNull())
    .addColumn("tag_pattern", "text")
    .addColumn("role", "text")
    .addColumn("actions", "text")
    .addColumn("cidrs", "text", (c) => c.notNull())
    .addColumn("expires_at", integer as never)
    .addColumn("created_at", integer as never, (c) => c.notNull())
    .addColumn("created_by", "text")
    .addColumn("version", integer as never, (c) => c.notNull())
    .modifyEnd(clustered)
    .execute();
  await sql`create index grants_by_subject on grants (subject_id, project_id)`.execute(db);
  await sql`create index grants_everywhere on grants (id) where project_id is null`.execute(db);
  await sql`create index grants_by_project on grants (project_id)
    where project_id is not null`.execute(db);

  await db.schema
    .createTable("tag_rules")
    .addColumn("id", "text", (c) => c.primaryKey())
    .addColumn("project_id", "text", (c) => c.notNull().references("projects.id"))
    .addColumn("pattern", "text", (c) => c.notNull())
    .addColumn("tags", "text", (c) => c.notNull())
    .addColumn("except_tags", "text", (c) => c.notNull())
    .addColumn("retention_may_expire", integer as never, (c) => c.notNull())
    .addColumn("created_at", integer as never, (c) => c.notNull())
    .addColumn("created_by", "text")
    .addColumn("version", integer as never, (c) => c.notNull())
    .modifyEnd(clustered)
    .execute();
  await sql`create index tag_rules_by_project on tag_rules (project_id)`.execute(db);

  await db.schema
    .createTable("rate_limits")
    .addColumn("id", "text", (c) => c.primaryKey())
    .addColumn("subject_kind", "text", (c) => c.notNull())
    .addColumn("subject_id", "text")
    .addColumn("counts", "text", (c) => c.notNull())
    .addColumn("amount", integer as never, (c) => c.notNull())
    .addColumn("window_seconds", integer as never, (c) => c.notNull())
    .addColumn("created_at", integer as never, (c) => c.notNull())
    .addColumn("created_by", "text")
    .addColumn("version", integer as never, (c) => c.notNull())
    .modifyEnd(clustered)
    .execute();

  await db.schema
    .createTable("access_version")
    .addColumn("id", integer as never, (c) => c.primaryKey())
    .addColumn("version", integer as never, (c) => c.notNull())
    .execute();
  await sql`insert into access_version (id, version) values (1, 1)`.execute(db);
}

async function createRecords(
  db: Kysely<Tables>,
  { integer, clustered }: DialectFacts,
): Promise<void> {
  await db.schema
    .createTable("audit")
    .addColumn("seq", integer as never, (c) => c.primaryKey())
    .addColumn("at", integer as never, (c) => c.notNull())
    .addColumn("actor_id", "text")
    .addColumn("actor_name", "text", (c) => c.notNull())
    .addColumn("credential_id", "text")
    .addColumn("address", "text", (c) => c.notNull())
    .addColumn("action", "text", (c) => c.notNull())
    .addColumn("resource", "text", (c) => c.notNull())
    .addColumn("project_id", "text")
    .addColumn("result", "text", (c) => c.notNull())
    .addColumn("detail", "text", (c) => c.notNull())
    .addColumn("hash", "text", (c) => c.notNull())
    .execute();
  await sql`create index audit_by_actor on audit (actor_id, seq)`.execute(db);
  await sql`create index audit_by_project on audit (project_id, seq)`.execute(db);

  await db.schema
    .createTable("audit_chain")
    .addColumn("id", integer as never, (c) => c.primaryKey())
    .addColumn("first_seq", integer as never, (c) => c.notNull())
    .addColumn("first_hash", "text", (c) => c.notNull())
    .addColumn("seq", integer as never, (c) => c.notNull())
    .addColumn("hash", "text", (c) => c.notNull())
    .addColumn("mac", "text", (c) => c.notNull())
    .execute();
  await sql`insert into audit_chain (id, first_seq, first_hash, seq, hash, mac)
    values (1, 1, '', 0, '', '')`.execute(db);

  await db.schema
    .createTable("pulls")
    .addColumn("id", "text", (c) => c.primaryKey())
    .addColumn("at", integer as never, (c) => c.notNull())
    .addColumn("repository_id", "text", (c) => c.notNull())
    .addColumn("digest", "text", (c) => c.notNull())
    .addColumn("tag", "text")
    .addColumn("platform", "text")
    .addColumn("principal_id", "text")
    .addColumn("credential_id", "text")
    .addColumn("address", "text", (c) => c.notNull())
    .addColumn("user_agent", "text", (c) => c.notNull())
    .modifyEnd(clustered)
    .execute();
  await sql`create index pulls_by_repository on pulls (repository_id, id)`.execute(db);

  await db.schema
    .createTable("pull_days")
    .addColumn("repository_id", "text", (c) => c.notNull())
    .addColumn("digest", "text", (c) => c.notNull())
    .addColumn("principal_id", "text", (c) => c.notNull())
    .addColumn("day", integer as never, (c) => c.notNull())
    .addColumn("count", integer as never, (c) => c.notNull())
    .addPrimaryKeyConstraint("pull_days_key", ["repository_id", "digest", "principal_id", "day"])
    .modifyEnd(clustered)
    .execute();

  await db.schema
    .createTable("idempotency_keys")
    .addColumn("principal_id", "text", (c) => c.notNull())
    .addColumn("key", "text", (c) => c.notNull())
    .addColumn("request_hash", "text", (c) => c.notNull())
    .addColumn("answer", "text", (c) => c.notNull())
    .addColumn("created_at", integer as never, (c) => c.notNull())
    .addPrimaryKeyConstraint("idempotency_keys_key", ["principal_id", "key"])
    .modifyEnd(clustered)
    .execute();
  await sql`create index idempotency_keys_by_time on idempotency_keys (created_at)`.execute(db);
}
