import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import type { Database, Tx } from "../db/database.ts";
import { migrate } from "../db/migrations/migrate.ts";
import { openSqlite } from "../db/sqlite.ts";
import { systemClock } from "../lib/clock.ts";
import type { Digest } from "../oci/digest.ts";
import type { RegistryError } from "../oci/registry-error.ts";
import type { ProjectName, RepositoryName } from "../oci/repository-name.ts";
import type { Tag } from "../oci/tag.ts";
import { assertTagsMayGo } from "./protected-tag-store.ts";
import { lockTag, unlockTag } from "./tag-lock-store.ts";
import { assertTagMayMove, assertTagsMayMove, retentionMayExpire } from "./tag-protection.ts";
import { compileTagRule, formatTagRule, tagPatternsMax } from "./tag-rule.ts";
import {
  deleteTagRule,
  findTagRule,
  insertTagRule,
  listTagRules,
  type TagRuleFields,
  tagRulesPerProjectMax,
  updateTagRule,
} from "./tag-rule-store.ts";

const [one, two] = ["sha256:1", "sha256:2"] as [Digest, Digest];
const repository = "team/app" as RepositoryName;
const place = { repositoryId: "r1", repository };
const at = (digest: Digest, lockedAt: number | null = null) => ({ digest, lockedAt });
const tagOf = (text: string) => text as Tag;

let folder: string;
let db: Database;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "berth-protection-"));
  db = openSqlite({ file: join(folder, "berth.db"), onFailure() {} });
  await migrate(db, systemClock);
  await db.transaction(async (tx) => {
    await insertProject(tx, "p1", "team", "r1", repository);
    await insertProject(tx, "p2", "other", "r2", "other/app" as RepositoryName);
  });
});

afterAll(async () => {
  await db.close();
  rmSync(folder, { recursive: true });
});

beforeEach(() =>
  db.transaction(async (tx) => {
    await tx.deleteFrom("tag_rules").execute();
    await tx.deleteFrom("tags").execute();
  }),
);

async function insertProject(
  tx: Tx,
  id: string,
  name: string,
  repositoryId: string,
  repositoryName: RepositoryName,
): Promise<void> {
  const made = { state: "live", created_at: 0, created_by: null } as const;
  const project = { id, name: name as ProjectName, generation: 1, ...made };
  await tx.insertInto("projects").values(project).execute();
  const row = { id: repositoryId, project_id: id, name: repositoryName, ...made };
  await tx.insertInto("repositories").values(row).execute();
}

const rule = (fields: Partial<TagRuleFields> = {}) => ({
  projectId: "p1",
  pattern: "**",
  tags: ["v*"],
  exceptTags: [],
  retentionMayExpire: false,
  actor: "u1",
  now: 7,
  ...fields,
});
const addRule = (fields: Partial<TagRuleFields> & { projectId?: string } = {}) =>
  db.transaction((tx) => insertTagRule(tx, rule(fields)));
const addTag = (name: string, digest = one, repositoryId = "r1") =>
  db.transaction((tx) =>
    tx
      .insertInto("tags")
      .values({
        repository_id: repositoryId,
        name: tagOf(name),
        digest,
        version: 1,
        sort_key: name,
        moved_at: 0,
        moved_by: null,
      })
      .execute(),
  );

/** The refusal's message, or null where there is none. */
async function refusal(body: (tx: Tx) => Promise<unknown>): Promise<string | null> {
  try {
    await db.transaction(body);
    return null;
  } catch (error) {
    const { code, status, message } = error as RegistryError;
    return `${status} ${code} ${message}`;
  }
}

const moving = (tag: string, current: ReturnType<typeof at> | null, next: Digest | null) =>
  refusal((tx) => assertTagMayMove(tx, { ...place, tag: tagOf(tag), current, next }));

