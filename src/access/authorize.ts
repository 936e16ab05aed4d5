import type { Principal } from "../auth/principal.ts";
import { assertNever } from "../lib/assert.ts";
import type { MaybePromise } from "../lib/maybe-promise.ts";
import { type ProjectName, projectOf, type RepositoryName } from "../oci/repository-name.ts";
import type { Tag } from "../oci/tag.ts";

/** What a request wants to do. Every route and endpoint names one. */
export const actions = [
  /** Ask whether the registry is there, and whether one is known to it. */
  "registry:ping",
  /** List what one may see. */
  "registry:list",
  "repository:pull",
  "repository:push",
  /** Change description and labels. */
  "repository:edit",
  /** Delete and restore tags, manifests and repositories. */
  "repository:delete",
  /** Lock and unlock tags. */
  "repository:lock",
  "project:read",
  /** Members, robots, visibility, settings; delete the project. */
  "project:manage",
  "project:create",
  /** One's own account, tokens and sessions. */
  "account:manage",
  /** Users, settings of the system, everything else. */
  "system:manage",
] as const;

export type Action = (typeof actions)[number];

/** What it wants to do it to. */
export type Resource =
  | { readonly kind: "registry" }
  | { readonly kind: "project"; readonly name: ProjectName }
  /**
   * With a tag: whether that tag may be written; without: whether anything there may be; with null:
   * whether that may be which no tag names or any tag may, such as a manifest by its digest. `gone`:
   * one that had the name and was deleted. What has the name now says nothing about it.
   */
  | {
      readonly kind: "repository";
      readonly name: RepositoryName;
      readonly tag?: Tag | null;
      readonly gone?: true;
    };

/** The project that it is, or lies in; null for the registry itself. */
export function projectNameOf(resource: Resource): ProjectName | null {
  switch (resource.kind) {
    case "registry":
      return null;
    case "project":
      return resource.name;
    case "repository":
      return projectOf(resource.name);
    default:
      return assertNever(resource);
  }
}

export type Decision = Allowed | Denied;

export interface Allowed {
  readonly allowed: true;
  /** The project that was judged: undefined where it does not matter (open mode), null where there is none yet. */
  readonly projectId?: string | null;
}

export interface Denied {
  readonly allowed: false;
  /** Whether the principal may know that the resource exists: else it is answered as one that does not. */
  readonly visible: boolean;
  /** Rights and credential would do, the registry token lets less through: another may help. */
  readonly scopeIsShort: boolean;
  /** For `berth access why` and for the answer of who may see the resource. */
  readonly reason: string;
}

/** Who may do what. What it remembers is at most a second older than the database. */
export interface Access {
  /**
   * At once where the same was decided lately. `address` is asked for only where a grant, project or
   * token is bound to addresses.
   */
  decide(
    principal: Principal,
    action: Action,
    resource: Resource,
    address: () => string,
  ): MaybePromise<Decision>;
  /** To be called after each commit that changed who may do what: this node knows it from then on. */
  changed(): void;
}

/** `decide`, for whoever asks for no more than yes or no. */
export async function isAllowed(
  access: Pick<Access, "decide">,
  ...asked: Parameters<Access["decide"]>
): Promise<boolean> {
  return (await access.decide(...asked)).allowed;
}
