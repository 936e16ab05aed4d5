import { type Kysely, sql } from "kysely";
import type { DialectFacts } from "../dialect-facts.ts";
import type { Tables } from "../tables.ts";

export const name = "0014-webhooks";

/** Who is told of what happened, and what is on its way to them. What happened is in the audit. */
export async function up(db: Kysely<Tables>, facts: DialectFacts): Promise<void> {
  const { integer, clustered } = facts;
  await db.schema
    .createTable("webhooks")
    .addColumn("id", "text", (c) => c.primaryKey())
    .addColumn("project_id", "text", (c) => c.references("projects.id"))
    .addColumn("url", "text", (c) => c.notNull())
    .addColumn("format", "text", (c) => c.notNull())
    .addColumn("template", "text")
    .addColumn("events", "text", (c) => c.notNull())
    .addColumn("pattern", "text", (c) => c.notNull())
    .addColumn("description", "text", (c) => c.notNull())
    .addColumn("secret", "text", (c) => c.notNull())
    .addColumn("state", "text", (c) => c.notNull())
    .addColumn("after_seq", integer as never, (c) => c.notNull())
    .addColumn("failures", integer as never, (c) => c.notNull())
    .addColumn("failing_since", integer as never)
    .addColumn("retry_at", integer as never, (c) => c.notNull())
    .addColumn("created_at", integer as never, (c) => c.notNull())
    .addColumn("created_by", "text")
    .addColumn("version", integer as never, (c) => c.notNull())
    .modifyEnd(clustered)
    .execute();
  await sql`create index webhooks_by_project on webhooks (project_id, id)`.execute(db);
  await sql`create index webhooks_active on webhooks (retry_at) where state = 'active'`.execute(db);
  await createDeliveries(db, facts);
  await db.schema
    .createTable("event_cursor")
    .addColumn("id", integer as never, (c) => c.primaryKey())
    .addColumn("seq", integer as never, (c) => c.notNull())
    .addColumn("bare_seq", integer as never, (c) => c.notNull())
    .addColumn("chores_at", integer as never, (c) => c.notNull())
    .addColumn("pulls_at", integer as never, (c) => c.notNull())
    .modifyEnd(clustered)
    .execute();
  await sql`insert into event_cursor (id, seq, bare_seq, chores_at, pulls_at)
    values (1, 0, 0, 0, 0)`.execute(db);
}

async function createDeliveries(
  db: Kysely<Tables>,
  { integer, clustered }: DialectFacts,
): Promise<void> {
  await db.schema
    .createTable("webhook_deliveries")
    .addColumn("id", "text", (c) => c.primaryKey())
    .addColumn("webhook_id", "text", (c) =>
      c.notNull().references("webhooks.id").onDelete("cascade"),
    )
    .addColumn("event_id", "text", (c) => c.notNull())
    .addColumn("type", "text", (c) => c.notNull())
    .addColumn("lane", "text", (c) => c.notNull())
    .addColumn("place", integer as never, (c) => c.notNull())
    .addColumn("body", "text", (c) => c.notNull())
    .addColumn("state", "text", (c) => c.notNull())
    .addColumn("created_at", integer as never, (c) => c.notNull())
    .addColumn("due_at", integer as never)
    .addColumn("attempts", integer as never, (c) => c.notNull())
    .addColumn("attempted_at", integer as never)
    .addColumn("duration_ms", integer as never)
    .addColumn("status", integer as never)
    .addColumn("error", "text")
    .addColumn("answer", "text")
    .modifyEnd(clustered)
    .execute();
  await sql`create index webhook_deliveries_by_webhook on webhook_deliveries (webhook_id, id)`.execute(
    db,
  );
  await sql`create index webhook_deliveries_pending
    on webhook_deliveries (webhook_id, lane, place, id) where state = 'pending'`.execute(db);
  await sql`create index webhook_deliveries_due on webhook_deliveries (webhook_id, due_at)
    where due_at is not null`.execute(db);
  await sql`create index webhook_deliveries_over on webhook_deliveries (created_at)
    where state <> 'pending'`.execute(db);
}
