import type { Kysely } from "kysely";
import type { DialectFacts } from "../dialect-facts.ts";
import type { Tables } from "../tables.ts";

export const name = "0005-nodes";

/** Who serves this database, and who of them does what is to be done once for all. */
export async function up(db: Kysely<Tables>, { integer, clustered }: DialectFacts): Promise<void> {
  await db.schema
    .createTable("nodes")
    .addColumn("id", "text", (c) => c.primaryKey())
    .addColumn("name", "text", (c) => c.notNull())
    .addColumn("version", "text", (c) => c.notNull())
    .addColumn("address", "text", (c) => c.notNull())
    .addColumn("processes", integer as never, (c) => c.notNull())
    .addColumn("clock_ahead_ms", integer as never, (c) => c.notNull())
    .addColumn("started_at", integer as never, (c) => c.notNull())
    .addColumn("seen_at", integer as never, (c) => c.notNull())
    .modifyEnd(clustered)
    .execute();

  await db.schema
    .createTable("chores")
    .addColumn("name", "text", (c) => c.primaryKey())
    .addColumn("holder", "text")
    .addColumn("epoch", integer as never, (c) => c.notNull())
    .addColumn("lease_until", integer as never, (c) => c.notNull())
    .addColumn("due_at", integer as never, (c) => c.notNull())
    .addColumn("started_at", integer as never)
    .addColumn("finished_at", integer as never)
    .addColumn("outcome", "text")
    .modifyEnd(clustered)
    .execute();
}
