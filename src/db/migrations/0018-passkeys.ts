import { type Kysely, sql } from "kysely";
import type { DialectFacts } from "../dialect-facts.ts";
import type { Tables } from "../tables.ts";

export const name = "0018-passkeys";

/** The second factor of users, and what is asked of their passkeys. */
export async function up(db: Kysely<Tables>, { integer, clustered }: DialectFacts): Promise<void> {
  await db.schema
    .alterTable("principals")
    .addColumn("second_factor", integer as never, (c) => c.notNull().defaultTo(0))
    .execute();
  await db.schema
    .createTable("passkeys")
    .addColumn("id", "text", (c) => c.primaryKey())
    .addColumn("principal_id", "text", (c) => c.notNull().references("principals.id"))
    .addColumn("credential_id", "text", (c) => c.notNull().unique())
    .addColumn("public_key", "text", (c) => c.notNull())
    .addColumn("counter", integer as never, (c) => c.notNull())
    .addColumn("transports", "text", (c) => c.notNull())
    .addColumn("name", "text", (c) => c.notNull())
    .addColumn("created_at", integer as never, (c) => c.notNull())
    .addColumn("last_used_at", integer as never)
    .modifyEnd(clustered)
    .execute();
  await sql`create index passkeys_by_principal on passkeys (principal_id)`.execute(db);
  await db.schema
    .createTable("recovery_codes")
    .addColumn("hash", "text", (c) => c.primaryKey())
    .addColumn("principal_id", "text", (c) => c.notNull().references("principals.id"))
    .addColumn("created_at", integer as never, (c) => c.notNull())
    .modifyEnd(clustered)
    .execute();
  await sql`create index recovery_codes_by_principal on recovery_codes (principal_id)`.execute(db);
  await db.schema
    .createTable("passkey_questions")
    .addColumn("hash", "text", (c) => c.primaryKey())
    .addColumn("kind", "text", (c) => c.notNull())
    .addColumn("challenge", "text")
    .addColumn("principal_id", "text", (c) => c.references("principals.id"))
    .addColumn("generation", integer as never)
    .addColumn("network", "text", (c) => c.notNull())
    .addColumn("created_at", integer as never, (c) => c.notNull())
    .addColumn("expires_at", integer as never, (c) => c.notNull())
    .modifyEnd(clustered)
    .execute();
  await sql`create index passkey_questions_by_network on passkey_questions (network)`.execute(db);
  await sql`create index passkey_questions_by_principal on passkey_questions (principal_id)`.execute(
    db,
  );
  await sql`create index passkey_questions_by_end on passkey_questions (expires_at)`.execute(db);
}
