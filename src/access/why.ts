import { anonymous, isKnown, type KnownPrincipal, type Principal } from "../auth/principal.ts";
import { findPrincipalByName } from "../auth/principal-store.ts";
import type { Database, Reads } from "../db/database.ts";
import type { PrincipalRow } from "../db/tables.ts";
import type { Clock } from "../lib/clock.ts";
import { excerpt, RegistryError } from "../oci/registry-error.ts";
import { parseRepositoryName, projectOf } from "../oci/repository-name.ts";
import { parseTag } from "../oci/tag.ts";
import { type Action, actions, type Resource } from "./authorize.ts";
import { prepareFactsReads } from "./facts-store.ts";
import {
  describeGrant,
  grantsAbout,
  judge,
  type Misfit,
  misfit,
  type Question,
  type Rule,
} from "./judge.ts";
import { type Grant, noRights, readRights } from "./rights.ts";
import { prepareRightsReads } from "./rights-store.ts";
import { whatKeepsTag } from "./tag-protection.ts";

export interface WhyDeps {
  readonly db: Database;
  readonly clock: Clock;
  readonly projectCreation: "users" | "administrators";
}

export interface WhyQuestion {
  /** The name of a user or a robot; `anonymous` for nobody. */
  readonly user: string;
  /** In full (`repository:push`) or, of a repository, its last word. */
  readonly action: string;
  /** `team/app`, `team/app:v1`, a project's name, or empty for what concerns the whole registry. */
  readonly ref: string;
  /** From where; without it, grants that are bound to addresses do not count. */
  readonly address?: string;
}

/** The answer to `berth access why`. */
export interface Why {
  readonly allowed: boolean;
  readonly user: string;
  readonly action: Action;
  readonly resource: string;
  /** One sentence: what decides, or what is missing. */
  readonly reason: string;
  /** Whether there is such a project or repository now. */
  readonly exists: boolean;
  readonly rule: Rule | "account" | "tag";
  /** The grant that decides. */
  readonly grant: WhyGrant | null;
  /** Other grants of theirs about the resource, and why none of them decides. */
  readonly others: readonly (WhyGrant & { readonly because: string })[];
}

export interface WhyGrant {
  readonly id: string;
  readonly effect: "allow" | "deny";
  readonly pattern: string;
  readonly tagPattern: string | null;
  readonly role: string | null;
  /** The group through which they have it. */
  readonly group: string | null;
  /** Whether it holds in every project. */
  readonly everywhere: boolean;
  readonly expiresAt: number | null;
}

/** Grants of which an answer tells, besides the one that decides. */
const othersMax = 50;

/**
 * Says what decides whether somebody may do something now, by the rules that requests are judged by.
 * Of a push or deletion of a tag that is there, its lock and the rules of the project decide last, as they do then.
 * Credentials that let less through are not looked at. Throws NAME_UNKNOWN for a user, UNSUPPORTED (400) for
 * an action that there is not, and what a bad name throws.
 */
export async function explain(deps: WhyDeps, asked: WhyQuestion): Promise<Why> {
  const action = parseAction(asked.action);
  const resource = parseResource(action, asked.ref);
  const row = await findPrincipalByName(deps.db.reads, asked.user);
  if (row === null && asked.user !== "anonymous") {
    throw new RegistryError("NAME_UNKNOWN", {
      message: `there is no user or robot ${excerpt(asked.user)}`,
    });
  }
  const principal = row === null ? anonymous : toPrincipal(row);
  const question = await ask(deps, principal, action, resource, asked.address ?? null);
  const exists = isThere(question);
  const about = { user: asked.user, action, resource: asked.ref, exists };
  const ended = row === null ? null : whyNotActive(row, question.now);
  if (ended !== null) {
    return { ...about, allowed: false, reason: ended, rule: "account", grant: null, others: [] };
  }
  const { decision, rule, grant, reason } = judge(question);
  const kept = decision.allowed ? await whyTagStays(deps.db.reads, question) : null;
  const others = grantsAbout(question, action)
    .filter(({ id }) => id !== grant?.id)
    .slice(0, othersMax)
    .map((other) => ({ ...toWhyGrant(other), because: whyNot(other, question, grant) }));
  const decides = grant === null ? null : toWhyGrant(grant);
  if (kept !== null) {
    return { ...about, allowed: false, reason: kept, rule: "tag", grant: decides, others };
  }
  return { ...about, allowed: decision.allowed, reason, rule, grant: decides, others };
}

