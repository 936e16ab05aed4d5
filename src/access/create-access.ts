import { LRUCache } from "lru-cache";
import { createAccessVersion } from "../auth/access-version-store.ts";
import { isKnown, type Operator, type Principal } from "../auth/principal.ts";
import type { Database } from "../db/database.ts";
import type { Clock } from "../lib/clock.ts";
import type { MaybePromise } from "../lib/maybe-promise.ts";
import type { Access, Action, Decision, Resource } from "./authorize.ts";
import { type Facts, type FactsReads, prepareFactsReads } from "./facts-store.ts";
import { dependsOnTag, grantsAbout, isAboutRepository, judge, type Question } from "./judge.ts";
import { createRememberedDecisions } from "./remembered-decisions.ts";
import { createRights, joinRights, noRights, type Rights } from "./rights.ts";
import { type GrantLines, prepareRightsReads, type RightsReads } from "./rights-store.ts";

/** Repositories whose facts are remembered. */
const factsMax = 20_000;
/** Grants that are remembered, over all principals. One takes some 170 bytes. */
const grantsMax = 100_000;
/** What principals without grants weigh. */
const principalWeight = 4;

export interface AccessDeps {
  readonly db: Database;
  readonly clock: Clock;
  /** Who may create projects: see the setting of this name. */
  readonly projectCreation: "users" | "administrators";
}

/**
 * Decides from memory. What is remembered holds for one version of the rights, which is looked at
 * once a second and after each change of this process. A read that fails is thrown: nobody is allowed
 * anything by a database that does not answer, but what was asked before, for five minutes (`access-version-store.ts`).
 */
export function createAccess({ db, clock, projectCreation }: AccessDeps): Access {
  const version = createAccessVersion(db, clock);
  const memory = createMemory(prepareFactsReads(db), prepareRightsReads(db));
  let remembered = -1;

  function refresh(): MaybePromise<void> {
    const current = version.current();
    return current instanceof Promise ? current.then(hold) : hold(current);
  }

  function hold(current: number): void {
    if (current === remembered) return;
    memory.forget();
    remembered = current;
  }

  function decideNow(asked: Asked): MaybePromise<Decision> {
    const { principal, action, resource } = asked;
    const known =
      resource.kind === "repository" && !resource.gone
        ? memory.decisions.get(principal, action, resource)
        : undefined;
    if (known !== undefined && (known.until === null || clock.now() < known.until)) {
      return known.decision;
    }
    return decideAnew(asked);
  }

  async function decideAnew(asked: Asked): Promise<Decision> {
    const { decision, isOfOwnProject } = await judgeNow(asked);
    if (decision.allowed || !isOfOwnProject) return decision;
    // A project comes with its maker's rights. What is remembered of these may be from before, while
    // another request of the same push made it: clients send several blobs at once.
    const before = remembered;
    version.changed();
    await refresh();
    return remembered === before ? decision : (await judgeNow(asked)).decision;
  }

  async function judgeNow({
    principal,
    action,
    resource,
    address,
  }: Asked): Promise<{ decision: Decision; isOfOwnProject: boolean }> {
    let askedAddress = false;
    const asOf = memory.age();
    const isRemembered = memory.remembersFactsOf(resource);
    const facts = await memory.factsOf(resource);
    const question: Question = {
      principal,
      action,
      resource,
      facts,
      rights: await memory.rightsOf(principal, facts.project?.id ?? null),
      projectCreation,
      now: clock.now(),
      address() {
        askedAddress = true;
        return address();
      },
    };
    const { decision } = judge(question);
    const isOfOwnProject = isMaker(principal, facts);
    if (!decision.allowed && !decision.visible) {
      // What one may not see takes as long as what is not there, of which nothing is remembered.
      if (isRemembered) await memory.readFactsOf(resource);
      return { decision, isOfOwnProject };
    }
    // What is not there yet may be made at any time, without a word to who remembers. And what was
    // read before a change that is known by now is not remembered after it.
    const isLasting = facts.repository !== null && !askedAddress && asOf === memory.age();
    if (isLasting && isAboutRepository(resource, action) && !resource.gone) {
      memory.decisions.set(principal, action, resource, {
        decision,
        until: earliestEnd(question),
        dependsOnTag: dependsOnTag(question),
      });
    }
    return { decision, isOfOwnProject };
  }

  return {
    decide(principal, action, resource, address) {
      if (principal.kind === "operator") return { allowed: true };
      const asked = { principal, action, resource, address };
      const refreshed = refresh();
      if (refreshed instanceof Promise) return refreshed.then(() => decideNow(asked));
      return decideNow(asked);
    },
    changed() {
      version.changed();
      // The change may be one that does not count as a version, such as a project made by a push.
      remembered = -1;
    },
  };
}

