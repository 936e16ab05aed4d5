import { LRUCache } from "lru-cache";
import { assert } from "../lib/assert.ts";
import { createAddressMatcher } from "../platform/ip-address.ts";
import { parseRanges } from "./facts-store.ts";
import { compilePattern, type Matcher } from "./pattern.ts";
import type { StoredGrant } from "./rights-store.ts";
import { builtInRoles, grantableActions, isBuiltInRole } from "./roles.ts";

/** A grant that is ready to be asked. */
export interface Grant extends StoredGrant {
  readonly denies: boolean;
  readonly gives: ReadonlySet<string>;
  readonly fitsName: Matcher;
  readonly fitsTag: Matcher | null;
  /** Null: from anywhere. */
  readonly holdsFor: ((address: string) => boolean) | null;
}

/** What one principal was granted. */
export interface Rights {
  /** How many grants, for caches to weigh. */
  readonly size: number;
  /**
   * Those that may speak of a repository of this name: those of its project, and those that hold in
   * every project. Whether each does is still to be asked.
   */
  about(projectId: string | null, repository: string): readonly Grant[];
  /** Those that may speak of the project itself, or of anything in it. */
  aboutProject(projectId: string | null, project: string): readonly Grant[];
}

export const noRights: Rights = { size: 0, about: () => [], aboutProject: () => [] };

/** Both together: of one principal, read apart. */
export function joinRights(one: Rights, other: Rights): Rights {
  if (one.size === 0 || other.size === 0) return one.size === 0 ? other : one;
  return {
    size: one.size + other.size,
    about: (...asked) => [...one.about(...asked), ...other.about(...asked)],
    aboutProject: (...asked) => [...one.aboutProject(...asked), ...other.aboutProject(...asked)],
  };
}

/**
 * Orders grants by project and by the literal beginning of their pattern, so that a decision looks at
 * few of many. Each is made ready when it is first looked at. `about` throws for a grant that is not
 * what a store writes: what it was meant to forbid is not known.
 */
export function createRights(
  stored: readonly StoredGrant[],
  roles: ReadonlyMap<string, string>,
): Rights {
  if (stored.length === 0) return noRights;
  const projects = new Map<string | null, Index>();
  for (const grant of stored) {
    const index = entry(projects, grant.projectId, makeIndex);
    const slot: Slot = { stored: grant, grant: null };
    const beginning = beginningOf(grant.pattern);
    entry(index.byBeginning, beginning, makeList).push(slot);
    entry(index.byProject, firstOf(beginning), makeList).push(slot);
  }
  const everywhere = projects.get(null);

  function collect(by: keyof Index, projectId: string | null, keys: readonly string[]): Grant[] {
    const own = projectId === null ? undefined : projects.get(projectId);
    const found: Grant[] = [];
    for (const key of keys) {
      for (const slot of own?.[by].get(key) ?? []) found.push(ready(slot, roles));
      for (const slot of everywhere?.[by].get(key) ?? []) found.push(ready(slot, roles));
    }
    return found;
  }

  return {
    size: stored.length,
    about: (projectId, repository) => collect("byBeginning", projectId, beginningsOf(repository)),
    aboutProject: (projectId, project) => collect("byProject", projectId, ["", project]),
  };
}

interface Slot {
  readonly stored: StoredGrant;
  grant: Grant | null;
}

interface Index {
  /** By the components of the pattern before its first star, two at most. */
  readonly byBeginning: Map<string, Slot[]>;
  /** By the first of these alone. */
  readonly byProject: Map<string, Slot[]>;
}

function makeIndex(): Index {
  return { byBeginning: new Map(), byProject: new Map() };
}

function makeList(): Slot[] {
  return [];
}

function ready(slot: Slot, roles: ReadonlyMap<string, string>): Grant {
  slot.grant ??= makeReady(slot.stored, roles);
  return slot.grant;
}

function makeReady(stored: StoredGrant, roles: ReadonlyMap<string, string>): Grant {
  const { effect, pattern, tagPattern } = stored;
  assert(effect === "allow" || effect === "deny", `the database has a grant that does ${effect}`);
  const denies = effect === "deny";
  const ranges = parseRanges(stored.cidrs);
  return {
    ...stored,
    denies,
    gives: actionsOf(stored, roles, denies),
    fitsName: compilePattern(pattern),
    fitsTag: tagPattern === null ? null : compilePattern(tagPattern),
    holdsFor: ranges.length === 0 ? null : createAddressMatcher(ranges),
  };
}

const everything: ReadonlySet<string> = new Set(grantableActions);
const nothing: ReadonlySet<string> = new Set();
/** Sets of actions by their JSON: grants share a few. */
const actionSets = new LRUCache<string, ReadonlySet<string>>({ max: 1_000 });

function actionsOf(
  { role, actions }: StoredGrant,
  roles: ReadonlyMap<string, string>,
  denies: boolean,
): ReadonlySet<string> {
  if (role === null) return setOf(actions ?? "[]");
  if (isBuiltInRole(role)) return setOf(JSON.stringify(builtInRoles[role]));
  const custom = roles.get(role);
  // What a role that is gone gave is not given; what it forbade may be anything.
  if (custom === undefined) return denies ? everything : nothing;
  return setOf(custom);
}

function setOf(json: string): ReadonlySet<string> {
  let set = actionSets.get(json);
  if (set === undefined) {
    const value: unknown = JSON.parse(json);
    assert(
      Array.isArray(value) && value.every((action) => typeof action === "string"),
      "the database has actions that are no list of texts",
    );
    set = new Set(value);
    actionSets.set(json, set);
  }
  return set;
}

function beginningOf(pattern: string): string {
  const star = pattern.indexOf("*");
  if (star === -1) return firstTwo(pattern);
  const end = pattern.lastIndexOf("/", star);
  return end === -1 ? "" : firstTwo(pattern.slice(0, end));
}

/** Under which beginnings a pattern may stand that fits the name. */
function beginningsOf(name: string): readonly string[] {
  const slash = name.indexOf("/");
  return slash === -1 ? ["", name] : ["", name.slice(0, slash), firstTwo(name)];
}

function firstOf(path: string): string {
  const first = path.indexOf("/");
  return first === -1 ? path : path.slice(0, first);
}

function firstTwo(path: string): string {
  const first = path.indexOf("/");
  const second = first === -1 ? -1 : path.indexOf("/", first + 1);
  return second === -1 ? path : path.slice(0, second);
}

function entry<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}
