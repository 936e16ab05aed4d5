import { type Kysely, sql } from "kysely";
import type { DialectFacts } from "../dialect-facts.ts";
import type { Tables } from "../tables.ts";

export const name = "0004-uploads";

/** Lets any process go on with an upload: who has it, what the store must be told, and the hash so far. */
export async function up(db: Kysely<Tables>, { integer }: DialectFacts): Promise<void> {
  const uploads = db.schema.alterTable("uploads");
  await uploads.addColumn("state", "text", (c) => c.notNull().defaultTo("")).execute();
  await uploads.addColumn("digest_so_far", "text").execute();
  await uploads.addColumn("digest_offset", integer as never).execute();
  await uploads.addColumn("digest_run", "text").execute();
  await uploads.addColumn("held_by", "text").execute();
  await uploads
    .addColumn("held_until", integer as never, (c) => c.notNull().defaultTo(0))
    .execute();
  await uploads
    .addColumn("interrupted", integer as never, (c) => c.notNull().defaultTo(0))
    .execute();
  await uploads.addColumn("epoch", integer as never, (c) => c.notNull().defaultTo(0)).execute();
  // A key of the file store tells the digest, one of S3 does not.
  await sql`create index blobs_by_key on blobs (key) where substr(key, 1, 6) = 'blobs/'`.execute(
    db,
  );
}
