import { afterAll, beforeAll, expect, test } from "bun:test";
import fc from "fast-check";
import {
  type AccessWorld,
  type Known,
  openAccessWorld,
  projectNamed,
  repositoryOf,
} from "../../test/support/access-world.ts";
import type { GrantRow, Visibility } from "../db/tables.ts";
import { uuidv7 } from "../lib/random.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { Tag } from "../oci/tag.ts";
import type { Resource } from "./authorize.ts";

// Random grants, judged as requests are, against the plainest reading of the rules: no index, no
// cache, no compiled pattern.

const groups = ["one", "two"];
const projects = ["team", "other"];
const repositories = ["team", "team/app", "team/lib/x", "other/app"];
const names = [...repositories, "team/missing", "other/lib/y"];
const actions = [
  "repository:pull",
  "repository:push",
  "repository:delete",
  "project:read",
  "project:manage",
] as const;
const addresses = ["10.0.0.1", "10.9.0.1", "fd00::1"];

interface Plain {
  readonly effect: "allow" | "deny";
  readonly to: "ada" | "bob" | "one" | "two";
  readonly project: "team" | "other" | null;
  readonly pattern: string;
  readonly tags: string | null;
  readonly gives: readonly string[];
  readonly cidr: string | null;
  /** Seconds from now. */
  readonly ends: number | null;
}

const plain: fc.Arbitrary<Plain> = fc.record({
  effect: fc.constantFrom("allow", "allow", "allow", "deny"),
  to: fc.constantFrom("ada", "ada", "one", "two", "bob"),
  project: fc.constantFrom("team", "other", null),
  pattern: fc.constantFrom(
    ...["**", "*", "team", "team/*", "team/**", "team/app", "team/l*/x", "*/app", "**/x", "te*/**"],
    ...["other/**", "other/app", "**/app", "team/lib/**"],
  ),
  tags: fc.constantFrom(null, null, "v*", "*-dev", "v1"),
  gives: fc.subarray([...actions], { minLength: 1 }),
  cidr: fc.constantFrom(null, null, "10.0.0.0/16", "fd00::/8"),
  ends: fc.constantFrom(null, null, -5, 0, 30),
});

interface Asked {
  readonly action: (typeof actions)[number];
  readonly name: string;
  readonly tag: string | null | undefined;
  readonly address: string;
}

const asked: fc.Arbitrary<Asked> = fc.record({
  action: fc.constantFrom(...actions),
  name: fc.constantFrom(...names),
  tag: fc.constantFrom(undefined, null, "v1", "v2-dev", "x"),
  address: fc.constantFrom(...addresses),
});

const visibility = fc.constantFrom<Visibility>("private", "private", "internal", "public");

interface Setting {
  readonly grants: readonly Plain[];
  readonly memberOf: readonly string[];
  readonly visibilities: readonly Visibility[];
  readonly own: readonly (Visibility | null)[];
  readonly cidr: string | null;
}

const setting: fc.Arbitrary<Setting> = fc.record({
  grants: fc.array(plain, { maxLength: 8 }),
  memberOf: fc.subarray(groups),
  visibilities: fc.array(visibility, { minLength: 2, maxLength: 2 }),
  own: fc.array(fc.option(visibility), { minLength: 4, maxLength: 4 }),
  cidr: fc.constantFrom(null, null, null, "10.0.0.0/16"),
});

let world: AccessWorld;
let ada: Known;
const ids: Record<string, string> = {};

beforeAll(async () => {
  world = await openAccessWorld();
  ada = await world.addUser("ada");
  ids["ada"] = ada.id;
  ids["bob"] = (await world.addUser("bob")).id;
  for (const group of groups) ids[group] = await world.addGroup(group);
  for (const project of projects) ids[`project ${project}`] = await world.addProject(project);
  for (const name of repositories) await world.addRepository(name);
});
afterAll(() => world.close());

test("decisions are those of the plainest reading of the rules", async () => {
  await fc.assert(
    fc.asyncProperty(
      setting,
      fc.array(asked, { minLength: 12, maxLength: 12 }),
      async (set, asks) => {
        await store(set);
        // Asked twice, since the second answer is remembered; and again when some grants have ended.
        for (const seconds of [0, 0, 31]) {
          world.clock.pass(seconds * 1000);
          for (const ask of asks) {
            const got = await judged(ask);
            const wanted = allows(set, ask, seconds);
            const seen =
              wanted || allows(set, { ...ask, action: reading(ask), tag: undefined }, seconds);
            expect({ ask, seconds, ...got }).toEqual({
              ask,
              seconds,
              allowed: wanted,
              visible: seen && reached(set, ask),
            });
          }
        }
      },
    ),
    { numRuns: 100 },
  );
});

async function judged({
  action,
  name,
  tag,
  address,
}: Asked): Promise<{ allowed: boolean; visible: boolean }> {
  const repository = {
    ...repositoryOf(name),
    ...(tag === undefined ? {} : { tag: tag as Tag | null }),
  };
  const about = action.startsWith("project:")
    ? projectNamed(projectOf(name))
    : (repository as Resource);
  const decision = await world.access.decide(ada, action, about, () => address);
  return { allowed: decision.allowed, visible: decision.allowed || decision.visible };
}

