import type { Kysely } from "kysely";
import type { DialectFacts } from "../dialect-facts.ts";
import type { Tables } from "../tables.ts";

export const name = "0006-moves";

/** What of this database goes elsewhere, or came from there. */
export async function up(db: Kysely<Tables>, { integer, clustered }: DialectFacts): Promise<void> {
  await db.schema
    .createTable("moves")
    .addColumn("id", "text", (c) => c.primaryKey())
    .addColumn("side", "text", (c) => c.notNull())
    .addColumn("state", "text", (c) => c.notNull())
    .addColumn("peer", "text", (c) => c.notNull())
    .addColumn("started_at", integer as never, (c) => c.notNull())
    .addColumn("ended_at", integer as never)
    .modifyEnd(clustered)
    .execute();
}
