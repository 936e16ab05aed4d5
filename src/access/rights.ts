import { LRUCache } from "lru-cache";
import { assert } from "../lib/assert.ts";
import { createAddressMatcher } from "../platform/ip-address.ts";
import { parseRanges } from "./facts-store.ts";
import { compilePattern, type Matcher } from "./pattern.ts";
import { type GrantLines, parseGrant, type RightsReads, type StoredGrant } from "./rights-store.ts";
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
 * few of many. Each is made ready when it is first looked at: until then it is a line of one text and
 * two numbers, which memory and its collector hardly notice. `about` throws for a grant that is not
 * what a store writes: what it was meant to forbid is not known.
 */
export function createRights(lines: GrantLines, roles: ReadonlyMap<string, string>): Rights {
  if (lines === "") return noRights;
  const starts = startsOf(lines);
  const byBeginning = createIndex(starts.length);
  const byProject = createIndex(starts.length);
  const made = new Map<number, Grant>();

  function lineAt(index: number): string {
    return lines.slice(starts[index], (starts[index + 1] ?? lines.length + 1) - 1);
  }

  function ready(index: number): Grant {
    let grant = made.get(index);
    if (grant === undefined) {
      grant = makeReady(parseGrant(lineAt(index)), roles);
      made.set(index, grant);
    }
    return grant;
  }

  for (let index = 0; index < starts.length; index++) {
    const { projectId, pattern } = parseGrant(lineAt(index));
    const beginning = beginningOf(pattern);
    byBeginning.add(keyOf(projectId, beginning), index);
    byProject.add(keyOf(projectId, firstOf(beginning)), index);
  }
  byBeginning.sort();
  byProject.sort();

  function collect(by: Index, projectId: string | null, keys: readonly string[]): Grant[] {
    const found: Grant[] = [];
    for (const key of keys) {
      for (const project of projectId === null ? [null] : [projectId, null]) {
        for (const index of by.at(keyOf(project, key))) {
          const grant = ready(index);
          // Other keys may have the same number.
          if (grant.projectId === project) found.push(grant);
        }
      }
    }
    return found;
  }

  return {
    size: starts.length,
    about: (projectId, repository) => collect(byBeginning, projectId, beginningsOf(repository)),
    aboutProject: (projectId, project) => collect(byProject, projectId, ["", project]),
  };
}

/** As they are now, with nothing remembered: what holds everywhere, and in the project where there is one. */
export async function readRights(
  reads: RightsReads,
  principalId: string,
  projectId: string | null,
): Promise<Rights> {
  const roles = await reads.roles();
  const everywhere = createRights(await reads.grantsIn(principalId, null), roles);
  if (projectId === null) return everywhere;
  return joinRights(everywhere, createRights(await reads.grantsIn(principalId, projectId), roles));
}

function startsOf(lines: GrantLines): Uint32Array {
  const starts = [0];
  for (let end = lines.indexOf("\n"); end !== -1; end = lines.indexOf("\n", end + 1)) {
    starts.push(end + 1);
  }
  return Uint32Array.from(starts);
}

function keyOf(projectId: string | null, beginning: string): number {
  return Bun.hash.crc32(`${projectId ?? ""} ${beginning}`);
}

/** Numbers of grants by the 32 bits of their keys. */
interface Index {
  add(key: number, grant: number): void;
  /** After the last `add`. */
  sort(): void;
  at(key: number): readonly number[];
}

/** So many grants have room beside a key in the 53 bits of a number. */
const grantsPerKey = 2 ** 21;

function createIndex(size: number): Index {
  assert(size <= grantsPerKey, `${size} grants are more than anybody may have`);
  const entries = new Float64Array(size);
  let count = 0;
  function placeOf(entry: number): number {
    let [low, high] = [0, entries.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((entries[middle] ?? 0) < entry) low = middle + 1;
      else high = middle;
    }
    return low;
  }
  return {
    add(key, grant) {
      entries[count++] = key * grantsPerKey + grant;
    },
    sort: () => entries.sort(),
    at(key) {
      const first = key * grantsPerKey;
      const found = entries.subarray(placeOf(first), placeOf(first + grantsPerKey));
      return Array.from(found, (entry) => entry - first);
    },
  };
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