async function store(set: Setting): Promise<void> {
  const now = world.clock.now();
  await world.change(async (tx) => {
    await tx.deleteFrom("grants").execute();
    await tx.deleteFrom("group_members").execute();
    for (const grant of set.grants)
      await tx.insertInto("grants").values(toRow(grant, now)).execute();
    for (const group of set.memberOf) {
      const member = { group_id: ids[group] ?? "", principal_id: ada.id };
      await tx.insertInto("group_members").values(member).execute();
    }
    for (const [index, project] of projects.entries()) {
      await tx
        .updateTable("projects")
        .set({
          visibility: set.visibilities[index] ?? "private",
          cidrs: project === "team" && set.cidr !== null ? JSON.stringify([set.cidr]) : "[]",
        })
        .where("id", "=", ids[`project ${project}`] ?? "")
        .execute();
    }
    for (const [index, name] of repositories.entries()) {
      await tx
        .updateTable("repositories")
        .set({ visibility: set.own[index] ?? null })
        .where("name", "=", name as RepositoryName)
        .execute();
    }
  });
  world.access.changed();
}

function toRow(grant: Plain, now: number): GrantRow {
  const isGroup = groups.includes(grant.to);
  return {
    id: uuidv7(),
    effect: grant.effect,
    subject_kind: isGroup ? "group" : "principal",
    subject_id: ids[grant.to] ?? "",
    project_id: grant.project === null ? null : (ids[`project ${grant.project}`] ?? ""),
    pattern: grant.pattern,
    tag_pattern: grant.tags,
    role: null,
    actions: JSON.stringify(grant.gives),
    cidrs: grant.cidr === null ? "[]" : JSON.stringify([grant.cidr]),
    expires_at: grant.ends === null ? null : now + grant.ends * 1000,
    created_at: now,
    created_by: null,
    version: 1,
  };
}

function allows(set: Setting, ask: Asked, seconds: number): boolean {
  if (!reached(set, ask)) return false;
  const speaking = set.grants.filter((grant) => speaks(set, grant, ask, seconds));
  if (speaking.some((grant) => grant.effect === "deny")) return false;
  if (speaking.length > 0) return true;
  return ask.action === reading(ask) && isOpen(set, ask);
}

function reached(set: Setting, { name, address }: Asked): boolean {
  return projectOf(name) !== "team" || set.cidr === null || inRange(set.cidr, address);
}

function isOpen({ visibilities, own }: Setting, { action, name }: Asked): boolean {
  const ofProject = visibilities[projects.indexOf(projectOf(name))];
  if (action === "project:read") return ofProject !== "private";
  const index = repositories.indexOf(name);
  if (index === -1) return false;
  return ofProject !== "private" && own[index] !== "private";
}

function speaks(set: Setting, grant: Plain, ask: Asked, seconds: number): boolean {
  const { action, name, tag, address } = ask;
  if (grant.to === "bob" || (groups.includes(grant.to) && !set.memberOf.includes(grant.to)))
    return false;
  if (grant.project !== null && grant.project !== projectOf(name)) return false;
  if (!grant.gives.includes(action)) return false;
  if (grant.ends !== null && grant.ends <= seconds) return false;
  if (grant.cidr !== null && !inRange(grant.cidr, address)) return false;
  if (action === "project:manage" || (action === "project:read" && grant.effect === "deny")) {
    const everything = ["", "/q", "/q/q", "/q/q/q/q"].map((rest) => projectOf(name) + rest);
    return everything.every((each) => fits(grant.pattern, each));
  }
  if (action === "project:read") {
    const within = ["", "/app", "/q", "/lib/x", "/lib/q", "/q/x", "/q/app"];
    return within.some((rest) => fits(grant.pattern, projectOf(name) + rest));
  }
  if (!fits(grant.pattern, name)) return false;
  if (grant.tags === null || action === "repository:pull") return true;
  if (tag === undefined) return grant.effect === "allow";
  if (tag === null) return grant.effect === "deny";
  return fits(grant.tags, tag);
}

function reading({ action }: Asked): "project:read" | "repository:pull" {
  return action.startsWith("project:") ? "project:read" : "repository:pull";
}

function projectOf(name: string): string {
  return name.split("/")[0] ?? "";
}

/** As a regular expression, which is plain, and slow where somebody wants it to be. */
function fits(pattern: string, text: string): boolean {
  const source = `/${pattern}`
    .replaceAll("/**", "(?:/!)#")
    .replaceAll("*", "[^/]*")
    .replaceAll("!", "[^/]+")
    .replaceAll("#", "*");
  return new RegExp(`^${source}$`).test(`/${text}`);
}

function inRange(cidr: string, address: string): boolean {
  return cidr === "10.0.0.0/16" ? address.startsWith("10.0.") : address.startsWith("fd");
}
