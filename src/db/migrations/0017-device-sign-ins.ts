import { type Kysely, sql } from "kysely";
import type { DialectFacts } from "../dialect-facts.ts";
import type { Tables } from "../tables.ts";

export const name = "0017-device-sign-ins";

/** Programs that wait for somebody to let them in, in a browser elsewhere. */
export async function up(db: Kysely<Tables>, { integer, clustered }: DialectFacts): Promise<void> {
  await db.schema
    .createTable("device_sign_ins")
    .addColumn("hash", "text", (c) => c.primaryKey())
    .addColumn("user_code", "text", (c) => c.notNull().unique())
    .addColumn("description", "text", (c) => c.notNull())
    .addColumn("address", "text", (c) => c.notNull())
    .addColumn("network", "text", (c) => c.notNull())
    .addColumn("created_at", integer as never, (c) => c.notNull())
    .addColumn("expires_at", integer as never, (c) => c.notNull())
    .addColumn("decision", "text")
    .addColumn("principal_id", "text", (c) => c.references("principals.id"))
    .addColumn("generation", integer as never)
    .modifyEnd(clustered)
    .execute();
  await sql`create index device_sign_ins_by_network on device_sign_ins (network)`.execute(db);
  await sql`create index device_sign_ins_by_end on device_sign_ins (expires_at)`.execute(db);
}
