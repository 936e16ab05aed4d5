import { SealError, type SecretBox, sealedFor } from "../auth/secret-box.ts";
import type { Clock } from "../lib/clock.ts";
import type { Outbound, OutboundResult } from "../platform/http/post-outside.ts";
import { version } from "../platform/version.ts";
import type { Attempt, Delivery } from "./delivery-store.ts";
import { type EventFormat, formats } from "./format.ts";
import { secretPrefix, signed } from "./signature.ts";
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
  /** Milliseconds for which the receiver asks to be left alone: Retry-After of a 429 or 503 (RFC 9110, 10.2.3). */
  readonly pauseMsAsked: number;
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
  let secret: string;
  try {
    secret = secrets.open(webhook.secret, sealedFor.webhook(webhook.id));
  } catch (error) {
    if (!(error instanceof SealError)) throw error;
    // Perhaps its key comes back: it is a failure as of a receiver that is away.
    return { ...failed(error.message), attemptedAt, durationMs: 0, pauseMsAsked: 0 };
  }
  const signature = signed(secret, {
    id: message.event_id,
    body: message.body,
    seconds: Math.floor(attemptedAt / 1000),
  });
  const format: EventFormat = formats[webhook.format];
  const authorization = format.sendsSecret === true ? { authorization: secret } : {};
  const sent = { headers: { ...headers, ...signature, ...authorization }, body: message.body };
  const result = await outbound.post(new URL(webhook.url), sent, signal);
  const outcome = outcomeOf(result, secret);
  const pauseMsAsked = pauseAskedIn(result, clock.now());
  return { attemptedAt, durationMs: result.durationMs, ...outcome, pauseMsAsked };
}

function failed(error: string) {
  return { isReceived: false, status: null, error, answer: null };
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

function outcomeOf(result: OutboundResult, secret: string) {
  if (result.kind === "failed") return failed(result.reason);
  const { status } = result;
  const isReceived = status >= 200 && status < 300;
  const body = without(secret, result.body);
  const headers = Object.fromEntries(
    Object.entries(result.headers).map(([name, value]) => [name, without(secret, value)]),
  );
  return {
    isReceived,
    status,
    error: isReceived ? null : ruleOf(status),
    answer: JSON.stringify({ headers, body: isReceived ? body.slice(0, keptOfSuccess) : body }),
  };
}

function pauseAskedIn(result: OutboundResult, now: number): number {
  if (result.kind === "failed" || (result.status !== 429 && result.status !== 503)) return 0;
  const said = (result.headers["retry-after"] ?? "").trim();
  const ms = /^\d+$/.test(said) ? Number(said) * 1000 : Date.parse(said) - now;
  return ms > 0 ? ms : 0;
}

/** Some receivers say back what they were sent, and not all who read records were shown the secret. */
function without(secret: string, text: string): string {
  const letters = [...secret].map(spellingsOf);
  const begin = letters.slice(0, secretPrefix.length).join("");
  const more = letters
    .slice(secretPrefix.length)
    .reduceRight((rest, letter) => `(?:${letter}${rest})?`, "");
  return (
    text
      .replace(new RegExp(letters.join(""), "g"), "(secret)")
      // Where the text was cut, perhaps within what stands for one letter.
      .replace(new RegExp(String.raw`${begin}${more}(?:\\+(?:u[0-9a-fA-F]*)?|%[0-9a-fA-F]*)?$`), "")
  );
}

/** A pattern of a letter as it is, as JSON may have it, and as addresses do, once or more often. */
function spellingsOf(letter: string): string {
  if (/[A-Za-z0-9]/.test(letter)) return letter;
  const hex = letter.charCodeAt(0).toString(16);
  const either = `(?:${hex}|${hex.toUpperCase()})`;
  return String.raw`(?:\\*\x${hex}|\\+u00${either}|%(?:25)*${either})`;
}

function ruleOf(status: number): string {
  return status >= 300 && status < 400
    ? `answered ${status}: what leads elsewhere is not followed`
    : `answered ${status}`;
}
