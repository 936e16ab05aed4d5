import type { Action } from "./authorize.ts";

/** What a grant may give or forbid. The rest belongs to who one is: signed in, an administrator. */
export const grantableActions = [
  "repository:pull",
  "repository:push",
  "repository:edit",
  "repository:delete",
  "repository:lock",
  "project:read",
  "project:manage",
  /** Only in grants that hold for every project. */
  "project:create",
] as const satisfies readonly Action[];

export type GrantableAction = (typeof grantableActions)[number];

export const roleNames = ["reader", "ci", "developer", "maintainer", "owner"] as const;

export type RoleName = (typeof roleNames)[number];

const reader = ["repository:pull", "project:read"] as const;
const ci = [...reader, "repository:push"] as const;
const developer = [...ci, "repository:edit"] as const;
const maintainer = [...developer, "repository:delete", "repository:lock"] as const;
const owner = [...maintainer, "project:manage"] as const;

/** The roles that every installation has, under names that no custom role may take. */
export const builtInRoles: Readonly<Record<RoleName, readonly GrantableAction[]>> = {
  reader,
  ci,
  developer,
  maintainer,
  owner,
};

export function isBuiltInRole(name: string): name is RoleName {
  return Object.hasOwn(builtInRoles, name);
}
