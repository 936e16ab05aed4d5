import { type Kysely, sql } from "kysely";
import type { DialectFacts } from "../dialect-facts.ts";
import type { Tables } from "../tables.ts";

export const name = "0007-gc";

/** What garbage collection is to look at, what it has decided, and what keeps it from deciding. */
export async function up(db: Kysely<Tables>, { integer, clustered }: DialectFacts): Promise<void> {
  const blobs = db.schema.alterTable("blobs");
  await blobs.addColumn("condemned_at", integer as never).execute();
  await blobs.addColumn("collect_after", integer as never).execute();
  // It tells how much that is without a look at the rows.
  await sql`create index blobs_condemned on blobs (collect_after, condemned_at, size)
    where collect_after is not null`.execute(db);
  // The links that are to be looked at: one entry for each upload and mount, gone once a manifest
  // turned out to refer to the blob.
  await sql`create index repository_blobs_by_lease on repository_blobs (lease_until)
    where lease_until > 0`.execute(db);
  await sql`create index trash_by_until on trash (until)`.execute(db);
  await sql`create index trash_by_blob on trash (digest) where kind = 'blob'`.execute(db);

  await db.schema
    .createTable("blob_deletions")
    .addColumn("key", "text", (c) => c.primaryKey())
    .addColumn("digest", "text")
    .addColumn("size", integer as never, (c) => c.notNull())
    .addColumn("due_at", integer as never, (c) => c.notNull())
    .addColumn("attempts", integer as never, (c) => c.notNull())
    .addColumn("error", "text")
    .modifyEnd(clustered)
    .execute();
  await sql`create index blob_deletions_by_time on blob_deletions (due_at)`.execute(db);

  await db.schema
    .createTable("gc_state")
    .addColumn("id", integer as never, (c) => c.primaryKey())
    .addColumn("seen_at", integer as never)
    .addColumn("paused", "text")
    .addColumn("paused_at", integer as never)
    .addColumn("amount_accepted_until", integer as never, (c) => c.notNull())
    .addColumn("removed_blobs", integer as never, (c) => c.notNull())
    .addColumn("removed_bytes", integer as never, (c) => c.notNull())
    .execute();
  await sql`insert into gc_state (id, amount_accepted_until, removed_blobs, removed_bytes)
    values (1, 0, 0, 0)`.execute(db);
}