interface Asked {
  readonly principal: Exclude<Principal, Operator>;
  readonly action: Action;
  readonly resource: Resource;
  readonly address: () => string;
}

function isMaker(principal: Asked["principal"], { project }: Facts): boolean {
  return principal.kind !== "anonymous" && project?.createdBy === principal.id;
}

/** Stands for rights that are read by project. */
const manyRights: Rights = { ...noRights };

function createMemory(factsReads: FactsReads, rightsReads: RightsReads) {
  const decisions = createRememberedDecisions();
  const facts = new LRUCache<string, Facts>({ max: factsMax });
  const rights = new LRUCache<string, Rights>({
    maxSize: grantsMax,
    sizeCalculation: (value) => value.size + principalWeight,
  });
  let roles: ReadonlyMap<string, string> | null = null;
  let age = 0;

  /** Remembers what `read` gives, unless everything was forgotten while it was read. */
  async function remember<Value extends {}>(
    cache: LRUCache<string, Value>,
    key: string,
    read: () => Promise<Value>,
  ): Promise<Value> {
    const known = cache.get(key);
    if (known !== undefined) return known;
    const asOf = age;
    const found = await read();
    if (asOf === age) cache.set(key, found);
    return found;
  }

  async function knownRoles(): Promise<ReadonlyMap<string, string>> {
    if (roles !== null) return roles;
    const asOf = age;
    const found = await rightsReads.roles();
    if (asOf === age) roles = found;
    return found;
  }

  async function read(grants: Promise<GrantLines>): Promise<Rights> {
    return createRights(await grants, await knownRoles());
  }

  function rightsIn(principalId: string, projectId: string | null): Promise<Rights> {
    return remember(rights, `${principalId} ${projectId ?? ""}`, () =>
      read(rightsReads.grantsIn(principalId, projectId)),
    );
  }

  async function allRightsOf(principalId: string): Promise<Rights> {
    return (await rightsReads.hasMany(principalId))
      ? manyRights
      : read(rightsReads.grantsOf(principalId));
  }

  return {
    decisions,
    /** Goes up with each `forget`. */
    age: () => age,
    forget(): void {
      age += 1;
      decisions.forget();
      facts.clear();
      rights.clear();
      roles = null;
    },
    async factsOf(resource: Resource): Promise<Facts> {
      if (resource.kind !== "repository" || resource.gone) return factsReads.of(resource);
      const known = facts.get(resource.name);
      if (known !== undefined) return known;
      const asOf = age;
      const found = await factsReads.of(resource);
      if (found.repository !== null && asOf === age) facts.set(resource.name, found);
      return found;
    },
    readFactsOf: factsReads.of,
    remembersFactsOf: (resource: Resource) =>
      resource.kind === "repository" && !resource.gone && facts.has(resource.name),
    /** Enough of them to judge what lies in the project; null: what lies in none. */
    async rightsOf(principal: Principal, projectId: string | null): Promise<Rights> {
      if (!isKnown(principal)) return noRights;
      const { id } = principal;
      const all = await remember(rights, id, () => allRightsOf(id));
      if (all !== manyRights) return all;
      // Whoever has a project can give others, unasked, as many grants in it as they like: these must
      // be in nobody's way elsewhere.
      const everywhere = await rightsIn(id, null);
      if (projectId === null) return everywhere;
      return joinRights(await rightsIn(id, projectId), everywhere);
    },
  };
}

function earliestEnd(question: Question): number | null {
  let earliest: number | null = null;
  for (const { expiresAt } of grantsAbout(question, question.action)) {
    if (expiresAt === null || expiresAt <= question.now) continue;
    if (earliest === null || expiresAt < earliest) earliest = expiresAt;
  }
  return earliest;
}