describe("a tag under a rule", () => {
  test("does not move and does not go, and the refusal names tag and rule", async () => {
    await addRule({ tags: ["v*"], exceptTags: ["v*-dev"] });
    expect(await moving("v1", at(one), two)).toBe(
      '403 DENIED the tag v1 of team/app is immutable by the rule "v*" except "v*-dev": push another tag',
    );
    expect(await moving("v1", at(one), null)).toBe(
      '403 DENIED the tag v1 of team/app is immutable by the rule "v*" except "v*-dev": it cannot be deleted',
    );
  });

  test("may be made, and pushed again as it is", async () => {
    await addRule();
    expect(await moving("v1", null, one)).toBeNull();
    expect(await moving("v1", at(one), one)).toBeNull();
  });

  test("latest is a name like any other", async () => {
    await addRule({ tags: ["latest"] });
    expect(await moving("latest", at(one), two)).toContain("immutable");
    await addRule({ tags: ["*"], exceptTags: ["latest"] });
    expect(await moving("latest", at(one), two)).toContain("immutable");
    expect(await moving("Latest", at(one), two)).toContain("immutable");
  });

  test("what the rule leaves out, another repository and another project move", async () => {
    await addRule({ pattern: "team/app/**", tags: ["v*"], exceptTags: ["v*-dev"] });
    await addRule({ projectId: "p2", tags: ["*"] });
    expect(await moving("v1-dev", at(one), two)).toBeNull();
    expect(await moving("w1", at(one), two)).toBeNull();
    const inOther = (name: string) =>
      refusal((tx) =>
        assertTagMayMove(tx, {
          repositoryId: "r1",
          repository: name as RepositoryName,
          tag: tagOf("v1"),
          current: at(one),
          next: two,
        }),
      );
    expect(await inOther("team/application")).toBeNull();
    expect(await inOther("team/app/deep")).toContain("immutable");
  });

  test("one of several tags that may not move stops them all", async () => {
    await addRule({ tags: ["v9"] });
    const changes = ["a", "v9", "b"].map((name) => ({
      tag: tagOf(name),
      current: at(one),
      next: two,
    }));
    expect(await refusal((tx) => assertTagsMayMove(tx, place, changes))).toContain("the tag v9 ");
  });

  test("a rule that is changed or deleted binds no longer, from the next transaction on", async () => {
    const { id } = await addRule();
    await db.transaction((tx) => updateTagRule(tx, "p1", id, { tags: ["w*"] }));
    expect(await moving("v1", at(one), two)).toBeNull();
    expect(await moving("w1", at(one), two)).toContain('"w*"');
    await db.transaction((tx) => deleteTagRule(tx, "p1", id));
    expect(await moving("w1", at(one), two)).toBeNull();
  });
});

