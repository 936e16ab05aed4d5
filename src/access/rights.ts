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
  assert(starts.length <= grantsPerKey, `${starts.length} grants are more than anybody may have`);
  const made = new Map<number, Grant>();
  const projects = indexed(starts.length, (number) => parseGrant(lineAt(number)));

  function lineAt(number: number): string {
    return lines.slice(starts[number], (starts[number + 1] ?? lines.length + 1) - 1);
  }

  function ready(number: number): Grant {
    let grant = made.get(number);
    if (grant === undefined) {
      grant = makeReady(parseGrant(lineAt(number)), roles);
      made.set(number, grant);
    }
    return grant;
  }

  function collect(by: keyof Index, projectId: string | null, keys: readonly string[]): Grant[] {
    const indexes = [projectId === null ? undefined : projects.get(projectId), projects.get(null)];
    return keys.flatMap((key) =>
      indexes.flatMap((index) => (index === undefined ? [] : at(index[by], key).map(ready))),
    );
  }

  return {
    size: starts.length,
    about: (projectId, repository) => collect("byBeginning", projectId, beginningsOf(repository)),
    aboutProject: (projectId, project) => collect("byProject", projectId, ["", project]),
  };
}

/** As they are now, with nothing remembered: what holds everywhere, and in the project where there is one. */
export async function readRights(
  reads: RightsReads,
  principalId: string,
  projectId: string | null,
): Promise<Rights> {
  const inProject = projectId === null ? "" : await reads.grantsIn(principalId, projectId);
  const everywhere = await reads.grantsIn(principalId, null);
  const lines = [inProject, everywhere].filter((some) => some !== "").join("\n");
  return createRights(lines, await reads.roles());
}

function startsOf(lines: GrantLines): Uint32Array {
  const starts = [0];
  for (let end = lines.indexOf("\n"); end !== -1; end = lines.indexOf("\n", end + 1)) {
    starts.push(end + 1);
  }
  return Uint32Array.from(starts);
}

/** The numbers of a project's grants, each behind the 32 bits of its key, in order. */
interface Index {
  /** By the components of the pattern before its first star, two at most. */
  readonly byBeginning: Float64Array;
  /** By the first of these alone. */
  readonly byProject: Float64Array;
}

/** So many grants have room beside a key in the 53 bits of a number. */
const grantsPerKey = 2 ** 21;

/**
 * Apart by project: keys that one project's owner may choose, to be the same as others, are in nobody's way
 * elsewhere.
 */
function indexed(
  count: number,
  grantAt: (number: number) => StoredGrant,
): ReadonlyMap<string | null, Index> {
  const entries = new Map<string | null, Record<keyof Index, number[]>>();
  for (let number = 0; number < count; number++) {
    const { projectId, pattern } = grantAt(number);
    let own = entries.get(projectId);
    if (own === undefined) {
      own = { byBeginning: [], byProject: [] };
      entries.set(projectId, own);
    }
    const beginning = beginningOf(pattern);
    own.byBeginning.push(firstAt(beginning) + number);
    own.byProject.push(firstAt(firstOf(beginning)) + number);
  }
  const sorted = (numbers: readonly number[]) => Float64Array.from(numbers).sort();
  return new Map(
    [...entries].map(([projectId, { byBeginning, byProject }]) => [
      projectId,
      { byBeginning: sorted(byBeginning), byProject: sorted(byProject) },
    ]),
  );
}

function firstAt(key: string): number {
  return Bun.hash.crc32(key) * grantsPerKey;
}

/** Some may be of another key that has the same 32 bits. */
function at(entries: Float64Array, key: string): number[] {
  const first = firstAt(key);
  const found = entries.subarray(placeOf(entries, first), placeOf(entries, first + grantsPerKey));
  return Array.from(found, (entry) => entry - first);
}

/** Of the first entry that is no less. */
function placeOf(entries: Float64Array, least: number): number {
  let [low, high] = [0, entries.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((entries[middle] ?? 0) < least) low = middle + 1;
    else high = middle;
  }
  return low;
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
    fitsName: compileStored(pattern),
    fitsTag: tagPattern === null ? null : compileStored(tagPattern),
    holdsFor: ranges.length === 0 ? null : createAddressMatcher(ranges),
  };
}

/** Whoever asks is not to blame for what is stored, and is not told of it. */
function compileStored(pattern: string): Matcher {
  try {
    return compilePattern(pattern);
  } catch (cause) {
    throw new Error("the database has a grant on what is no pattern", { cause });
  }
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
