import { setTimeout as sleep } from "node:timers/promises";
import type { Audit } from "../audit/audit.ts";
import type { Database } from "../db/database.ts";
import { randomFraction } from "../lib/random.ts";
import type { Log } from "../platform/log.ts";
import { type AttemptDeps, type Attempted, attemptDelivery } from "./attempt.ts";
import { type Delivery, giveUp, listDue, noteAttempt } from "./delivery-store.ts";
import {
  disableWebhook,
  listReadyWebhooks,
  noteFailure,
  noteReceived,
  type Webhook,
} from "./webhook-store.ts";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
/** How long a message is tried. */
export const deliveryMsMax = 24 * hourMs;
/** How long a webhook fails before nothing is sent there any more. */
const failingMsMax = 7 * 24 * hourMs;
/** Messages under way at once: to all webhooks, and to one. */
const underWayMax = 32;
const underWayPerWebhookMax = 4;
/** Webhooks that are looked at in one round. */
const readyAtOnce = underWayMax * 4;
/** Messages given up in one transaction. */
const givenUpAtOnce = 200;

/** How long a message stays here whose outcome could not be noted. */
const unnotedMs = 5_000;

const firstPauseMs = 5_000;
const pauseMsMax = 2 * hourMs;

/** Answers that speak of the message, not of the receiver: others may still arrive. */
const ofTheMessage = new Set([400, 409, 413, 415, 422]);
/** The receiver wants no more (Standard Webhooks, RFC 9110 §15.5.11). */
const gone = 410;

export interface DeliverDeps extends AttemptDeps {
  readonly db: Database;
  readonly audit: Audit;
  readonly log: Log;
  readonly stats: DeliveryStats;
}

export interface DeliveryStats {
  delivered: number;
  failed: number;
}

interface UnderWay {
  readonly webhook: Webhook;
  readonly done: Promise<void>;
}

/** Messages under way. */
export interface Deliveries {
  /** Begins to send what is due, as far as there is room. */
  startDue(): Promise<void>;
  /** Resolves when none is under way. */
  end(): Promise<void>;
}

/**
 * Sends messages, those of one lane one after another. A receiver that fails is tried again with one
 * message at a time, after pauses that grow; meanwhile nothing else is done for it. The project that has
 * the fewest under way comes first, so that slow receivers of one keep no other waiting. `onEnd` is
 * called whenever a message came to its end.
 */
export function createDeliveries(
  deps: DeliverDeps,
  signal: AbortSignal,
  onEnd: () => void,
): Deliveries {
  const { db, clock, log } = deps;
  const underWay = new Map<string, UnderWay>();

  function room(webhook: Webhook): number {
    const own = [...underWay.values()].filter((each) => each.webhook.id === webhook.id).length;
    const ownMax = webhook.failures > 0 ? 1 : underWayPerWebhookMax;
    return Math.min(ownMax - own, underWayMax - underWay.size);
  }

  /** Takes out the one whose turn it is: of those of one project whichever comes first. */
  function takeNext(waiting: Webhook[]): Webhook | undefined {
    const busy = new Map<string | null, number>();
    for (const { webhook } of underWay.values()) {
      busy.set(webhook.projectId, (busy.get(webhook.projectId) ?? 0) + 1);
    }
    const shares = waiting.map(({ projectId }) => busy.get(projectId) ?? 0);
    const [next] = waiting.splice(shares.indexOf(Math.min(...shares)), 1);
    return next;
  }

  async function nextOf(webhook: Webhook): Promise<Delivery[]> {
    const free = room(webhook);
    if (free <= 0) return [];
    // One that ends meanwhile may still be due in what is read.
    const before = new Set(underWay.keys());
    const due = await listDue(db.reads, webhook.id, clock.now(), free + underWayPerWebhookMax);
    return due.filter(({ id }) => !before.has(id)).slice(0, free);
  }

  function start(webhook: Webhook, delivery: Delivery): void {
    const done = deliver(deps, webhook, delivery, signal)
      .catch(async (error: unknown) => {
        if (signal.aborted) return;
        log.warn("Cannot note how a message to a webhook went", { error });
        // It is due still: where nothing can be written it would go out again and again, at once.
        await sleep(unnotedMs, undefined, { signal }).catch(() => {});
      })
      .finally(() => {
        underWay.delete(delivery.id);
        onEnd();
      });
    underWay.set(delivery.id, { webhook, done });
  }

  async function prepareToSend(): Promise<void> {
    // Nothing goes out where its outcome could not be noted: see `ChoreWork` for who may write.
    await db.transactionUnawaited(async () => {}, "rows");
    // What is told elsewhere must not be undone here by a power cut.
    await db.flush();
  }

  return {
    async startDue() {
      const waiting = await listReadyWebhooks(db.reads, clock.now(), readyAtOnce);
      let isPrepared = false;
      while (!signal.aborted && underWay.size < underWayMax) {
        const webhook = takeNext(waiting);
        if (webhook === undefined) return;
        if (webhook.failures > 0 && room(webhook) > 0) await giveUpOld(deps, webhook);
        const next = await nextOf(webhook);
        if (next.length === 0 || signal.aborted) continue;
        if (!isPrepared) await prepareToSend();
        isPrepared = true;
        for (const delivery of next) start(webhook, delivery);
      }
    },
    async end() {
      await Promise.all([...underWay.values()].map(({ done }) => done));
    },
  };
}