async function ask(
  { db, clock, projectCreation }: WhyDeps,
  principal: Principal,
  action: Action,
  resource: Resource,
  address: string | null,
): Promise<Question> {
  const facts = await prepareFactsReads(db).of(resource);
  const reads = prepareRightsReads(db);
  const projectId = facts.project?.id ?? null;
  return {
    principal,
    action,
    resource,
    facts,
    rights: isKnown(principal) ? await readRights(reads, principal.id, projectId) : noRights,
    projectCreation,
    now: clock.now(),
    address: () => address ?? "an address that was not given",
  };
}

async function whyTagStays(reads: Reads, { action, resource, facts }: Question) {
  const { repository } = facts;
  if (resource.kind !== "repository" || resource.tag == null || repository === null) return null;
  if (action !== "repository:push" && action !== "repository:delete") return null;
  const place = { repositoryId: repository.id, repository: resource.name };
  const change = action === "repository:push" ? "push" : "delete";
  return await whatKeepsTag(reads, place, resource.tag, change);
}

function isThere({ resource, facts }: Question): boolean {
  if (resource.kind === "registry") return true;
  return (resource.kind === "project" ? facts.project : facts.repository) !== null;
}

function parseAction(text: string): Action {
  const known = actions.find((action) => action === text || action === `repository:${text}`);
  if (known !== undefined) return known;
  throw new RegistryError("UNSUPPORTED", {
    status: 400,
    message: `there is no action ${JSON.stringify(excerpt(text))}: there are ${actions.join(", ")}`,
  });
}

function parseResource(action: Action, ref: string): Resource {
  const [kind] = action.split(":");
  if (kind !== "repository" && kind !== "project") return { kind: "registry" };
  if (ref === "") {
    throw new RegistryError("NAME_INVALID", {
      message: `${action} is about one ${kind}: name it, such as ${kind === "project" ? "team" : "team/app or team/app:v1"}`,
    });
  }
  // Of a project's name the first component is meant, of `team/app:v1` a tag.
  const colon = ref.indexOf(":");
  const name = parseRepositoryName(colon === -1 ? ref : ref.slice(0, colon));
  if (kind === "project") return { kind, name: projectOf(name) };
  return colon === -1 ? { kind, name } : { kind, name, tag: parseTag(ref.slice(colon + 1)) };
}

/** As one who signed in with a password: no credential lets less through. */
function toPrincipal(row: PrincipalRow): KnownPrincipal {
  return {
    kind: row.kind,
    id: row.id,
    name: row.name,
    generation: row.generation,
    administrator: row.administrator === 1,
    credentialId: null,
    credentialKind: row.kind === "robot" ? "secret" : "password",
    scope: null,
  };
}

function whyNotActive(row: PrincipalRow, now: number): string | null {
  if (row.state !== "active") return `${row.name} is ${row.state}`;
  if (row.expires_at !== null && row.expires_at <= now) {
    return `${row.name} ended at ${new Date(row.expires_at).toISOString()}`;
  }
  return null;
}

const misfits: Record<Misfit, string> = {
  action: "it is not about this action",
  pattern: "its pattern does not fit",
  tag: "its pattern of tags does not fit",
  expired: "its time is over",
  address: "it is bound to other addresses",
};

function whyNot(grant: Grant, question: Question, decides: Grant | null): string {
  const reason = misfit(grant, question, question.action);
  if (reason !== null) return misfits[reason];
  return decides === null ? "something else decides" : `${describeGrant(decides)} decides`;
}

function toWhyGrant(grant: Grant): WhyGrant {
  const { id, pattern, tagPattern, role, group, expiresAt } = grant;
  const effect = grant.denies ? "deny" : "allow";
  const everywhere = grant.projectId === null;
  return { id, effect, pattern, tagPattern, role, group, everywhere, expiresAt };
}
