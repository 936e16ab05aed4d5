import { z } from "zod";
import { formatTime, time } from "../access/schema.ts";
import type { AuditRow } from "../db/tables.ts";

/** A line of the audit as it goes out: all that its hash covers is in it. */
export const auditLine = z.object({
  seq: z.number(),
  at: time,
  actor: z.string().describe("Who did it, by the name of then; (anonymous) or (operator)."),
  actor_id: z.string().nullable(),
  credential_id: z.string().nullable().describe("The token, secret or session that was used."),
  address: z.string(),
  action: z.string().describe("What was done: a noun and a verb, such as tag.moved."),
  resource: z.string().describe("What it was done to."),
  project_id: z.string().nullable(),
  result: z.enum(["done", "refused"]),
  detail: z.record(z.string(), z.unknown()),
  hash: z.string().describe("Over the hash of the line before and all of this one, SHA-256."),
});

export type AuditLineOutput = z.output<typeof auditLine>;

export function toAuditLine(row: AuditRow): AuditLineOutput {
  return {
    seq: row.seq,
    at: formatTime(row.at),
    actor: row.actor_name,
    actor_id: row.actor_id,
    credential_id: row.credential_id,
    address: row.address,
    action: row.action,
    resource: row.resource,
    project_id: row.project_id,
    result: row.result,
    detail: parseDetail(row.detail),
    hash: row.hash,
  };
}

/** A line that somebody edited is shown all the same: that it is not whole, the verification tells. */
function parseDetail(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>;
    }
  } catch {
    // Falls through: what is there is shown as text.
  }
  return { unreadable: text.slice(0, 256) };
}
