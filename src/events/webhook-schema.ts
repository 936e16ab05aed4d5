import { z } from "zod";
import { patternLengthMax } from "../access/pattern.ts";
import { formatTime, formatTimeOrNull, time } from "../access/schema.ts";
import type { ProjectName } from "../oci/repository-name.ts";
import { brokenUrlRule, urlLengthMax } from "../platform/http/post-outside.ts";
import { requestHeaders } from "./attempt.ts";
import type { Delivery } from "./delivery-store.ts";
import { eventTypeNames } from "./event-types.ts";
import { formatNames } from "./format.ts";
import { brokenTemplateRule, templateDefault, templateLengthMax } from "./formats/text.ts";
import type { Webhook } from "./webhook-store.ts";

/** What a webhook's address must be. */
export const webhookUrl = z
  .string()
  .max(urlLengthMax)
  .superRefine((text, context) => {
    const rule = URL.canParse(text) ? brokenUrlRule(new URL(text)) : "must be an address";
    if (rule !== null) context.addIssue({ code: "custom", message: rule });
  })
  .transform((text) => new URL(text).href)
  .describe("Where messages go: https://ci.example.com/hook.");

export const events = z
  .array(z.enum(eventTypeNames))
  .min(1)
  .max(eventTypeNames.length)
  .describe("What it is told of; unless it says otherwise what happens to images and tags.");

export const pattern = z
  .string()
  .max(patternLengthMax)
  .describe("Of repository names, project included: only of these it is told; ** is everything.");

export const template = z
  .string()
  .max(templateLengthMax)
  .superRefine((text, context) => {
    const rule = brokenTemplateRule(text);
    if (rule !== null) context.addIssue({ code: "custom", message: rule });
  })
  .describe(`What the format text says: ${templateDefault}, unless it says otherwise.`);

export const enabled = z.boolean().describe("Whether it is told of anything.");

export const webhookOutput = z.object({
  id: z.string(),
  project: z.string().nullable().describe("Null: of the whole registry."),
  url: z.string(),
  format: z.enum(formatNames).describe("How messages are written."),
  template: z.string().nullable(),
  events: z.array(z.enum(eventTypeNames)),
  pattern: z.string(),
  description: z.string(),
  state: z
    .enum(["active", "paused", "disabled"])
    .describe("disabled: it failed for a week, or answered 410."),
  failures: z.int().describe("Of the receiver, in a row."),
  failing_since: time.nullable(),
  next_attempt_at: time.nullable().describe("When the receiver is tried again after a failure."),
  created_at: time,
  version: z.int(),
});

export const deliveryOutput = z.object({
  id: z.string(),
  event_id: z.string().describe("What receivers tell by that they have it already."),
  type: z.string(),
  state: z.enum(["pending", "delivered", "failed"]),
  created_at: time,
  attempts: z.int(),
  attempted_at: time.nullable(),
  duration_ms: z.int().nullable(),
  status: z.int().nullable().describe("Of the last answer."),
  error: z.string().nullable(),
});

const headers = z.record(z.string(), z.string());

export const deliveryDetailsOutput = deliveryOutput.extend({
  request: z.object({ url: z.string(), headers, body: z.string() }),
  answer: z.object({ headers, body: z.string() }).nullable().describe("Its beginning."),
});

export function webhookAnswer(
  webhook: Webhook,
  project: ProjectName | null,
): z.input<typeof webhookOutput> {
  const { failures, retryAt } = webhook;
  return {
    id: webhook.id,
    project,
    url: webhook.url,
    format: webhook.format,
    template: webhook.template,
    events: [...webhook.events],
    pattern: webhook.pattern,
    description: webhook.description,
    state: webhook.state,
    failures,
    failing_since: formatTimeOrNull(webhook.failingSince),
    next_attempt_at: failures > 0 && webhook.state === "active" ? formatTime(retryAt) : null,
    created_at: formatTime(webhook.createdAt),
    version: webhook.version,
  };
}

export function deliveryAnswer(delivery: Delivery): z.input<typeof deliveryOutput> {
  return {
    id: delivery.id,
    event_id: delivery.event_id,
    type: delivery.type,
    state: delivery.state,
    created_at: formatTime(delivery.created_at),
    attempts: delivery.attempts,
    attempted_at: formatTimeOrNull(delivery.attempted_at),
    duration_ms: delivery.duration_ms,
    status: delivery.status,
    error: delivery.error,
  };
}

export function deliveryDetails(
  webhook: Webhook,
  delivery: Delivery,
): z.input<typeof deliveryDetailsOutput> {
  const { answer, body } = delivery;
  const at = delivery.attempted_at ?? delivery.created_at;
  return {
    ...deliveryAnswer(delivery),
    request: { url: webhook.url, headers: requestHeaders(webhook, delivery, at), body },
    answer:
      answer === null
        ? null
        : (JSON.parse(answer) as { headers: Record<string, string>; body: string }),
  };
}
