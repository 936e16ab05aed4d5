import { isAllowed, type Resource } from "../access/authorize.ts";
import type { ApiCall, Management } from "../access/endpoint.ts";
import { mayManageTrashed } from "../access/trashed-project.ts";
import { assert } from "../lib/assert.ts";
import type { Unit } from "./unit-store.ts";

/** What it is, as people write it. */
export function nameOf({ kind, project, repository, digest, tag }: Unit): string {
  switch (kind) {
    case "tag":
      return `${repository}:${tag}`;
    case "manifest":
    case "blob":
      return `${repository}@${digest}`;
    case "repository":
      return `repository ${repository}`;
    case "project":
      return `project ${project}`;
  }
}

/** Whether the caller may bring it back, and see it: who may delete it now, if it were there. */
export async function mayRestore(deps: Management, call: ApiCall, unit: Unit): Promise<boolean> {
  if (unit.kind === "project") return mayManage(deps, call, unit);
  const { repository: name, tag } = unit;
  assert(name !== null, "what is no project lies in a repository");
  // By a tag's own name where it is one; whatever else may take any tag along.
  const resource: Resource = { kind: "repository", name, tag };
  return isAllowed(deps.access, call.principal, "repository:delete", resource, () => call.address);
}

/** Whether the caller may end it for good: who manages the project. */
export async function mayManage(deps: Management, call: ApiCall, unit: Unit): Promise<boolean> {
  const { project: name, projectId: id, kind } = unit;
  if (kind === "project") return mayManageTrashed(deps, call, { id, name });
  const resource = { kind: "project", name } as const;
  return isAllowed(deps.access, call.principal, "project:manage", resource, () => call.address);
}