describe("several rules", () => {
  const patternArbitrary = fc
    .array(fc.constantFrom("*", "a", "b", "v", "1", "-", "."), { minLength: 1, maxLength: 4 })
    .map((parts) => parts.join("").replaceAll(/\*+/g, "*"));
  const repositoryPattern = fc.constantFrom(
    "**",
    "team/**",
    "team/*",
    "team/app",
    "team/app/**",
    "team/a*",
    "*/app",
    "**/deep",
    "other/**",
  );
  const ruleArbitrary = fc.record({
    pattern: repositoryPattern,
    tags: fc.array(patternArbitrary, { minLength: 1, maxLength: 4 }),
    exceptTags: fc.array(patternArbitrary, { maxLength: 3 }),
    retentionMayExpire: fc.boolean(),
  });
  const tagArbitrary = fc
    .array(fc.constantFrom("a", "b", "v", "1", "-", "."), { minLength: 1, maxLength: 5 })
    .map((parts) => parts.join(""))
    .filter((text) => /^[a-z0-9]/.test(text));
  const repositoryArbitrary = fc.constantFrom("team/app", "team/app/deep", "team/b", "team");

  /** Tries every way to lay the pattern over the text, one character at a time. */
  function fits(pattern: string, text: string): boolean {
    if (pattern === "") return text === "";
    if (pattern === "/**") return text === "" || text.startsWith("/");
    if (pattern.startsWith("**/")) {
      const rest = pattern.slice(3);
      if (fits(rest, text)) return true;
      const slash = text.indexOf("/");
      return slash !== -1 && fits(pattern, text.slice(slash + 1));
    }
    if (pattern === "**") return true;
    if (pattern[0] === "*") {
      if (fits(pattern.slice(1), text)) return true;
      return text !== "" && text[0] !== "/" && fits(pattern, text.slice(1));
    }
    return pattern[0] === text[0] && fits(pattern.slice(1), text.slice(1));
  }

  test("GHSA-27f2-qg57-2gwg: protect what any of them protects, with all their patterns, in whatever order", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(ruleArbitrary, { maxLength: 4 }),
        fc.array(tagArbitrary, { minLength: 1, maxLength: 4 }),
        repositoryArbitrary,
        async (rules, tags, name) => {
          await db.transaction(async (tx) => {
            await tx.deleteFrom("tag_rules").execute();
            for (const fields of rules) await insertTagRule(tx, rule(fields));
          });
          const guarding = (tag: string) =>
            rules.filter(
              (one) =>
                fits(one.pattern, name) &&
                one.tags.some((pattern) => fits(pattern, tag)) &&
                !one.exceptTags.some((pattern) => fits(pattern, tag)),
            );
          for (const tag of tags) {
            const change = { tag: tagOf(tag), current: at(one), next: two };
            const where = { repositoryId: "r1", repository: name as RepositoryName };
            const refused = await refusal((tx) => assertTagMayMove(tx, { ...where, ...change }));
            expect(refused !== null).toBe(guarding(tag).length > 0);
            expect(
              await retentionMayExpire(db.reads, where, { tag: tagOf(tag), lockedAt: null }),
            ).toBe(guarding(tag).every((one) => one.retentionMayExpire));
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  test("of one rule, patterns count the same in every order", () => {
    fc.assert(
      fc.property(ruleArbitrary, tagArbitrary, repositoryArbitrary, (fields, tag, name) => {
        const reversed = {
          ...fields,
          tags: fields.tags.toReversed(),
          exceptTags: fields.exceptTags.toReversed(),
        };
        expect(compileTagRule(reversed)(name, tag)).toBe(compileTagRule(fields)(name, tag));
      }),
    );
  });
});

describe("a locked tag", () => {
  const lock = { ...place, tag: tagOf("v1"), actor: "u1", now: 9 };

  test("neither moves nor goes until it is unlocked", async () => {
    await addTag("v1");
    const locked = await db.transaction((tx) => lockTag(tx, lock));
    expect(locked).toEqual({ tag: tagOf("v1"), digest: one, lockedAt: 9, lockedBy: "u1" });
    expect(await moving("v1", at(one, 9), two)).toBe(
      "403 DENIED the tag v1 of team/app is locked: push another tag, or unlock it",
    );
    expect(await moving("v1", at(one, 9), null)).toContain("is locked: unlock it before");
    expect(await moving("v1", at(one, 9), one)).toBeNull();
    const unlocked = await db.transaction((tx) => unlockTag(tx, lock));
    expect(unlocked).toEqual({ tag: tagOf("v1"), digest: one, lockedAt: null, lockedBy: null });
  });

  test("keeps its first lock", async () => {
    await addTag("v1");
    await db.transaction((tx) => lockTag(tx, lock));
    const again = await db.transaction((tx) => lockTag(tx, { ...lock, actor: "u2", now: 10 }));
    expect([again.lockedAt, again.lockedBy]).toEqual([9, "u1"]);
  });

  test("is 404 where there is no such tag", async () => {
    const expected = "404 MANIFEST_UNKNOWN the repository team/app has no tag v1";
    expect(await refusal((tx) => lockTag(tx, lock))).toBe(expected);
    expect(await refusal((tx) => unlockTag(tx, lock))).toBe(expected);
  });

  test("does not expire", async () => {
    const tag = tagOf("v1");
    expect(await retentionMayExpire(db.reads, place, { tag, lockedAt: 1 })).toBe(false);
    expect(await retentionMayExpire(db.reads, place, { tag, lockedAt: null })).toBe(true);
  });
});

describe("a repository and a project", () => {
  const goes = (repositoryId: string | null, projectId = "p1") =>
    refusal((tx) => assertTagsMayGo(tx, { projectId, repositoryId }));

  test("go only when all their tags may", async () => {
    await addTag("free");
    await addTag("v1", one, "r2");
    expect([await goes("r1"), await goes(null)]).toEqual([null, null]);
    await addTag("v1");
    const lock = { ...place, tag: tagOf("v1"), actor: null, now: 9 };
    await db.transaction((tx) => lockTag(tx, lock));
    expect(await goes("r1")).toContain("the tag v1 of team/app is locked");
    expect(await goes(null)).toContain("the tag v1 of team/app is locked");
    expect(await goes(null, "p2")).toBeNull();
    await db.transaction((tx) => unlockTag(tx, lock));
    await addRule({ tags: ["f*"] });
    expect(await goes("r1")).toContain("the tag free of team/app is immutable");
    expect(await goes("r2", "p2")).toBeNull();
  });
});

describe("the rules of a project", () => {
  test("are written, read, changed and deleted by its id and theirs", async () => {
    const made = await addRule({ exceptTags: ["v0"], retentionMayExpire: true });
    expect(await findTagRule(db.reads, "p1", made.id)).toEqual(made);
    expect(made).toMatchObject({ projectId: "p1", version: 1, createdAt: 7, createdBy: "u1" });
    expect(await findTagRule(db.reads, "p2", made.id)).toBeNull();
    const asOther = db.transaction((tx) => updateTagRule(tx, "p2", made.id, { tags: ["*"] }));
    expect(await asOther).toBeNull();
    expect(await db.transaction((tx) => deleteTagRule(tx, "p2", made.id))).toBe(false);
    const changed = await db.transaction((tx) =>
      updateTagRule(tx, "p1", made.id, { retentionMayExpire: false }),
    );
    expect(changed).toEqual({ ...made, retentionMayExpire: false, version: 2 });
    expect(await findTagRule(db.reads, "p1", made.id)).toEqual(changed);
    expect(await db.transaction((tx) => deleteTagRule(tx, "p1", made.id))).toBe(true);
    expect(await findTagRule(db.reads, "p1", made.id)).toBeNull();
  });

  test("are listed page by page", async () => {
    const ids: string[] = [];
    for (let k = 0; k < 5; k++) ids.push((await addRule({ tags: [`v${k}`] })).id);
    await addRule({ projectId: "p2" });
    const first = await listTagRules(db.reads, "p1", { after: "", limit: 3 });
    const rest = await listTagRules(db.reads, "p1", { after: first.at(-1)?.id ?? "", limit: 3 });
    expect([...first, ...rest].map(({ id }) => id)).toEqual(ids);
  });

  test("have limits", async () => {
    const bad = (fields: Partial<TagRuleFields>) =>
      refusal((tx) => insertTagRule(tx, rule(fields)));
    expect(await bad({ tags: ["v**"] })).toStartWith("400 ");
    expect(await bad({ tags: ["a/b"] })).toStartWith("400 ");
    expect(await bad({ pattern: "team/[" })).toStartWith("400 ");
    expect(await bad({ tags: [] })).toStartWith("400 UNSUPPORTED tags has 0 patterns");
    const many = Array.from({ length: tagPatternsMax + 1 }, (_, k) => `v${k}`);
    expect(await bad({ exceptTags: many })).toStartWith("400 UNSUPPORTED except_tags has 51");
    await db.transaction(async (tx) => {
      for (let k = 0; k < tagRulesPerProjectMax; k++) await insertTagRule(tx, rule());
    });
    expect(await bad({})).toStartWith("409 DENIED the project has 100 tag rules");
    expect(await addRule({ projectId: "p2" })).toMatchObject({ projectId: "p2" });
  });

  test("are named in few words", () => {
    const patterns = { pattern: "**", tags: ["a", "b", "c", "d", "e"], exceptTags: ["x"] };
    expect(formatTagRule(patterns)).toBe('"a", "b", "c" and 2 more except "x"');
  });
});
