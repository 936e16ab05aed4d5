import { z } from "zod";
import { change } from "../access/change.ts";
import { defineEndpoint, type Endpoint } from "../access/endpoint.ts";
import { ofPlace, type Place } from "../access/place.ts";
import {
  formatTime,
  formatTimeOrNull,
  identifier,
  moment,
  pageInput,
  pageOf,
  pageOutput,
  time,
} from "../access/schema.ts";
import { conflict, notFound } from "../access/unknown.ts";
import { auditActor } from "../auth/principal.ts";
import type { Reads } from "../db/database.ts";
import { assert } from "../lib/assert.ts";
import { uuidv7 } from "../lib/random.ts";
import { createOutbound } from "../platform/http/post-outside.ts";
import { attemptDelivery } from "./attempt.ts";
import {
  type Delivery,
  findDelivery,
  insertAttempted,
  insertDeliveries,
  listDeliveries,
} from "./delivery-store.ts";
import { replayEvents } from "./dispatch.ts";
import { readProgress } from "./event-store.ts";
import { senderOf } from "./sender.ts";
import { testMessage } from "./test-message.ts";
import { getWebhook, webhookPath } from "./webhook-path.ts";
import {
  deliveryAnswer,
  deliveryDetails,
  deliveryDetailsOutput,
  deliveryOutput,
} from "./webhook-schema.ts";
import { findWebhook, type Webhook } from "./webhook-store.ts";

const deliveryPath = { ...webhookPath, delivery: identifier };

