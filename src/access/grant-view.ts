import { z } from "zod";
import type { GrantRow } from "../db/tables.ts";
import { formatTimeOrNull, time } from "./schema.ts";

/** What a grant says, as the API tells it. */
export const grantView = z.object({
  effect: z.enum(["allow", "deny"]),
  pattern: z.string(),
  tag_pattern: z.string().nullable(),
  role: z.string().nullable(),
  actions: z.array(z.string()).nullable(),
  cidrs: z.array(z.string()),
  expires_at: time.nullable(),
});

export function viewOfGrant(row: GrantRow): z.input<typeof grantView> {
  return {
    effect: row.effect,
    pattern: row.pattern,
    tag_pattern: row.tag_pattern,
    role: row.role,
    actions: row.actions === null ? null : (JSON.parse(row.actions) as string[]),
    cidrs: JSON.parse(row.cidrs) as string[],
    expires_at: formatTimeOrNull(row.expires_at),
  };
}
