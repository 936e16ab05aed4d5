import type { z } from "zod";
import type { Reads } from "../db/database.ts";
import { type ProjectName, projectOf, type RepositoryName } from "../oci/repository-name.ts";
import type { Tag } from "../oci/tag.ts";
import type { Action, Resource } from "./authorize.ts";
import { getProject } from "./project-store.ts";
import { projectName } from "./schema.ts";

/** The resource of endpoints below a project. */
export function ofProject({ project }: { readonly project: ProjectName }): Resource {
  return { kind: "project", name: project };
}

/** That of endpoints below a repository. */
export function ofRepository({ repository }: { readonly repository: RepositoryName }): Resource {
  return { kind: "repository", name: repository };
}

/** That of endpoints below a tag. */
export function ofTag(place: { readonly repository: RepositoryName; readonly tag: Tag }): Resource {
  return { kind: "repository", name: place.repository, tag: place.tag };
}

/** That of endpoints below a repository which tell or change more than it. */
export function ofItsProject({ repository }: { readonly repository: RepositoryName }): Resource {
  return ofProject({ project: projectOf(repository) });
}

/** Where something belongs that a project may have, and the registry: the same operations serve both. */
export interface Place {
  readonly path: `/api/v1/${string}`;
  readonly action: Action;
  /** The project's key is there for one place and not for the other. */
  readonly input: { readonly project: z.ZodOptional<typeof projectName> };
  /** Ends the summaries. */
  readonly of: string;
}

/** `things`: as their paths call them, such as `robots`. */
export function placeInRegistry(things: string): Place {
  return {
    path: `/api/v1/${things}`,
    action: "system:manage",
    input: {} as Place["input"],
    of: "of the registry",
  };
}

export function placeInProject(things: string): Place {
  return {
    path: `/api/v1/projects/{project}/${things}`,
    action: "project:manage",
    input: { project: projectName } as unknown as Place["input"],
    of: "of a project",
  };
}

export function ofPlace({ project }: { readonly project?: ProjectName | undefined }): Resource {
  return project === undefined ? { kind: "registry" } : ofProject({ project });
}

/** Null for the registry. */
export async function projectIdOf(
  reads: Reads,
  name: ProjectName | undefined,
): Promise<string | null> {
  return name === undefined ? null : (await getProject(reads, name)).id;
}
