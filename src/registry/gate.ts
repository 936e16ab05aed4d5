import type { Action, Denied } from "../access/authorize.ts";
import { actorName, type Principal } from "../auth/principal.ts";
import type { MaybePromise } from "../lib/maybe-promise.ts";
import { basicChallenge, formatBearerChallenge } from "../oci/auth-challenge.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { RequestContext } from "../platform/http/request-context.ts";
import { unknownRepository } from "./unknown.ts";

/** Who a request comes from, and what of it is too much. Made in app.ts. */
export interface Gate {
  /** Throws UNAUTHORIZED. At once for whoever was seen lately. */
  identify(authorization: string | null, address: () => string): MaybePromise<Principal>;
  /** Under which clients reach the registry; null where that is not known. */
  publicOrigin(context: RequestContext): string | null;
  /** Counts, and throws TOOMANYREQUESTS. Returns headers for the answer, or null for none. */
  limit(
    what: "pulls" | "requests",
    principal: Principal,
    address: () => string,
  ): MaybePromise<Record<string, string> | null>;
  /** What `limit` would tell of pulls, without counting one. */
  pullsLeft(
    principal: Principal,
    address: () => string,
  ): MaybePromise<Record<string, string> | null>;
}

/**
 * The answer to who may not. What they may not see and what does not exist are answered alike: who
 * is not known is asked who they are, who is known is told that there is nothing.
 */
export function refusal(
  gate: Gate,
  context: RequestContext,
  asked: { principal: Principal; action: Action; name: RepositoryName | null },
  denied: Denied,
): RegistryError {
  const { principal, action, name } = asked;
  if (principal.kind === "anonymous" || denied.scopeIsShort) {
    const error = denied.scopeIsShort ? "insufficient_scope" : null;
    return new RegistryError("UNAUTHORIZED", {
      headers: { "www-authenticate": challenge(gate, context, scopeOf(action, name), error) },
      ...(name === null ? {} : { detail: { repository: name, action } }),
    });
  }
  if (!denied.visible && action === "repository:pull" && name !== null) {
    return unknownRepository(name);
  }
  return new RegistryError("DENIED", {
    message: denied.visible
      ? denied.reason
      : `${actorName(principal)} may not ${verbOf(action)} ${name ?? "here"}`,
    ...(name === null ? {} : { detail: { repository: name, action } }),
  });
}

/** Adds to an UNAUTHORIZED what the client must bring instead of what it brought. */
export function withChallenge(
  gate: Gate,
  context: RequestContext,
  asked: { action: Action; name: RepositoryName | null } | null,
  error: unknown,
): unknown {
  if (error instanceof RegistryError && error.code === "UNAUTHORIZED") {
    const scope = asked === null ? null : scopeOf(asked.action, asked.name);
    const isBearer = context.request.headers.get("authorization")?.startsWith("Bearer ") === true;
    error.headers["www-authenticate"] ??= challenge(
      gate,
      context,
      scope,
      isBearer ? "invalid_token" : null,
    );
  }
  return error;
}

/**
 * For a push that reads from a second repository as well: clients ask for a token for both when they
 * are told so (distribution's token specification, §Requesting a Token).
 */
export function tokenTooNarrow(
  gate: Gate,
  context: RequestContext,
  into: RepositoryName | null,
  from: RepositoryName,
): RegistryError {
  const scopes = [scopeOf("repository:push", into), scopeOf("repository:pull", from)];
  const scope = scopes.filter((one) => one !== null).join(" ");
  return new RegistryError("UNAUTHORIZED", {
    message: `the token is not for ${from}`,
    headers: { "www-authenticate": challenge(gate, context, scope, "insufficient_scope") },
    detail: { repository: from, action: "repository:pull" },
  });
}

function challenge(
  gate: Gate,
  context: RequestContext,
  scope: string | null,
  error: "invalid_token" | "insufficient_scope" | null,
): string {
  const origin = gate.publicOrigin(context);
  if (origin === null) return basicChallenge;
  const service = origin.slice(origin.indexOf("//") + 2);
  return formatBearerChallenge({ realm: `${origin}/token`, service, scope, error });
}

/** In the token service's words. Who pushes or deletes also reads. */
function scopeOf(action: Action, name: RepositoryName | null): string | null {
  if (action === "registry:list") return "registry:catalog:*";
  if (name === null) return null;
  switch (action) {
    case "repository:push":
      return `repository:${name}:pull,push`;
    case "repository:delete":
      return `repository:${name}:pull,delete`;
    default:
      return `repository:${name}:pull`;
  }
}

function verbOf(action: Action): string {
  return action.slice(action.indexOf(":") + 1).concat(action === "repository:push" ? " to" : "");
}
