import { type Kysely, sql } from "kysely";
import type { DialectFacts } from "../dialect-facts.ts";
import type { Tables } from "../tables.ts";

export const name = "0012-issuers";

/** Whose identity tokens are believed, whom they let in, and which of them were used up. */
export async function up(db: Kysely<Tables>, { integer, clustered }: DialectFacts): Promise<void> {
  await db.schema
    .createTable("issuers")
    .addColumn("id", "text", (c) => c.primaryKey())
    .addColumn("name", "text", (c) => c.notNull().unique())
    .addColumn("url", "text", (c) => c.notNull().unique())
    .addColumn("audiences", "text", (c) => c.notNull())
    .addColumn("jwks", "text")
    .addColumn("allows_inner", integer as never, (c) => c.notNull())
    .addColumn("description", "text", (c) => c.notNull())
    .addColumn("created_at", integer as never, (c) => c.notNull())
    .addColumn("created_by", "text")
    .addColumn("version", integer as never, (c) => c.notNull())
    .modifyEnd(clustered)
    .execute();

  await db.schema
    .createTable("trusts")
    .addColumn("id", "text", (c) => c.primaryKey())
    .addColumn("issuer_id", "text", (c) => c.notNull().references("issuers.id"))
    .addColumn("principal_id", "text", (c) => c.notNull().references("principals.id"))
    .addColumn("claims", "text", (c) => c.notNull())
    .addColumn("description", "text", (c) => c.notNull())
    .addColumn("created_at", integer as never, (c) => c.notNull())
    .addColumn("created_by", "text")
    .modifyEnd(clustered)
    .execute();
  await sql`create index trusts_by_issuer on trusts (issuer_id)`.execute(db);
  await sql`create index trusts_by_principal on trusts (principal_id)`.execute(db);

  await db.schema
    .createTable("spent_tokens")
    .addColumn("hash", "text", (c) => c.primaryKey())
    .addColumn("expires_at", integer as never, (c) => c.notNull())
    .modifyEnd(clustered)
    .execute();
  await sql`create index spent_tokens_by_expiry on spent_tokens (expires_at)`.execute(db);

  await db.schema.alterTable("credentials").addColumn("issuer_id", "text").execute();
  await sql`create index credentials_by_issuer on credentials (issuer_id)
    where issuer_id is not null`.execute(db);
}
