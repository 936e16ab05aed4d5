import { sql } from "kysely";
import type { Database, Reads, Tx } from "../db/database.ts";
import type { WebhookDeliveryRow } from "../db/tables.ts";
import { uuidv7 } from "../lib/random.ts";

/** A message that is to go to a webhook, or went. */
export type Delivery = WebhookDeliveryRow;

/** What an attempt came to. */
export interface Attempt {
  readonly attemptedAt: number;
  readonly durationMs: number;
  readonly status: number | null;
  readonly error: string | null;
  /** JSON. */
  readonly answer: string | null;
}

export type NewDelivery = Pick<
  Delivery,
  "webhook_id" | "event_id" | "type" | "lane" | "place" | "body"
>;

/** A literal, since the indexes of what waits speak of it. */
const pending = sql.lit<"pending">("pending");

/** Columns of a message that was not sent yet; `place` is a number. */
const columns = ["id", "webhook_id", "event_id", "type", "lane", "place", "body"] as const;

/** Puts messages at the ends of their lanes. Returns the ids that they got. */
export async function insertDeliveries(
  db: Database,
  tx: Tx,
  deliveries: readonly NewDelivery[],
  now: number,
): Promise<string[]> {
  if (deliveries.length === 0) return [];
  const rows = deliveries.map((delivery) => ({ ...delivery, id: uuidv7() }));
  // A sixth of what a list of values takes: building that costs more than the rows do.
  const { field, values } = db.facts;
  const taken = columns.map((name) =>
    name === "place" ? sql`cast(${field(name)} as bigint)` : field(name),
  );
  await sql`
    insert into webhook_deliveries (${sql.join(columns.map((name) => sql.ref(name)))}, state, created_at, attempts)
    select ${sql.join(taken)}, ${pending}, ${now}, 0
      from ${values(JSON.stringify(rows))} as told`.execute(tx);
  for (const [webhookId, lanes] of lanesOf(rows)) await makeDue(db, tx, webhookId, lanes, now);
  return rows.map(({ id }) => id);
}

function lanesOf(rows: readonly NewDelivery[]): Map<string, string[]> {
  const lanes = new Map<string, Set<string>>();
  for (const { webhook_id: id, lane } of rows) {
    lanes.set(id, (lanes.get(id) ?? new Set()).add(lane));
  }
  return new Map([...lanes].map(([id, names]) => [id, [...names]]));
}

/** Lets the first message of each lane go, where it does not wait for a later time already. */
async function makeDue(
  db: Database,
  tx: Tx,
  webhookId: string,
  lanes: readonly string[],
  now: number,
): Promise<void> {
  await sql`
    update webhook_deliveries set due_at = ${now}
     where due_at is null and id in (
       select (select d.id from webhook_deliveries as d
                where d.webhook_id = ${webhookId} and d.lane = l.value and d.state = 'pending'
                order by d.lane, d.place, d.id limit 1)
         from ${db.facts.values(JSON.stringify(lanes))} as l)`.execute(tx);
}

/** Messages that may go to the webhook now; of each lane one at most. */
export async function listDue(
  reads: Reads,
  webhookId: string,
  now: number,
  limit: number,
): Promise<Delivery[]> {
  return await reads
    .selectFrom("webhook_deliveries")
    .selectAll()
    .where("webhook_id", "=", webhookId)
    .where("due_at", "<=", now)
    .orderBy("due_at")
    .limit(limit)
    .execute();
}

/** Notes how an attempt went. `next`: when it is tried again; what else there is of its lane waits for that. */
export async function noteAttempt(
  db: Database,
  tx: Tx,
  { id, webhook_id: webhookId, lane }: Delivery,
  attempt: Attempt,
  end: { readonly state: "delivered" | "failed" } | { readonly next: number },
): Promise<void> {
  await tx
    .updateTable("webhook_deliveries")
    .set({
      ...columnsOf(attempt),
      attempts: sql<number>`attempts + 1`,
      ...("state" in end ? { state: end.state, due_at: null } : { due_at: end.next }),
    })
    .where("id", "=", id)
    .where("state", "=", pending)
    .execute();
  if ("state" in end) await makeDue(db, tx, webhookId, [lane], attempt.attemptedAt);
}

/** One that is not tried again, such as a test. */
export async function insertAttempted(
  tx: Tx,
  delivery: NewDelivery,
  attempt: Attempt,
  state: "delivered" | "failed",
): Promise<Delivery> {
  const row: Delivery = {
    id: uuidv7(),
    ...delivery,
    ...{ state, created_at: attempt.attemptedAt, due_at: null, attempts: 1 },
    ...columnsOf(attempt),
  };
  await tx.insertInto("webhook_deliveries").values(row).execute();
  return row;
}

