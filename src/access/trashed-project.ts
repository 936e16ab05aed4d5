import { isKnown } from "../auth/principal.ts";
import type { ProjectName } from "../oci/repository-name.ts";
import type { ApiCall, Management } from "./endpoint.ts";
import { prepareFactsReads } from "./facts-store.ts";
import { judge } from "./judge.ts";
import { noRights, readRights } from "./rights.ts";
import { prepareRightsReads } from "./rights-store.ts";

/**
 * Whether the caller might manage a project in the trash if it were back: nobody has rights in it by its
 * name, which may be another project's by now. Nothing is remembered of such decisions: they are rare.
 */
export async function mayManageTrashed(
  { db, clock, config }: Management,
  { principal, address }: ApiCall,
  project: { readonly id: string; readonly name: ProjectName },
): Promise<boolean> {
  const facts = await prepareFactsReads(db).ofProjectId(project.id);
  const reads = prepareRightsReads(db);
  const { decision } = judge({
    principal,
    action: "project:manage",
    resource: { kind: "project", name: project.name },
    facts,
    rights: isKnown(principal) ? await readRights(reads, principal.id, project.id) : noRights,
    projectCreation: config.projectCreation,
    now: clock.now(),
    address: () => address,
  });
  return decision.allowed;
}
