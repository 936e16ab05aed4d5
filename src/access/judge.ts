import { isAdministrator, isKnown, type Principal } from "../auth/principal.ts";
import type { Visibility } from "../db/tables.ts";
import { assertNever } from "../lib/assert.ts";
import { reservedProjectNames } from "../oci/repository-name.ts";
import { type Action, type Decision, projectNameOf, type Resource } from "./authorize.ts";
import type { Facts } from "./facts-store.ts";
import { coversProject, reachesProject } from "./pattern.ts";
import type { Grant, Rights } from "./rights.ts";
import { type ScopeQuestion, scopeCovers, scopesOf } from "./scope.ts";

/** All that a decision depends on. */
export interface Question {
  readonly principal: Principal;
  readonly action: Action;
  readonly resource: Resource;
  /** Of the resource's name; none for the registry itself. */
  readonly facts: Facts;
  readonly rights: Rights;
  readonly projectCreation: "users" | "administrators";
  /** Epoch milliseconds. */
  readonly now: number;
  readonly address: () => string;
}

/** What decided. */
export type Rule =
  | "operator"
  | "administrator"
  | "everybody"
  | "visibility"
  | "project creation"
  | "grant"
  | "deny"
  | "addresses"
  | "reserved name"
  | "scope"
  | "credential"
  | "nothing";

export interface Verdict {
  readonly decision: Decision;
  readonly rule: Rule;
  /** The grant that allowed or denied. */
  readonly grant: Grant | null;
  /** One sentence for people. */
  readonly reason: string;
}

/** A verdict before visibility and the credential's scope are looked at. */
interface Ruling {
  readonly allowed: boolean;
  readonly rule: Rule;
  readonly grant: Grant | null;
  readonly reason: string;
}

/**
 * Who may do what. The rules, in the order in which they are asked:
 *
 * 1. The operator may do everything.
 * 2. A project that is bound to addresses does not exist for requests from elsewhere, whoever asks.
 * 3. Administrators may do everything.
 * 4. A grant that denies decides.
 * 5. A grant that allows decides.
 * 6. Who may read without a grant is said by the visibility of what is there.
 * 7. Whatever was allowed, the credential must let it through; but what everybody may read, nobody is
 *    kept from by what they bring.
 */
export function judge(question: Question): Verdict {
  const { principal, action, resource, facts } = question;
  if (principal.kind === "operator") {
    const reason = "the operator of the server may do everything";
    return { decision: { allowed: true }, rule: "operator", grant: null, reason };
  }
  const { project } = facts;
  if (project !== null && project.isReachedFrom?.(question.address()) === false) {
    return unseen("addresses", `the project is not reached from ${question.address()}`);
  }
  const ruling = rule(question, action);
  const asked = toScopeQuestion(question);
  const { own, token } = scopesOf(principal);
  // What the credential was not made for it must not tell of either.
  const maySee = () => {
    const read = reading(resource);
    if (!rule(question, read).allowed) return false;
    return isPublic(question) || scopeCovers(own, { ...asked, action: read });
  };
  const isOpenToAll = action === reading(resource) && isPublic(question);
  if (!ruling.allowed) {
    // There is nothing under a reserved name that could be hidden.
    const visible = ruling.rule === "reserved name" || (action !== reading(resource) && maySee());
    return { ...ruling, decision: { ...denied(ruling.reason), visible } };
  }
  if (!isOpenToAll && !scopeCovers(own, asked)) {
    const reason = `${ruling.reason}, but the credential is not for it`;
    const visible = maySee();
    return {
      decision: { ...denied(reason), visible },
      rule: "scope",
      grant: ruling.grant,
      reason,
    };
  }
  if (!isOpenToAll && !scopeCovers(token, asked)) {
    const reason = `${ruling.reason}, but the token is not for it`;
    const visible = rule(question, reading(resource)).allowed;
    const decision = { ...denied(reason), visible, scopeIsShort: true };
    return { decision, rule: "scope", grant: ruling.grant, reason };
  }
  const decision: Decision =
    resource.kind === "registry"
      ? { allowed: true }
      : { allowed: true, projectId: project?.id ?? null };
  return { ...ruling, decision };
}

