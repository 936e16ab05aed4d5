import { getProjectsUsageOfProject } from "../../client/operations.ts";
import { useResource } from "../state/resource.ts";

/** Only who manages a project may see what it holds. */
export function useProjectUsage(project: string, manages: boolean) {
  return useResource(manages ? `usage project ${project}` : null, () =>
    getProjectsUsageOfProject({ project }),
  );
}
