import type { Kysely } from "kysely";
import type { DialectFacts } from "../dialect-facts.ts";
import type { Tables } from "../tables.ts";

export const name = "0016-directories";

/** Providers that are directories (LDAP), who is no longer in one, and providers that rest. */
export async function up(db: Kysely<Tables>, { integer }: DialectFacts): Promise<void> {
  const providers = () => db.schema.alterTable("providers");
  await providers()
    .addColumn("kind", "text", (c) => c.notNull().defaultTo("oidc"))
    .execute();
  await providers().addColumn("directory", "text").execute();
  await providers()
    .addColumn("disabled", integer as never, (c) => c.notNull().defaultTo(0))
    .execute();
  await providers()
    .addColumn("synced_at", integer as never)
    .execute();
  await providers().addColumn("sync_trouble", "text").execute();
  await db.schema
    .alterTable("identities")
    .addColumn("gone_at", integer as never)
    .execute();
}
