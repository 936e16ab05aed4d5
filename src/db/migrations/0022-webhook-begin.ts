import type { Kysely } from "kysely";
import type { DialectFacts } from "../dialect-facts.ts";
import type { Tables } from "../tables.ts";

export const name = "0022-webhook-begin";

/** For what webhooks are told of that has no line in the audit. Those that are there go on as they did. */
export async function up(db: Kysely<Tables>, { integer }: DialectFacts): Promise<void> {
  await db.schema
    .alterTable("webhooks")
    .addColumn("begun_at", integer as never, (c) => c.notNull().defaultTo(0))
    .execute();
}