/** What one must be allowed to know that the resource exists. */
function reading(resource: Resource): Action {
  switch (resource.kind) {
    case "registry":
      return "registry:ping";
    case "project":
      return "project:read";
    case "repository":
      return "repository:pull";
    default:
      return assertNever(resource);
  }
}

/** The rights alone: neither the scope nor the project's addresses. */
function rule(question: Question, action: Action): Ruling {
  const { principal, resource } = question;
  switch (action) {
    case "registry:ping":
    case "registry:list":
    case "account:manage":
    case "system:manage":
      return ruleOnRegistry(principal, action);
    case "project:create":
      return ruleOnCreation(question);
    default:
      if (resource.kind === "registry") return no("nothing", `${action} is about a repository`);
      if (!isAdministrator(principal)) return ruleByGrants(question, action);
      if (makesProject(question, action)) return ruleOnCreation(question);
      return yes("administrator", "administrators may do everything");
  }
}

function ruleOnRegistry(principal: Principal, action: Action): Ruling {
  switch (action) {
    case "registry:ping":
      return isKnown(principal)
        ? yes("everybody", "whoever signed in may ask")
        : no("nothing", "nobody signed in");
    case "registry:list":
      return isKnown(principal)
        ? yes("everybody", "whoever signed in may list what they may see")
        : no("nothing", "nobody signed in");
    case "account:manage":
      // A token must not mint tokens: it would outlive its own end.
      if (principal.kind !== "user") return no("nothing", "only users have an account to manage");
      return principal.credentialKind === "password" || principal.credentialKind === "session"
        ? yes("everybody", "users manage their own account")
        : no(
            "credential",
            "an account is managed with its password or a session, not with a token",
          );
    default:
      return isAdministrator(principal)
        ? yes("administrator", "administrators may do everything")
        : no("nothing", "only administrators may");
  }
}

function ruleByGrants(question: Question, action: Action): Ruling {
  const grants = grantsAbout(question, action).filter(
    (grant) => misfit(grant, question, action) === null,
  );
  const denying = grants.find((grant) => grant.denies);
  if (denying !== undefined) return denyBy(denying, action);
  if (makesProject(question, action)) return ruleOnCreation(question);
  const allowing = grants[0];
  if (allowing !== undefined) return allowBy(allowing, action);
  return ruleByVisibility(question, action);
}

/** Whether it is a push that makes the project it goes into. */
function makesProject({ resource, facts }: Question, action: Action): boolean {
  return facts.project === null && resource.kind === "repository" && action === "repository:push";
}

/** What is not there is as visible as what is private: else the difference would tell them apart. */
function visibilityOf({ resource, facts }: Question): Visibility {
  const { project, repository } = facts;
  switch (resource.kind) {
    case "registry":
      return "private";
    case "project":
      return project?.visibility ?? "private";
    case "repository":
      return repository?.visibility ?? "private";
    default:
      return assertNever(resource);
  }
}

function isPublic(question: Question): boolean {
  return visibilityOf(question) === "public";
}

function ruleByVisibility(question: Question, action: Action): Ruling {
  const { principal, resource } = question;
  const visibility = visibilityOf(question);
  const reads = action === "repository:pull" || action === "project:read";
  if (reads && action === reading(resource) && visibility === "public") {
    return yes("visibility", `everybody may read: the ${resource.kind} is public`);
  }
  if (reads && action === reading(resource) && visibility === "internal" && isKnown(principal)) {
    return yes("visibility", `whoever signed in may read: the ${resource.kind} is internal`);
  }
  const what = resource.kind === "registry" ? "the registry" : resource.name;
  return no("nothing", `no grant gives ${action} on ${what}`);
}

function ruleOnCreation(question: Question): Ruling {
  const { principal, resource, projectCreation } = question;
  const name = projectNameOf(resource);
  if (name !== null && reservedProjectNames.has(name)) {
    return no("reserved name", `the name ${name} is kept for the registry`);
  }
  if (isAdministrator(principal)) return yes("administrator", "administrators may do everything");
  const about = name === null ? [] : question.rights.aboutProject(null, name);
  const grants = about.filter((grant) => misfit(grant, question, "project:create") === null);
  const denying = grants.find((grant) => grant.denies);
  if (denying !== undefined) return denyBy(denying, "project:create");
  const allowing = grants[0];
  if (allowing !== undefined) return allowBy(allowing, "project:create");
  if (projectCreation === "users" && principal.kind === "user") {
    return yes("project creation", "users may create projects");
  }
  return no(
    "nothing",
    name === null ? "may not create projects" : `may not create the project ${name}`,
  );
}

