import { createSecretBox, sealedFor } from "../../src/auth/secret-box.ts";
import type { Database } from "../../src/db/database.ts";
import type { WebhookDeliveryRow } from "../../src/db/tables.ts";
import { createDeliveries, type Deliveries } from "../../src/events/deliver.ts";
import { type DispatchDeps, dispatchEvents } from "../../src/events/dispatch.ts";
import { readProgress, setCursor } from "../../src/events/event-store.ts";
import { imageEventTypes } from "../../src/events/event-types.ts";
import { createPendingBounds } from "../../src/events/pending-bounds.ts";
import { newWebhookSecret } from "../../src/events/signature.ts";
import { findWebhook, insertWebhook, type Webhook } from "../../src/events/webhook-store.ts";
import { uuidv7 } from "../../src/lib/random.ts";
import { createOutbound } from "../../src/platform/http/post-outside.ts";
import { createCapturedLog } from "../support/captured-log.ts";
import type { Json } from "../support/images.ts";
import { createOciClient, type OciClient } from "../support/oci-client.ts";
import { openTestRegistry, type TestRegistry } from "../support/test-registry.ts";

/** What came to a receiver. */
export interface Received {
  readonly path: string;
  readonly headers: Headers;
  readonly text: string;
  readonly body: Json;
}

/** A server of the other side, which answers as the test says. */
export interface Receiver {
  readonly url: string;
  readonly received: Received[];
  answer: (received: Received) => Response | Promise<Response>;
  stop(): Promise<void>;
}

export function openReceiver(): Receiver {
  const received: Received[] = [];
  const receiver: Receiver = {
    url: "",
    received,
    answer: () => new Response("thanks"),
    async stop() {
      await server.stop(true);
    },
  };
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const text = await request.text();
      const one = {
        path: new URL(request.url).pathname,
        headers: request.headers,
        text,
        body: JSON.parse(text) as Json,
      };
      received.push(one);
      return await receiver.answer(one);
    },
  });
  return Object.assign(receiver, { url: `http://127.0.0.1:${server.port}` });
}

/** A registry whose time the test sets, webhooks, and a receiver. */
export interface EventsWorld extends TestRegistry {
  readonly client: OciClient;
  readonly db: Database;
  readonly receiver: Receiver;
  readonly secret: string;
  logged(): string;
  addWebhook(rest?: Partial<Webhook>): Promise<Webhook>;
  webhook(id: string): Promise<Webhook>;
  readonly dispatching: DispatchDeps;
  /** What sends, by way of the database `own`. */
  openDeliveries(own: Partial<Database>, signal: AbortSignal): Deliveries;
  /** Tells of what happened, and sends what is due until nothing is. */
  tell(): Promise<void>;
  deliveries(): Promise<WebhookDeliveryRow[]>;
}

export async function openEventsWorld(): Promise<EventsWorld> {
  const world = await openTestRegistry();
  const { db, clock, audit } = world.registry;
  const secrets = createSecretBox([Buffer.alloc(32, 7)]);
  const receiver = openReceiver();
  const secret = newWebhookSecret();
  const { log, logged } = createCapturedLog();
  const outbound = createOutbound({ clock, allow: ["127.0.0.1"] });
  const sender = { origin: "https://registry.example.com", host: "registry.example.com" };

  const stats = { delivered: 0, failed: 0 };
  const pending = createPendingBounds(clock, log);
  const dispatching: DispatchDeps = { db, clock, sender, pending };
  function openDeliveries(own: Partial<Database>, signal: AbortSignal): Deliveries {
    const deps = { db: { ...db, ...own }, clock, log, audit, secrets, outbound, stats };
    return createDeliveries(deps, signal, () => {});
  }

  // As where nobody was told of anything before.
  await db.transaction(async (tx) => {
    const { end } = await readProgress(tx);
    const at = clock.now();
    await setCursor(tx, { seq: end, bare_seq: end, chores_at: at, pulls_at: at });
  });

  return {
    ...world,
    dispatching,
    openDeliveries,
    client: createOciClient(world.fetch),
    db,
    receiver,
    secret,
    logged,
    async addWebhook(rest = {}) {
      const id = uuidv7();
      return await db.transaction(async (tx) =>
        insertWebhook(tx, {
          id,
          projectId: null,
          url: `${receiver.url}/`,
          format: "cloudevents",
          template: null,
          events: [...imageEventTypes],
          pattern: "**",
          description: "",
          secret: secrets.seal(secret, sealedFor.webhook(id)),
          state: "active",
          afterSeq: (await readProgress(tx)).end,
          begunAt: clock.now(),
          createdAt: clock.now(),
          createdBy: null,
          ...rest,
        }),
      );
    },
    async webhook(id) {
      const [{ project_id: projectId } = { project_id: null }] = await db.reads
        .selectFrom("webhooks")
        .select("project_id")
        .where("id", "=", id)
        .execute();
      const webhook = await findWebhook(db.reads, projectId, id);
      if (webhook === null) throw new Error(`there is no webhook ${id}`);
      return webhook;
    },
    async tell() {
      const deliveries = openDeliveries({}, new AbortController().signal);
      while ((await dispatchEvents(dispatching)).isMore);
      for (let sent = -1; sent < stats.delivered + stats.failed; ) {
        sent = stats.delivered + stats.failed;
        await deliveries.startDue();
        await deliveries.end();
      }
    },
    deliveries: () => db.reads.selectFrom("webhook_deliveries").selectAll().orderBy("id").execute(),
    async remove() {
      await receiver.stop();
      await world.remove();
    },
  };
}
