import { afterEach, beforeEach, expect, test } from "bun:test";
import { type AccessWorld, type Known, openAccessWorld } from "../../test/support/access-world.ts";
import { updatePrincipal } from "../auth/principal-store.ts";
import type { Digest } from "../oci/digest.ts";
import type { Tag } from "../oci/tag.ts";
import { insertTagRule } from "./tag-rule-store.ts";
import { explain } from "./why.ts";

let world: AccessWorld;
let ada: Known;
let team: string;

beforeEach(async () => {
  world = await openAccessWorld();
  ada = await world.addUser("ada");
  team = await world.addProject("team");
  await world.addRepository("team/app");
});
afterEach(() => world.close());

function why(user: string, action: string, ref: string, address?: string) {
  const { db, clock } = world;
  const asked = { user, action, ref, ...(address === undefined ? {} : { address }) };
  return explain({ db, clock, projectCreation: "users" }, asked);
}

test("says which grant decides, and why the others do not", async () => {
  const group = await world.addGroup("builders", ada);
  const ci = await world.grant({ group }, "team/**", { gives: { role: "ci" } });
  const old = await world.grant(ada, "team/app", { expiresAt: world.clock.now() - 1 });
  const bound = await world.grant(ada, "team/app", {
    gives: { role: "ci" },
    cidrs: ["10.0.0.0/8"],
  });
  const tags = await world.grant(ada, "team/app", { gives: { role: "ci" }, tagPattern: "x*" });
  const push = await why("ada", "push", "team/app:v1");
  expect(push).toMatchObject({
    allowed: true,
    exists: true,
    rule: "grant",
    reason: "the role ci through the group builders gives repository:push on team/**",
    grant: { id: ci, effect: "allow", role: "ci", group: "builders", everywhere: false },
  });
  expect(Object.fromEntries(push.others.map(({ id, because }) => [id, because]))).toEqual({
    [old]: "it is not about this action",
    [bound]: "it is bound to other addresses",
    [tags]: "its pattern of tags does not fit",
  });
  const pull = await why("ada", "repository:pull", "team/app", "10.1.1.1");
  expect(pull.others.find(({ id }) => id === old)?.because).toBe("its time is over");
  const no = await world.grant(ada, "team/**", {
    effect: "deny",
    gives: { actions: ["repository:push"] },
  });
  expect(await why("ada", "push", "team/app")).toMatchObject({
    allowed: false,
    rule: "deny",
    reason: "a grant denies repository:push on team/**",
    grant: { id: no, effect: "deny" },
  });
});

test("says what keeps a tag that is there", async () => {
  await world.member("team", ada, "maintainer");
  const repositoryId = await world.addRepository("team/lib");
  await world.change(async (tx) => {
    for (const name of ["v1", "stable", "x"] as Tag[]) {
      await tx
        .insertInto("tags")
        .values({
          ...{ repository_id: repositoryId, name, digest: "sha256:1" as Digest, version: 1 },
          ...{ sort_key: name, moved_at: 0, moved_by: null },
          locked_at: name === "stable" ? 1 : null,
        })
        .execute();
    }
    const rule = { projectId: team, pattern: "team/**", tags: ["v*"], exceptTags: [] };
    await insertTagRule(tx, { ...rule, retentionMayExpire: false, actor: ada.id, now: 1 });
  });
  const kept = { allowed: false, rule: "tag", grant: { role: "maintainer" } };
  expect(await why("ada", "push", "team/lib:v1")).toMatchObject({
    ...kept,
    reason: 'the tag v1 of team/lib is immutable by the rule "v*": push another tag',
  });
  expect(await why("ada", "delete", "team/lib:stable")).toMatchObject({
    ...kept,
    reason: "the tag stable of team/lib is locked: unlock it before it is deleted",
  });
  // A new one may be made, whatever the rule; and what is there may be pulled.
  for (const [action, ref] of [
    ["push", "team/lib:v2"],
    ["push", "team/lib:x"],
    ["pull", "team/lib:v1"],
  ] as const) {
    expect(await why("ada", action, ref)).toMatchObject({ allowed: true, rule: "grant" });
  }
});

test("says what is missing", async () => {
  const nothing = { allowed: false, rule: "nothing", grant: null, others: [] } as const;
  expect(await why("ada", "pull", "team/app")).toMatchObject({
    ...nothing,
    reason: "no grant gives repository:pull on team/app",
  });
  expect(await why("anonymous", "pull", "team/lib")).toMatchObject({ ...nothing, exists: false });
  expect(await why("ada", "system:manage", "")).toMatchObject({
    ...nothing,
    reason: "only administrators may",
  });
  expect(await why("ada", "push", "new/app")).toMatchObject({
    allowed: true,
    exists: false,
    rule: "project creation",
  });
  await world.change((tx) => updatePrincipal(tx, ada.id, { state: "disabled" }));
  expect(await why("ada", "push", "new/app")).toMatchObject({
    allowed: false,
    rule: "account",
    reason: "ada is disabled",
  });
});

test("refuses what there is not", async () => {
  await expect(why("eve", "pull", "team/app")).rejects.toThrow("no user or robot eve");
  await expect(why("ada", "fly", "team/app")).rejects.toThrow('no action "fly"');
  await expect(why("ada", "pull", "Team")).rejects.toThrow("lowercase");
  await expect(why("ada", "pull", "")).rejects.toThrow("about one repository: name it");
  await expect(why("ada", "pull", "team/app:-")).rejects.toThrow("invalid tag");
});
