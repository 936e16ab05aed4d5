import { sql } from "kysely";
import type { Database, Reads, Tx } from "../db/database.ts";
import type { WebhookRow } from "../db/tables.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { EventType } from "./event-types.ts";
import type { Format } from "./format.ts";

/** Of one project, or of the registry itself: each event is held against all of them. */
const webhooksPerProjectMax = 50;

/** How long after a failure the next one is of the same trouble. */
const untriedMsMax = 2 * 24 * 60 * 60 * 1_000;

/** A literal, since the index of those to which something is sent speaks of it. */
const active = sql.lit<"active">("active");

/** An address that is told of what happens. */
export interface Webhook {
  readonly id: string;
  readonly projectId: string | null;
  readonly url: string;
  readonly format: Format;
  readonly template: string | null;
  readonly events: readonly EventType[];
  readonly pattern: string;
  readonly description: string;
  /** Sealed. */
  readonly secret: string;
  readonly state: WebhookRow["state"];
  readonly afterSeq: number;
  readonly begunAt: number;
  readonly failures: number;
  readonly failingSince: number | null;
  readonly retryAt: number;
  readonly createdAt: number;
  readonly createdBy: string | null;
  readonly version: number;
}

/** What of a webhook people change. */
type WebhookFields = Pick<
  Webhook,
  "url" | "template" | "events" | "pattern" | "description" | "state"
>;

export async function insertWebhook(
  tx: Tx,
  webhook: Omit<Webhook, "failures" | "failingSince" | "retryAt" | "version">,
): Promise<Webhook> {
  const present = await ofPlace(tx, webhook.projectId).limit(webhooksPerProjectMax).execute();
  if (present.length >= webhooksPerProjectMax) {
    const place = webhook.projectId === null ? "the registry" : "the project";
    throw new RegistryError("DENIED", {
      status: 409,
      message: `${place} has ${webhooksPerProjectMax} webhooks, as many as it may`,
      detail: { max: webhooksPerProjectMax },
    });
  }
  const made = { ...webhook, failures: 0, failingSince: null, retryAt: 0, version: 1 };
  const row: WebhookRow = {
    id: made.id,
    project_id: made.projectId,
    format: made.format,
    secret: made.secret,
    after_seq: made.afterSeq,
    begun_at: made.begunAt,
    failures: 0,
    failing_since: null,
    retry_at: 0,
    created_at: made.createdAt,
    created_by: made.createdBy,
    version: 1,
    ...columnsOf(made),
  };
  await tx.insertInto("webhooks").values(row).execute();
  return made;
}

/** What failed before counts no more: whoever changes a webhook means to have mended it. */
export async function updateWebhook(
  tx: Tx,
  webhook: Webhook,
  changes: Partial<WebhookFields & Pick<Webhook, "afterSeq" | "begunAt">>,
): Promise<Webhook> {
  const changed: Webhook = {
    ...webhook,
    ...changes,
    ...{ failures: 0, failingSince: null, retryAt: 0, version: webhook.version + 1 },
  };
  await tx
    .updateTable("webhooks")
    .set({
      ...columnsOf(changed),
      after_seq: changed.afterSeq,
      begun_at: changed.begunAt,
      failures: 0,
      failing_since: null,
      retry_at: 0,
      version: changed.version,
    })
    .where("id", "=", webhook.id)
    .execute();
  return changed;
}

export async function deleteWebhook(tx: Tx, id: string): Promise<void> {
  await tx.deleteFrom("webhooks").where("id", "=", id).execute();
}

/** Null where the project, or the registry itself, has none with this id. */
export async function findWebhook(
  reads: Reads,
  projectId: string | null,
  id: string,
): Promise<Webhook | null> {
  const row = await ofPlace(reads, projectId).where("id", "=", id).executeTakeFirst();
  return row === undefined ? null : webhookOf(row);
}

export async function listWebhooks(
  reads: Reads,
  projectId: string | null,
  { after, limit }: { readonly after: string; readonly limit: number },
): Promise<Webhook[]> {
  const rows = await ofPlace(reads, projectId)
    .where("id", ">", after)
    .orderBy("id")
    .limit(limit)
    .execute();
  return rows.map(webhookOf);
}

/** Those that may be told of what happens in these projects, and of what happens anywhere. */
export async function listActiveWebhooks(
  db: Database,
  reads: Reads,
  projectIds: readonly string[],
): Promise<Webhook[]> {
  const ids = db.facts.values(JSON.stringify(projectIds));
  const rows = await reads
    .selectFrom("webhooks")
    .selectAll()
    .where("state", "=", active)
    .where(({ or, eb, selectFrom }) =>
      or([
        eb("project_id", "is", null),
        eb("project_id", "in", selectFrom(ids.as("asked")).select("asked.value")),
      ]),
    )
    .orderBy("id")
    .execute();
  return rows.map(webhookOf);
}

