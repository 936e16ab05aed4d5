import { LRUCache } from "lru-cache";
import type { IssuedFor, Principal, Scope, ScopeEntry } from "../auth/principal.ts";
import { type Action, projectNameOf, type Resource } from "./authorize.ts";
import type { Facts } from "./facts-store.ts";
import { compilePattern, coversProject, type Matcher } from "./pattern.ts";

export interface ScopeQuestion {
  readonly action: Action;
  readonly resource: Resource;
  readonly facts: Facts;
  /** Null for an anonymous one. */
  readonly principalId: string | null;
  /** A push that makes the project it goes into. */
  readonly createsProject: boolean;
}

/** The pattern of an entry for what is not a repository. */
export const registryPattern = "*";

/**
 * Whether a credential lets through what its holder may do. Asking whether the registry is there
 * takes no scope: clients do it with whatever token they have. With one for some repositories one may
 * list these.
 */
export function scopeCovers(scope: Scope | null, question: ScopeQuestion): boolean {
  if (scope === null || question.action === "registry:ping") return true;
  return scope.some(
    (entry) =>
      entryCovers(entry, question) &&
      // What was issued while there was no project was so for who may make it.
      (!question.createsProject ||
        entry.issuedFor !== undefined ||
        scope.some((other) => coversCreation(other, question.resource))),
  );
}

function entryCovers(entry: ScopeEntry, question: ScopeQuestion): boolean {
  const { action, resource } = question;
  switch (action) {
    case "registry:ping":
      return true;
    case "registry:list":
      return listsEverything(entry) || entry.actions.includes("repository:pull");
    case "account:manage":
    case "system:manage":
      return entry.pattern === registryPattern && entry.actions.includes(action);
    case "project:create":
      return coversCreation(entry, resource);
    default:
      return (
        entry.actions.includes(action) &&
        fits(entry.pattern, resource) &&
        isStillMeant(entry.issuedFor, question)
      );
  }
}

/** What the credential lets through, and what the registry token that was issued for it does. */
export function scopesOf(principal: Principal): { own: Scope | null; token: Scope | null } {
  switch (principal.kind) {
    case "operator":
      return { own: null, token: null };
    case "anonymous":
      return { own: null, token: principal.scope };
    default:
      return { own: principal.scope, token: principal.token ?? null };
  }
}

/**
 * Who is asked about when repositories are listed. A registry token for the catalog names no
 * repositories: with it all is shown that its holder's credential lets through.
 */
export function asListing(principal: Principal): Principal {
  if (!scopesOf(principal).token?.some(listsEverything)) return principal;
  let listing = listings.get(principal);
  if (listing === undefined) {
    listing = withoutToken(principal);
    listings.set(principal, listing);
  }
  return listing;
}

function withoutToken(principal: Principal): Principal {
  if (principal.kind === "operator") return principal;
  if (principal.kind === "anonymous") return { ...principal, scope: null };
  const { token: _, ...holder } = principal;
  return holder;
}

const listings = new WeakMap<Principal, Principal>();

function listsEverything({ pattern, actions }: ScopeEntry): boolean {
  return pattern === registryPattern && actions.includes("registry:list");
}

function fits(pattern: string, resource: Resource): boolean {
  if (pattern === registryPattern) return false;
  switch (resource.kind) {
    case "registry":
      return false;
    case "project":
      return coversProject(pattern, resource.name);
    case "repository":
      return matcherOf(pattern)(resource.name);
  }
}

/** Creating takes a scope that was not narrowed to some repositories, or one that says so. */
function coversCreation(entry: ScopeEntry, resource: Resource): boolean {
  if (entry.issuedFor !== undefined) return false;
  if (entry.actions.includes("project:create")) {
    if (entry.pattern === "**") return true;
    const project = projectNameOf(resource);
    return project !== null && coversProject(entry.pattern, project);
  }
  return entry.pattern === "**" && entry.actions.includes("repository:push");
}

/**
 * Whether the names still mean what they meant when the token was issued. What did not exist then may
 * since have been made by its holder, not by anybody else.
 */
function isStillMeant(issuedFor: IssuedFor | undefined, question: ScopeQuestion): boolean {
  if (issuedFor === undefined) return true;
  const { facts, principalId } = question;
  const madeSince = (made: { createdBy: string | null; createdAt: number } | null) =>
    made === null ||
    (principalId !== null && made.createdBy === principalId && made.createdAt >= issuedFor.at);
  const sameProject =
    issuedFor.projectId === null
      ? madeSince(facts.project)
      : facts.project?.id === issuedFor.projectId;
  if (!sameProject) return false;
  // A token can be had for what has the name now: rights alone judge what was deleted.
  if (question.resource.kind === "repository" && question.resource.gone) return true;
  return issuedFor.repositoryId === null
    ? madeSince(facts.repository)
    : facts.repository?.id === issuedFor.repositoryId;
}

const matchers = new LRUCache<string, Matcher>({ max: 5_000 });

function matcherOf(pattern: string): Matcher {
  let matcher = matchers.get(pattern);
  if (matcher === undefined) {
    matcher = compilePattern(pattern);
    matchers.set(pattern, matcher);
  }
  return matcher;
}
