import { createHmac } from "node:crypto";
import { randomBase64 } from "../lib/random.ts";

export const secretPrefix = "whsec_";
const secretBytes = 32;

/** In the form that libraries of Standard Webhooks take. */
export function newWebhookSecret(): string {
  return `${secretPrefix}${randomBase64(secretBytes)}`;
}

/**
 * Headers that prove who sent the message: those of Standard Webhooks 1.0.0 (HMAC-SHA256 over id, time
 * and body), and the one that GitHub's receivers know, whose key is the secret as it is written.
 */
export function signed(
  secret: string,
  { id, body, seconds }: { readonly id: string; readonly body: string; readonly seconds: number },
): Record<string, string> {
  const key = Buffer.from(secret.slice(secretPrefix.length), "base64");
  const signature = createHmac("sha256", key).update(`${id}.${seconds}.${body}`).digest("base64");
  return {
    "webhook-id": id,
    "webhook-timestamp": String(seconds),
    "webhook-signature": `v1,${signature}`,
    "x-hub-signature-256": `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`,
  };
}
