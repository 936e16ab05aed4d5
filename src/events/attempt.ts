import { type SecretBox, sealedFor } from "../auth/secret-box.ts";
import type { Clock } from "../lib/clock.ts";
import type { Outbound, OutboundResult } from "../platform/http/post-outside.ts";
import { version } from "../platform/version.ts";
import type { Attempt, Delivery } from "./delivery-store.ts";
import { type EventFormat, formats } from "./format.ts";
import { signed } from "./signature.ts";
import type { Webhook } from "./webhook-store.ts";

/** Characters of an answer that are kept of one that says that all is well. */
const keptOfSuccess = 1_024;

export interface AttemptDeps {
  readonly clock: Clock;
  readonly secrets: SecretBox;
  readonly outbound: Outbound;
}

export interface Attempted extends Attempt {
  readonly isReceived: boolean;
}

/** Sends a message once. */
export async function attemptDelivery(
  { clock, secrets, outbound }: AttemptDeps,
  webhook: Webhook,
  message: Pick<Delivery, "event_id" | "body">,
  signal: AbortSignal,
): Promise<Attempted> {
  const attemptedAt = clock.now();
  const headers = requestHeaders(webhook, message, attemptedAt);
  const secret = secrets.open(webhook.secret, sealedFor.webhook(webhook.id));
  const signature = signed(secret, {
    id: message.event_id,
    body: message.body,
    seconds: Math.floor(attemptedAt / 1000),
  });
  const format: EventFormat = formats[webhook.format];
  const authorization = format.sendsSecret === true ? { authorization: secret } : {};
  const sent = { headers: { ...headers, ...signature, ...authorization }, body: message.body };
  const result = await outbound.post(new URL(webhook.url), sent, signal);
  return { attemptedAt, durationMs: result.durationMs, ...outcomeOf(result) };
}

/** Without what the secret makes: the record shows them. */
export function requestHeaders(
  { format }: Pick<Webhook, "format">,
  { event_id: id }: Pick<Delivery, "event_id">,
  at: number,
): Record<string, string> {
  return {
    "content-type": formats[format].contentType,
    "user-agent": `berth/${version}`,
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(at / 1000)),
  };
}

function outcomeOf(result: OutboundResult) {
  if (result.kind === "failed") {
    return { isReceived: false, status: null, error: result.reason, answer: null };
  }
  const { status, headers, body } = result;
  const isReceived = status >= 200 && status < 300;
  return {
    isReceived,
    status,
    error: isReceived ? null : ruleOf(status),
    answer: JSON.stringify({ headers, body: isReceived ? body.slice(0, keptOfSuccess) : body }),
  };
}

function ruleOf(status: number): string {
  return status >= 300 && status < 400
    ? `answered ${status}: what leads elsewhere is not followed`
    : `answered ${status}`;
}