/** Ids of webhooks of whatever place, after one. */
export async function listIds(reads: Reads, after: string, limit: number): Promise<string[]> {
  const rows = await reads
    .selectFrom("webhooks")
    .select("id")
    .where("id", ">", after)
    .orderBy("id")
    .limit(limit)
    .execute();
  return rows.map(({ id }) => id);
}

export async function isAnyActive(reads: Reads): Promise<boolean> {
  const row = await reads
    .selectFrom("webhooks")
    .select("id")
    .where("state", "=", active)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** Whether one is told of such events. */
export async function isAnyTold(reads: Reads, type: EventType): Promise<boolean> {
  const row = await reads
    .selectFrom("webhooks")
    .select("id")
    .where("state", "=", active)
    .where("events", "like", `%"${type}"%`)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** Webhooks to which something may be sent now, in no order: each comes to its turn. */
export async function listReadyWebhooks(
  reads: Reads,
  now: number,
  limit: number,
): Promise<Webhook[]> {
  const rows = await reads
    .selectFrom("webhooks as w")
    .selectAll("w")
    .where("w.state", "=", active)
    .where("w.retry_at", "<=", now)
    .where(({ exists, selectFrom }) =>
      exists(
        selectFrom("webhook_deliveries as d")
          .select("d.id")
          .whereRef("d.webhook_id", "=", "w.id")
          .where("d.due_at", "<=", now),
      ),
    )
    .orderBy(sql`random()`)
    .limit(limit)
    .execute();
  return rows.map(webhookOf);
}

/** The receiver answered as it should. That ends no pause which began while the message was on its way. */
export async function noteReceived(tx: Tx, { id, retryAt }: Webhook): Promise<void> {
  await tx
    .updateTable("webhooks")
    .set({ failures: 0, failing_since: null, retry_at: 0 })
    .where("id", "=", id)
    .where("failing_since", "is not", null)
    .where("retry_at", "<=", retryAt)
    .execute();
}

/**
 * Returns since when it fails; null, and nothing is noted, where it was changed since it was read: whoever did
 * means to have mended it. `retryAt`: when the receiver as such is tried again; null where one message
 * failed. One who was not tried for long, since there was nothing to send, begins to fail anew.
 */
export async function noteFailure(
  tx: Tx,
  { id, version }: Webhook,
  now: number,
  retryAt: number | null,
): Promise<number | null> {
  const row = await tx
    .updateTable("webhooks")
    .set({
      failing_since: sql<number>`case
        when failing_since is null or retry_at < ${now - untriedMsMax} then ${now} else failing_since end`,
      // Behind the last failure in any case: that is how it is known when it was.
      ...(retryAt === null
        ? { retry_at: sql<number>`case when retry_at < ${now} then ${now} else retry_at end` }
        : {
            retry_at: sql<number>`case when retry_at > ${retryAt} then retry_at else ${retryAt} end`,
            failures: sql<number>`failures + 1`,
          }),
    })
    .where("id", "=", id)
    .where("version", "=", version)
    .returning("failing_since")
    .executeTakeFirst();
  return row?.failing_since ?? null;
}

/** False where it was not active any more. */
export async function disableWebhook(tx: Tx, id: string): Promise<boolean> {
  const row = await tx
    .updateTable("webhooks")
    .set({ state: "disabled", version: sql<number>`version + 1` })
    .where("id", "=", id)
    .where("state", "=", active)
    .returning("id")
    .executeTakeFirst();
  return row !== undefined;
}

function ofPlace(reads: Reads, projectId: string | null) {
  const all = reads.selectFrom("webhooks").selectAll();
  return projectId === null
    ? all.where("project_id", "is", null)
    : all.where("project_id", "=", projectId);
}

function columnsOf({ url, template, events, pattern, description, state }: WebhookFields) {
  return { url, template, events: JSON.stringify(events), pattern, description, state };
}

function webhookOf(row: WebhookRow): Webhook {
  return {
    id: row.id,
    projectId: row.project_id,
    url: row.url,
    format: row.format as Format,
    template: row.template,
    events: JSON.parse(row.events) as EventType[],
    pattern: row.pattern,
    description: row.description,
    secret: row.secret,
    state: row.state,
    afterSeq: row.after_seq,
    begunAt: row.begun_at,
    failures: row.failures,
    failingSince: row.failing_since,
    retryAt: row.retry_at,
    createdAt: row.created_at,
    createdBy: row.created_by,
    version: row.version,
  };
}