/** The grants that may speak of the action and the resource. */
export function grantsAbout(
  { resource, facts, rights }: Question,
  action: Action,
): readonly Grant[] {
  const projectId = facts.project?.id ?? null;
  if (isAboutRepository(resource, action)) return rights.about(projectId, resource.name);
  const project = projectNameOf(resource);
  return project === null ? [] : rights.aboutProject(projectId, project);
}

type RepositoryResource = Extract<Resource, { kind: "repository" }>;

export function isAboutRepository(
  resource: Resource,
  action: Action,
): resource is RepositoryResource {
  return resource.kind === "repository" && action.startsWith("repository:");
}

/** Why a grant says nothing about the action. */
export type Misfit = "action" | "pattern" | "tag" | "expired" | "address";

/** Null for a grant that does say something. `address` is asked for last, and only where it matters. */
export function misfit(grant: Grant, question: Question, action: Action): Misfit | null {
  const { resource } = question;
  if (!grant.gives.has(action)) return "action";
  if (!fitsResource(grant, resource, action)) return "pattern";
  if (resource.kind === "repository" && !fitsTag(grant, action, resource.tag)) return "tag";
  if (grant.expiresAt !== null && grant.expiresAt <= question.now) return "expired";
  if (grant.holdsFor !== null && !grant.holdsFor(question.address())) return "address";
  return null;
}

/**
 * About a project speaks only what covers all of it. But whoever may see something in it may see the
 * project.
 */
function fitsResource(grant: Grant, resource: Resource, action: Action): boolean {
  if (isAboutRepository(resource, action)) return grant.fitsName(resource.name);
  const project = projectNameOf(resource);
  if (project === null) return false;
  return action === "project:read" && !grant.denies
    ? reachesProject(grant.pattern, project)
    : coversProject(grant.pattern, project);
}

/** Whether the question could have another answer for another tag of the repository. */
export function dependsOnTag(question: Question): boolean {
  const { action } = question;
  return tagActions.has(action) && grantsAbout(question, action).some((grant) => grant.fitsTag);
}

function fitsTag(grant: Grant, action: Action, tag: string | null | undefined): boolean {
  if (grant.fitsTag === null || !tagActions.has(action)) return true;
  // Whether anything may be done there: some tag may.
  if (tag === undefined) return !grant.denies;
  // By digest any tag may be hit: one that is not given as well as one that is denied.
  if (tag === null) return grant.denies;
  return grant.fitsTag(tag);
}

/** What a pattern of tags narrows; reading is never by tag. */
const tagActions: ReadonlySet<Action> = new Set([
  "repository:push",
  "repository:delete",
  "repository:lock",
]);

function toScopeQuestion(question: Question): ScopeQuestion {
  const { principal, action, resource, facts } = question;
  return {
    action,
    resource,
    facts,
    principalId: isKnown(principal) ? principal.id : null,
    createsProject: makesProject(question, action),
  };
}

function allowBy(grant: Grant, action: Action): Ruling {
  const reason = `${describeGrant(grant)} gives ${action} on ${grant.pattern}`;
  return { allowed: true, rule: "grant", grant, reason };
}

function denyBy(grant: Grant, action: Action): Ruling {
  const reason = `${describeGrant(grant)} denies ${action} on ${grant.pattern}`;
  return { allowed: false, rule: "deny", grant, reason };
}

/** `the role ci through the group builders`. */
export function describeGrant(grant: Grant): string {
  const by = grant.role === null ? "a grant" : `the role ${grant.role}`;
  return grant.group === null ? by : `${by} through the group ${grant.group}`;
}

function yes(rule: Rule, reason: string): Ruling {
  return { allowed: true, rule, grant: null, reason };
}

function no(rule: Rule, reason: string): Ruling {
  return { allowed: false, rule, grant: null, reason };
}

function denied(reason: string) {
  return { allowed: false, visible: false, scopeIsShort: false, reason } as const;
}

function unseen(rule: Rule, reason: string): Verdict {
  return { decision: denied(reason), rule, grant: null, reason };
}