async function deliver(
  deps: DeliverDeps,
  webhook: Webhook,
  delivery: Delivery,
  signal: AbortSignal,
): Promise<void> {
  const attempted = await attemptDelivery(deps, webhook, delivery, signal);
  // It did not end by itself: whoever goes on sends it again.
  if (signal.aborted) return;
  if (attempted.isReceived) {
    deps.stats.delivered += 1;
    await deps.db.transactionUnawaited(async (tx) => {
      await noteAttempt(deps.db, tx, delivery, attempted, { state: "delivered" });
      await noteReceived(tx, webhook);
    }, "rows");
    return;
  }
  deps.stats.failed += 1;
  await noteFailed(deps, webhook, delivery, attempted);
}

async function noteFailed(
  { db, audit, log, clock }: DeliverDeps,
  webhook: Webhook,
  delivery: Delivery,
  attempted: Attempted,
): Promise<void> {
  const { status, error } = attempted;
  const now = clock.now();
  const isOfMessage = status !== null && ofTheMessage.has(status);
  const asked = Math.min(attempted.pauseMsAsked, pauseMsMax);
  const retryAt = isOfMessage ? null : now + Math.max(pauseMs(webhook.failures), asked);
  const next = isOfMessage ? now + pauseMs(delivery.attempts) : now;
  const isLast = now - delivery.created_at >= deliveryMsMax;
  const isDisabled = await db.transactionUnawaited(async (tx) => {
    await noteAttempt(db, tx, delivery, attempted, isLast ? { state: "failed" } : { next });
    const since = await noteFailure(tx, webhook, now, retryAt);
    if (since === null) return false;
    const isOver = status === gone || now - since >= failingMsMax;
    if (!isOver || !(await disableWebhook(tx, webhook.id))) return false;
    audit.append(tx, {
      actor: { id: null, name: "(system)", credentialId: null, address: "" },
      action: "webhook.disabled",
      resource: `webhook ${webhook.id}`,
      projectId: webhook.projectId,
      result: "done",
      detail: { host: new URL(webhook.url).host, error, since: new Date(since).toISOString() },
    });
    return true;
  }, "rows");
  if (!isDisabled) return;
  log.error("A webhook failed for so long that nothing is sent there any more", {
    webhook: webhook.id,
    host: new URL(webhook.url).host,
    error,
  });
}

/** What waited for a day is given up before the receiver is tried again. */
async function giveUpOld({ db, clock }: DeliverDeps, webhook: Webhook): Promise<void> {
  const now = clock.now();
  const why = `not delivered within ${deliveryMsMax / hourMs} h`;
  const given = { before: now - deliveryMsMax, why, now, limit: givenUpAtOnce };
  for (;;) {
    const count = await db.transactionUnawaited((tx) => giveUp(db, tx, webhook.id, given), "rows");
    if (count < givenUpAtOnce) return;
  }
}

/** Doubles from five seconds to two hours; less by chance, so that receivers are not all tried at once. */
function pauseMs(failures: number): number {
  const full = Math.min(firstPauseMs * 2 ** Math.min(failures, 20), pauseMsMax);
  return Math.round(full * (0.8 + 0.2 * randomFraction()));
}
