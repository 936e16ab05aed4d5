import { isAllowed } from "../access/authorize.ts";
import type { ApiCall, Management } from "../access/endpoint.ts";
import type { Project } from "../access/project-store.ts";
import { parseGrants, prepareRightsReads } from "../access/rights-store.ts";
import { isKnown } from "../auth/principal.ts";
import { parseRepositoryName, type RepositoryName } from "../oci/repository-name.ts";

/** What stands for a star of a pattern. */
const example = "alpine";
/** Names of one answer that are asked about. */
const namesMax = 20;

/**
 * A repository of the project, there or not, to which the caller may push: also where they may not push to all
 * of it. Null where none is found.
 */
export async function placeToPush(
  { db, access }: Management,
  { principal, address }: ApiCall,
  { id, name: project }: Pick<Project, "id" | "name">,
): Promise<RepositoryName | null> {
  const may = (name: RepositoryName) =>
    isAllowed(access, principal, "repository:push", { kind: "repository", name }, () => address);
  const anything = parseRepositoryName(`${project}/${example}`);
  if (await may(anything)) return anything;
  if (!isKnown(principal)) return null;
  const reads = prepareRightsReads(db);
  const grants = parseGrants(await reads.grantsIn(principal.id, id));
  if (!(await reads.hasMany(principal.id))) {
    grants.push(...parseGrants(await reads.grantsIn(principal.id, null)));
  }
  const names = new Set(grants.flatMap(({ pattern }) => nameOf(pattern, project) ?? []));
  for (const name of [...names].slice(0, namesMax)) {
    if (await may(name)) return name;
  }
  return null;
}

/** A name in the project that fits the pattern, if one is easily found. */
function nameOf(pattern: string, project: string): RepositoryName | null {
  const [, ...rest] = pattern.split("/");
  const components = rest.map((each) => each.replaceAll(/\*+/g, example));
  try {
    return parseRepositoryName([project, ...components].join("/"));
  } catch {
    return null;
  }
}
