import type { Brand } from "../lib/brand.ts";
import { excerpt, RegistryError } from "./registry-error.ts";

/** A `<name>` of distribution-spec §Pulling manifests: lowercase components, joined by `/`. */
export type RepositoryName = Brand<string, "RepositoryName">;

/** The first component of a repository's name. */
export type ProjectName = Brand<string, "ProjectName">;

/** Characters. Clients limit host, `/` and name together to 255, so that no longer name could be pulled. */
export const repositoryNameLengthMax = 255;

// Separators and letters exclude each other, so this backtracks no further than one component.
const namePattern =
  /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;

/**
 * First components that Berth keeps for its own paths and for what it will serve beside projects.
 * They are valid names: reading one is 404, pushing to one is refused.
 */
export const reservedProjectNames: ReadonlySet<string> = new Set([
  "api",
  "asof",
  "assets",
  "berth",
  "docs",
  "metrics",
  "setup",
  "signin",
  "signout",
  "token",
  "v1",
  "v2",
]);

/** Throws NAME_INVALID, which names the value and the rule it breaks. */
export function parseRepositoryName(text: string): RepositoryName {
  if (text.length > repositoryNameLengthMax) {
    throw invalid(
      text,
      `must be at most ${repositoryNameLengthMax} characters long, not ${text.length}`,
    );
  }
  if (!namePattern.test(text)) throw invalid(text, brokenRule(text));
  return text as RepositoryName;
}

export function projectOf(name: RepositoryName): ProjectName {
  const slash = name.indexOf("/");
  return (slash === -1 ? name : name.slice(0, slash)) as string as ProjectName;
}

/** Throws NAME_INVALID when `name` lies in a project that Berth keeps for itself. */
export function refuseReservedName(name: RepositoryName): void {
  const project = projectOf(name);
  if (!reservedProjectNames.has(project)) return;
  throw invalid(name, `names whose first component is "${project}" are kept for the registry`);
}

function invalid(text: string, rule: string): RegistryError {
  return new RegistryError("NAME_INVALID", {
    message: `invalid repository name ${JSON.stringify(excerpt(text))}: ${rule}`,
    detail: { name: excerpt(text) },
  });
}

function brokenRule(text: string): string {
  if (text === "") return "must not be empty";
  if (text.split("/").includes("")) return "must have no empty component";
  if (/[A-Z]/.test(text)) return "must be lowercase";
  if (/[^a-z0-9._/-]/.test(text)) return 'may hold only a-z, 0-9, ".", "_", "-" and "/"';
  return 'each component must begin and end with a-z or 0-9, separated by one ".", "_", "__" or dashes';
}
