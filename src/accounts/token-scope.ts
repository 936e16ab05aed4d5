import { z } from "zod";
import { parseRepositoryPattern } from "../access/pattern.ts";
import { grantableActions } from "../access/roles.ts";
import { parsed } from "../access/schema.ts";
import { registryPattern } from "../access/scope.ts";
import type { Scope } from "../auth/principal.ts";

const entriesMax = 50;

/** Managing one's account is not among them: a token must not mint tokens. */
const scopeActions = [...grantableActions, "registry:list", "system:manage"] as const;

/** What a token lets through of what its holder may do. */
export const tokenScopes = z
  .array(
    z.strictObject({
      pattern: parsed((text) => parseRepositoryPattern(text, null)).describe(
        `Of repository names, such as team/** ; ${registryPattern} is what is not a repository.`,
      ),
      actions: z.array(z.enum(scopeActions)).min(1).max(scopeActions.length),
    }),
  )
  .min(1)
  .max(entriesMax)
  .nullable()
  .describe("What it lets through of what its holder may do; null: all of it.");

/** The scopes that people choose from on a page. */
export const presetScopes = {
  all: null,
  push: [
    { pattern: "**", actions: ["repository:pull", "repository:push", "project:read"] },
    { pattern: registryPattern, actions: ["registry:list"] },
  ],
  pull: [
    { pattern: "**", actions: ["repository:pull", "project:read"] },
    { pattern: registryPattern, actions: ["registry:list"] },
  ],
} as const satisfies Record<string, Scope | null>;

export type PresetScope = keyof typeof presetScopes;
