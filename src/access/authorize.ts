import type { Principal } from "../auth/principal.ts";
import type { RepositoryName } from "../oci/repository-name.ts";

/** What a request wants to do. Every route names one. */
export type Action =
  | "registry:ping"
  | "registry:list"
  | "repository:pull"
  | "repository:push"
  | "repository:delete";

/** What it wants to do it to. */
export type Resource =
  | { readonly kind: "registry" }
  | { readonly kind: "repository"; readonly name: RepositoryName };

export type Decision = { readonly allowed: true } | { readonly allowed: false; reason: string };

const allowed: Decision = { allowed: true };

/**
 * Whether a principal may do something to a resource. Open mode: everybody may do everything, which
 * is why the server listens on loopback alone unless it was told that the network is the guard.
 */
export function authorize(_principal: Principal, _action: Action, _resource: Resource): Decision {
  return allowed;
}
