import type { Kysely } from "kysely";
import type { DialectFacts } from "../dialect-facts.ts";
import type { Tables } from "../tables.ts";

export const name = "0010-verify";

/** How far the reading of all stored blobs is, which goes on for days. */
export async function up(db: Kysely<Tables>, { integer, clustered }: DialectFacts): Promise<void> {
  await db.schema
    .createTable("verify_pass")
    .addColumn("id", integer as never, (c) => c.primaryKey())
    .addColumn("after", "text", (c) => c.notNull())
    .addColumn("due_at", integer as never, (c) => c.notNull())
    .addColumn("started_at", integer as never)
    .addColumn("finished_at", integer as never)
    .addColumn("blobs", integer as never, (c) => c.notNull())
    .addColumn("bytes", integer as never, (c) => c.notNull())
    .addColumn("findings", integer as never, (c) => c.notNull())
    .addColumn("last_finding", "text")
    .addColumn("stopped", "text")
    .modifyEnd(clustered)
    .execute();
}