/** Gives up at most `limit` messages of the webhook that came before `before`. Returns how many. */
export async function giveUp(
  db: Database,
  tx: Tx,
  webhookId: string,
  { before, why, now, limit }: { before: number; why: string; now: number; limit: number },
): Promise<number> {
  const rows = await tx
    .updateTable("webhook_deliveries")
    .set({
      state: "failed",
      due_at: null,
      error: sql<string>`coalesce(error || '; ', '') || cast(${why} as text)`,
    })
    .where("id", "in", ({ selectFrom }) =>
      selectFrom("webhook_deliveries")
        .select("id")
        .where("webhook_id", "=", webhookId)
        .where("state", "=", pending)
        .where("created_at", "<", before)
        .limit(limit),
    )
    .returning("lane")
    .execute();
  const lanes = [...new Set(rows.map(({ lane }) => lane))];
  if (lanes.length > 0) await makeDue(db, tx, webhookId, lanes, now);
  return rows.length;
}

/** How many messages wait for the webhook, up to `max`. */
export async function countPendingOf(
  reads: Reads,
  webhookId: string,
  max: number,
): Promise<number> {
  const row = await reads
    .selectFrom(({ selectFrom }) =>
      selectFrom("webhook_deliveries")
        .select("id")
        .where("webhook_id", "=", webhookId)
        .where("state", "=", pending)
        .limit(max)
        .as("waiting"),
    )
    .select(({ fn }) => fn.countAll<number>().as("count"))
    .executeTakeFirst();
  return Number(row?.count ?? 0);
}

export async function countPending(reads: Reads): Promise<number> {
  const row = await reads
    .selectFrom("webhook_deliveries")
    .select(({ fn }) => fn.countAll<number>().as("count"))
    .where("state", "=", pending)
    .executeTakeFirst();
  return Number(row?.count ?? 0);
}

/** Newest first, before the id `after`. */
export async function listDeliveries(
  reads: Reads,
  webhookId: string,
  { after, limit }: { readonly after: string; readonly limit: number },
): Promise<Delivery[]> {
  return await reads
    .selectFrom("webhook_deliveries")
    .selectAll()
    .where("webhook_id", "=", webhookId)
    .where("id", "<", after === "" ? pastEnd : after)
    .orderBy("id", "desc")
    .limit(limit)
    .execute();
}

/** Behind every id. */
const pastEnd = "~";

export async function findDelivery(
  reads: Reads,
  webhookId: string,
  id: string,
): Promise<Delivery | null> {
  const row = await reads
    .selectFrom("webhook_deliveries")
    .selectAll()
    .where("id", "=", id)
    .where("webhook_id", "=", webhookId)
    .executeTakeFirst();
  return row ?? null;
}

/** Removes at most `limit` records that are over and older than `before`. Returns how many. */
export async function deleteOver(tx: Tx, before: number, limit: number): Promise<number> {
  const rows = await tx
    .deleteFrom("webhook_deliveries")
    .where("id", "in", ({ selectFrom }) =>
      selectFrom("webhook_deliveries")
        .select("id")
        .where("state", "<>", pending)
        .where("created_at", "<", before)
        .limit(limit),
    )
    .returning("id")
    .execute();
  return rows.length;
}

/** Removes at most `limit` messages older than `before` that wait for webhooks to which nothing is sent. Returns how many. */
export async function deleteWaiting(tx: Tx, before: number, limit: number): Promise<number> {
  const rows = await tx
    .deleteFrom("webhook_deliveries")
    .where("id", "in", ({ selectFrom }) =>
      selectFrom("webhook_deliveries as d")
        .innerJoin("webhooks as w", "w.id", "d.webhook_id")
        .select("d.id")
        .where("d.state", "=", pending)
        .where("d.created_at", "<", before)
        .where("w.state", "<>", "active")
        .limit(limit),
    )
    .returning("id")
    .execute();
  return rows.length;
}

/** Removes at most `limit` records that are over, of those that came before the last `kept` of the webhook. */
export async function deleteBeyond(
  tx: Tx,
  webhookId: string,
  { kept, limit }: { readonly kept: number; readonly limit: number },
): Promise<number> {
  const rows = await tx
    .deleteFrom("webhook_deliveries")
    .where("id", "in", ({ selectFrom }) =>
      selectFrom("webhook_deliveries")
        .select("id")
        .where("webhook_id", "=", webhookId)
        .where("state", "<>", pending)
        .where("id", "<", ({ selectFrom: from }) =>
          from("webhook_deliveries as n")
            .select("n.id")
            .where("n.webhook_id", "=", webhookId)
            .orderBy("n.id", "desc")
            .limit(1)
            .offset(kept - 1),
        )
        .limit(limit),
    )
    .returning("id")
    .execute();
  return rows.length;
}

function columnsOf({ attemptedAt, durationMs, status, error, answer }: Attempt) {
  return { attempted_at: attemptedAt, duration_ms: durationMs, status, error, answer };
}
