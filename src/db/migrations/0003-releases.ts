import type { Kysely } from "kysely";
import { sql } from "kysely";
import type { DialectFacts } from "../dialect-facts.ts";
import type { Tables } from "../tables.ts";

export const name = "0003-releases";

/** Says which release brought each migration, so that the release before it knows how new the tables are. */
export async function up(db: Kysely<Tables>, { integer }: DialectFacts): Promise<void> {
  await db.schema
    .alterTable("migrations")
    .addColumn("release", integer as never, (c) => c.notNull().defaultTo(1))
    .execute();
  await sql`update migrations set release = 2 where name = '0002-access'`.execute(db);
}
