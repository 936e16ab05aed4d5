import { z } from "zod";
import { formatTime, formatTimeOrNull, time } from "../access/schema.ts";
import type { PrincipalRow } from "../db/tables.ts";

/** What is said of a user: nothing that proves who one is. */
export const userOutput = z.object({
  id: z.string(),
  name: z.string(),
  email: z.string().nullable(),
  description: z.string(),
  administrator: z.boolean(),
  disabled: z.boolean(),
  has_password: z.boolean(),
  second_factor: z
    .boolean()
    .describe("Whether they have a passkey, and the password alone will not do."),
  cidrs: z.array(z.string()),
  created_at: time,
  last_used_at: time.nullable(),
  version: z.number().int(),
});

export type User = z.input<typeof userOutput>;

export function userView(row: PrincipalRow): User {
  return {
    id: row.id,
    name: row.name,
    email: row.email,
    description: row.description,
    administrator: row.administrator === 1,
    disabled: row.state !== "active",
    has_password: row.password_hash !== null,
    second_factor: row.second_factor === 1,
    cidrs: JSON.parse(row.cidrs),
    created_at: formatTime(row.created_at),
    last_used_at: formatTimeOrNull(row.last_used_at),
    version: row.version,
  };
}