/** What was sent to a webhook, and is sent once more. */
export function deliveryEndpoints({ path, action, input, of }: Place): Endpoint[] {
  return [
    defineEndpoint({
      method: "GET",
      path: `${path}/{webhook}/deliveries`,
      command: "webhook deliveries",
      summary: `Lists what was sent to a webhook ${of}, and what waits; the last first.`,
      action,
      resource: ofPlace,
      input: z.strictObject({ ...input, ...webhookPath, ...pageInput }),
      output: pageOutput(deliveryOutput),
      async handler({ db }, { project: name, webhook: id, limit, after }) {
        const webhook = await getWebhook(db.reads, name, id);
        const page = { after, limit: limit + 1 };
        const rows = await listDeliveries(db.reads, webhook.id, page);
        return pageOf(rows, limit, (row) => row.id, deliveryAnswer);
      },
    }),

    defineEndpoint({
      method: "GET",
      path: `${path}/{webhook}/deliveries/{delivery}`,
      command: "webhook delivery",
      summary: `Shows a message to a webhook ${of}: what was sent, and what was answered.`,
      action,
      resource: ofPlace,
      input: z.strictObject({ ...input, ...deliveryPath }),
      output: deliveryDetailsOutput,
      async handler({ db }, { project: name, webhook: id, delivery }) {
        const webhook = await getWebhook(db.reads, name, id);
        return deliveryDetails(webhook, await getDelivery(db.reads, webhook, delivery));
      },
    }),

    defineEndpoint({
      method: "POST",
      path: `${path}/{webhook}/deliveries/{delivery}/redeliver`,
      command: "webhook redeliver",
      summary: `Sends a message to a webhook ${of} once more, behind those that wait.`,
      action,
      resource: ofPlace,
      input: z.strictObject({ ...input, ...deliveryPath }),
      output: deliveryOutput,
      status: 202,
      async handler(deps, { project: name, webhook: id, delivery: deliveryId }, call) {
        const { db, clock } = deps;
        let projectId: string | null = null;
        const entry = () => ({
          action: "webhook.redelivered",
          resource: `webhook ${id}`,
          projectId,
          detail: { delivery: deliveryId },
        });
        return await change(deps, call, entry, async (tx) => {
          const webhook = await getWebhook(tx, name, id);
          projectId = webhook.projectId;
          assertActive(webhook);
          const { event_id, type, lane, body } = await getDelivery(tx, webhook, deliveryId);
          const { end: place } = await readProgress(tx);
          const again = { webhook_id: id, event_id, type, lane, place, body };
          const [made] = await insertDeliveries(db, tx, [again], clock.now());
          assert(made !== undefined, "a message was put on its way and got no id");
          return deliveryAnswer(await getDelivery(tx, webhook, made));
        });
      },
    }),

    defineEndpoint({
      method: "POST",
      path: `${path}/{webhook}/replay`,
      command: "webhook replay",
      summary: `Tells a webhook ${of} once more what happened since a time, behind what waits.`,
      action,
      resource: ofPlace,
      input: z.strictObject({
        ...input,
        ...webhookPath,
        since: moment.describe("From then on, RFC 3339: as far back as the audit goes."),
        until: moment.optional().describe("Before then."),
      }),
      output: z.object({
        messages: z.int().describe("That are on their way."),
        next: time.nullable().describe("Where it stopped, to be given as since; null at the end."),
      }),
      status: 202,
      async handler(deps, { project: name, webhook: id, since, until }, call) {
        const webhook = await getWebhook(deps.db.reads, name, id);
        assertActive(webhook);
        const sender = senderOf(deps.config);
        const span = { since, until: until ?? null };
        const { messages, next } = await replayEvents({ ...deps, sender }, webhook, span);
        const entry = {
          action: "webhook.replayed",
          resource: `webhook ${id}`,
          projectId: webhook.projectId,
          detail: { since: formatTime(since), messages },
        };
        const answer = { messages, next: formatTimeOrNull(next) };
        const now = await findWebhook(deps.db.reads, webhook.projectId, id);
        if (now?.state === "active") return await change(deps, call, entry, async () => answer);
        // What was put on its way is on record, and whoever asks again is not told that all was.
        if (messages > 0)
          await change(deps, { ...call, remember: null }, entry, async () => answer);
        throw now === null ? notFound(`webhook ${id}`) : notActive(now);
      },
    }),

    defineEndpoint({
      method: "POST",
      path: `${path}/{webhook}/test`,
      command: "webhook test",
      summary: `Sends a message to a webhook ${of} now that tells of nothing, and shows what was answered.`,
      action,
      resource: ofPlace,
      input: z.strictObject({ ...input, ...webhookPath }),
      output: deliveryDetailsOutput,
      tellsOfFailure: ({ state }) => state !== "delivered",
      async handler(deps, { project: name, webhook: id }, call) {
        const { db, clock, secrets, config } = deps;
        const webhook = await getWebhook(db.reads, name, id);
        const message = testMessage(webhook, name ?? null, {
          id: `test-${uuidv7()}`,
          actor: auditActor(call.principal, call.address).name,
          at: clock.now(),
          config,
        });
        const outbound = createOutbound({ clock, allow: config.webhooksAllow });
        const sent = { clock, secrets, outbound };
        const { isReceived, ...attempt } = await attemptDelivery(
          sent,
          webhook,
          message,
          new AbortController().signal,
        );
        const entry = {
          action: "webhook.tested",
          resource: `webhook ${id}`,
          projectId: webhook.projectId,
          detail: { status: attempt.status, error: attempt.error },
        };
        return await change(deps, call, entry, async (tx) => {
          // It may have been deleted while it was sent to.
          await getWebhook(tx, name, id);
          const state = isReceived ? "delivered" : "failed";
          return deliveryDetails(webhook, await insertAttempted(tx, message, attempt, state));
        });
      },
    }),
  ];
}

function assertActive(webhook: Webhook): void {
  if (webhook.state !== "active") throw notActive(webhook);
}

function notActive({ id, state }: Webhook) {
  return conflict(`the webhook ${id} is ${state}: enable it first`);
}

async function getDelivery(reads: Reads, webhook: Webhook, id: string): Promise<Delivery> {
  const delivery = await findDelivery(reads, webhook.id, id);
  if (delivery === null) throw notFound(`delivery ${id} of this webhook`);
  return delivery;
}
