import { type Kysely, sql } from "kysely";
import type { DialectFacts } from "../dialect-facts.ts";
import type { Tables } from "../tables.ts";

export const name = "0015-providers";

/** Who signs people in elsewhere, whom they named so far, and which groups follow from what they say. */
export async function up(db: Kysely<Tables>, { integer, clustered }: DialectFacts): Promise<void> {
  await db.schema
    .createTable("providers")
    .addColumn("id", "text", (c) => c.primaryKey())
    .addColumn("name", "text", (c) => c.notNull().unique())
    .addColumn("title", "text", (c) => c.notNull())
    .addColumn("url", "text", (c) => c.notNull().unique())
    .addColumn("client_id", "text", (c) => c.notNull())
    .addColumn("client_secret", "text")
    .addColumn("scopes", "text", (c) => c.notNull())
    .addColumn("name_claim", "text", (c) => c.notNull())
    .addColumn("groups_claim", "text")
    .addColumn("allows_inner", integer as never, (c) => c.notNull())
    .addColumn("makes_accounts", integer as never, (c) => c.notNull())
    .addColumn("created_at", integer as never, (c) => c.notNull())
    .addColumn("created_by", "text")
    .addColumn("version", integer as never, (c) => c.notNull())
    .modifyEnd(clustered)
    .execute();

  await db.schema
    .createTable("identities")
    .addColumn("id", "text", (c) => c.primaryKey())
    .addColumn("issuer", "text", (c) => c.notNull())
    .addColumn("subject", "text", (c) => c.notNull())
    .addColumn("principal_id", "text", (c) => c.notNull().references("principals.id"))
    .addColumn("created_at", integer as never, (c) => c.notNull())
    .addColumn("created_by", "text")
    .modifyEnd(clustered)
    .execute();
  await sql`create unique index identities_by_subject on identities (issuer, subject)`.execute(db);
  await sql`create index identities_by_principal on identities (principal_id)`.execute(db);

  await db.schema
    .createTable("group_rules")
    .addColumn("id", "text", (c) => c.primaryKey())
    .addColumn("provider_id", "text", (c) => c.notNull().references("providers.id"))
    .addColumn("value", "text", (c) => c.notNull())
    .addColumn("group_id", "text", (c) => c.notNull().references("groups.id"))
    .addColumn("created_at", integer as never, (c) => c.notNull())
    .addColumn("created_by", "text")
    .modifyEnd(clustered)
    .execute();
  await sql`create unique index group_rules_by_provider on group_rules (provider_id, value, group_id)`.execute(
    db,
  );
  await sql`create index group_rules_by_group on group_rules (group_id)`.execute(db);
}
