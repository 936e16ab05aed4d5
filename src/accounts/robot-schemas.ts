import { z } from "zod";
import { grantView, viewOfGrant } from "../access/grant-view.ts";
import { grantableActions } from "../access/roles.ts";
import { cidrs, formatTime, formatTimeOrNull, time } from "../access/schema.ts";
import { robotPrefix } from "../auth/principal-store.ts";
import type { CredentialRow, GrantRow, PrincipalRow } from "../db/tables.ts";
import { expiresInDays } from "./schemas.ts";
import { credentialOutput, credentialView } from "./tokens.ts";

export const robotGrantsMax = 50;
const patternLengthMax = 256;

const role = z.string().max(64).describe("A built-in role or one that was made.");

/** What a robot may do: a role or a list of actions, on repositories and tags that fit. */
export const robotGrants = z
  .array(
    z.strictObject({
      pattern: z
        .string()
        .max(patternLengthMax)
        .describe("Of repository names, the project's included, such as team/** ."),
      role: role.optional(),
      actions: z.array(z.enum(grantableActions)).min(1).max(grantableActions.length).optional(),
      tag_pattern: z.string().max(patternLengthMax).nullable().default(null),
      expires_in_days: expiresInDays.default(null).describe("Days until this right ends."),
      cidrs: cidrs.default([]),
    }),
  )
  .max(robotGrantsMax)
  .default([])
  .describe("What it may do: each entry has a role or actions.");

export const robotRole = role
  .optional()
  .describe("In short for one grant: this role on every repository, of its project if it has one.");

export const robotOutput = z.object({
  id: z.string(),
  name: z.string().describe("What it signs in with."),
  project: z.string().nullable().describe("Whose robot it is; null: the registry's."),
  description: z.string(),
  disabled: z.boolean(),
  cidrs: z.array(z.string()),
  created_at: time,
  expires_at: time.nullable(),
  last_used_at: time.nullable(),
  version: z.number().int(),
});

export const robotDetailsOutput = robotOutput.extend({
  secrets: z.array(credentialOutput).describe("Two at most, so that one can replace the other."),
  grants: z.array(z.object({ id: z.string(), ...grantView.shape })),
});

export const newSecretOutput = z.object({
  name: z.string().describe("What the robot signs in with."),
  id: z.string().describe("Of the secret."),
  secret: z.string().describe("The secret itself, which nobody can ask for again."),
});

export function robotView(row: PrincipalRow): z.input<typeof robotOutput> {
  return {
    id: row.id,
    name: row.name,
    project: projectIn(row),
    description: row.description,
    disabled: row.state !== "active",
    cidrs: JSON.parse(row.cidrs),
    created_at: formatTime(row.created_at),
    expires_at: formatTimeOrNull(row.expires_at),
    last_used_at: formatTimeOrNull(row.last_used_at),
    version: row.version,
  };
}

export function robotDetails(
  row: PrincipalRow,
  secrets: readonly CredentialRow[],
  grants: readonly GrantRow[],
): z.input<typeof robotDetailsOutput> {
  return {
    ...robotView(row),
    secrets: secrets.map(credentialView),
    grants: grants.map((grant) => ({ id: grant.id, ...viewOfGrant(grant) })),
  };
}

/** Names say it: a short name has no dot. */
function projectIn({ name, project_id }: PrincipalRow): string | null {
  return project_id === null ? null : name.slice(robotPrefix.length, name.lastIndexOf("."));
}
