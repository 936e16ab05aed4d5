import { actorOf } from "../auth/principal.ts";
import type { Reads } from "../db/database.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { type ProjectName, parseRepositoryName } from "../oci/repository-name.ts";
import type { Action, Resource } from "./authorize.ts";
import type { ApiCall, Management } from "./endpoint.ts";
import { prepareFactsReads } from "./facts-store.ts";
import { reachesProject } from "./pattern.ts";
import { parseGrants, prepareRightsReads, type StoredGrant } from "./rights-store.ts";
import { findRoleByName } from "./role-store.ts";
import { builtInRoles, isBuiltInRole } from "./roles.ts";
import { notFound } from "./unknown.ts";

/** Throws DENIED where the caller may not do this besides what the endpoint asks for. */
export async function assertMay(
  deps: Management,
  call: ApiCall,
  action: Action,
  resource: Resource,
): Promise<void> {
  const decision = await deps.access.decide(call.principal, action, resource, () => call.address);
  if (!decision.allowed) throw new RegistryError("DENIED", { message: decision.reason });
}

/**
 * Throws DENIED where the caller gives on more than they have. People who manage a project hand out
 * what they like inside it; robots, and tokens that were narrowed, only what they may do themselves
 * everywhere in the project: else they would widen themselves by way of somebody else.
 */
export async function assertMayGive(
  deps: Management,
  call: ApiCall,
  project: ProjectName,
  given: readonly Action[],
): Promise<void> {
  if (!isNarrowed(call)) return;
  await assertNothingDenied(deps, call, project);
  for (const action of given) {
    for (const resource of everywhereIn(project, action)) {
      await assertMay(deps, call, action, resource);
    }
  }
}

/** Throws DENIED where taking a prohibition away would widen the caller. */
export function assertMayLiftDenials(call: ApiCall): void {
  if (!isNarrowed(call)) return;
  throw new RegistryError("DENIED", {
    message: "a robot or a narrowed token does not take back what is denied",
  });
}

/** What is denied somewhere in the project would not be to whom they give the rest. */
async function assertNothingDenied(
  { db }: Management,
  { principal }: ApiCall,
  project: ProjectName,
): Promise<void> {
  const { project: found } = await prepareFactsReads(db).ofProject(project);
  const id = actorOf(principal);
  if (found === null || id === null) return;
  const { grantsIn } = prepareRightsReads(db);
  const isDenying = ({ effect, pattern }: StoredGrant) =>
    effect !== "allow" && reachesProject(pattern, project);
  const inProject = parseGrants(await grantsIn(id, found.id));
  if (![...inProject, ...parseGrants(await grantsIn(id, null))].some(isDenying)) return;
  throw new RegistryError("DENIED", {
    message:
      "a robot or a narrowed token to which something is denied in a project gives nothing on",
  });
}

/** Whether the caller may be less than the person behind them: robots have nobody behind them. */
export function isNarrowed({ principal }: ApiCall): boolean {
  switch (principal.kind) {
    case "operator":
      return false;
    case "user":
      return principal.scope !== null;
    default:
      return true;
  }
}

/** Names that no pattern but one for the whole project fits, however deep. */
function everywhereIn(project: ProjectName, action: Action): Resource[] {
  if (action.startsWith("project:")) return [{ kind: "project", name: project }];
  const unlikely = "0".repeat(24);
  return [project, `${project}/${unlikely}`, `${project}/${unlikely}/${unlikely}/${unlikely}`].map(
    (name) => ({ kind: "repository", name: parseRepositoryName(name), tag: null }),
  );
}

/** What a role gives. Throws 404 where there is no such role. */
export async function actionsOfRole(reads: Reads, name: string): Promise<readonly Action[]> {
  if (isBuiltInRole(name)) return builtInRoles[name];
  const role = await findRoleByName(reads, name);
  if (role === null) throw notFound(`role ${name}`);
  return JSON.parse(role.actions) as Action[];
}
