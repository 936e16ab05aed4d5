import { RegistryError } from "../oci/registry-error.ts";
import type { ProjectName } from "../oci/repository-name.ts";

/** The answer for a project that does not exist, and for one that the caller may not see: the same. */
export function unknownProject(project: ProjectName): RegistryError {
  return new RegistryError("NAME_UNKNOWN", {
    message: `there is no project ${project}`,
    detail: { project },
  });
}

/** 404 for what lies below something that the caller may see. `what` reads on: `group developers`. */
export function notFound(what: string): RegistryError {
  return new RegistryError("NAME_UNKNOWN", { message: `there is no ${what}` });
}

/** 409 for what cannot be while something else is as it is. */
export function conflict(message: string): RegistryError {
  return new RegistryError("DENIED", { status: 409, message });
}
