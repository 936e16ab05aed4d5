import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  type AccessWorld,
  decide,
  type Known,
  openAccessWorld,
  projectNamed,
  repositoryOf,
  scoped,
  verdict,
  withToken,
} from "../../test/support/access-world.ts";
import { anonymous, operator, type Principal, type Scope } from "../auth/principal.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { Action } from "./authorize.ts";
import { deleteGrant } from "./grant-store.ts";
import { createRememberedDecisions } from "./remembered-decisions.ts";
import { builtInRoles } from "./roles.ts";

let world: AccessWorld;
let ada: Known;
let bob: Known;
let root: Known;

beforeEach(async () => {
  world = await openAccessWorld();
  ada = await world.addUser("ada");
  bob = await world.addUser("bob");
  root = await world.addUser("root", { administrator: true });
  await world.addProject("team");
  await world.addRepository("team/app");
});
afterEach(() => world.close());

const registry = { kind: "registry" } as const;
const pull = "repository:pull";
const push = "repository:push";

describe("without a grant", () => {
  test("a private repository looks like one that is not there", async () => {
    for (const ref of ["team/app", "team/nothing", "nowhere/app"]) {
      const refused = await decide(world.access, bob, pull, ref);
      expect(refused).toMatchObject({ allowed: false, visible: false, scopeIsShort: false });
      expect(await verdict(world.access, anonymous, pull, ref)).toBe("unseen");
    }
    for (const ref of ["team/app", "team/nothing"]) {
      expect(await verdict(world.access, bob, push, ref)).toBe("unseen");
      expect(await verdict(world.access, bob, "repository:delete", ref)).toBe("unseen");
    }
  });

  test("what is internal is read by whoever signed in, what is public by everybody", async () => {
    await world.addProject("inner", { visibility: "internal" });
    await world.addProject("outer", { visibility: "public" });
    await world.addRepository("inner/app");
    await world.addRepository("outer/app");
    await world.addRepository("outer/inner", { visibility: "internal" });
    await world.addRepository("outer/closed", { visibility: "private" });
    await world.addRepository("inner/wide", { visibility: "public" });
    const robot = await world.addUser("robot.x", { kind: "robot" });
    const readers = (ref: string) =>
      Promise.all([anonymous, bob, robot].map((who) => verdict(world.access, who, pull, ref)));
    expect(await readers("inner/app")).toEqual(["unseen", "yes", "yes"]);
    expect(await readers("outer/app")).toEqual(["yes", "yes", "yes"]);
    expect(await readers("outer/inner")).toEqual(["unseen", "yes", "yes"]);
    expect(await readers("outer/closed")).toEqual(["unseen", "unseen", "unseen"]);
    // A repository is never wider than its project.
    expect(await readers("inner/wide")).toEqual(["unseen", "yes", "yes"]);
    // What is not there must not differ from what is private there.
    expect(await readers("outer/nothing")).toEqual(["unseen", "unseen", "unseen"]);
    expect(await verdict(world.access, bob, push, "outer/app")).toBe("seen");
    const see = "project:read";
    expect(await verdict(world.access, anonymous, see, projectNamed("outer"))).toBe("yes");
    expect(await verdict(world.access, anonymous, see, projectNamed("inner"))).toBe("unseen");
    expect(await verdict(world.access, bob, "project:manage", projectNamed("inner"))).toBe("seen");
    expect(await verdict(world.access, bob, "project:manage", projectNamed("team"))).toBe("unseen");
  });
});

test("each role gives what it says, and nothing else", async () => {
  for (const [role, given] of Object.entries(builtInRoles)) {
    const user = await world.addUser(`a-${role}`);
    await world.member("team", user, role);
    const all: Action[] = [
      pull,
      push,
      "repository:edit",
      "repository:delete",
      "repository:lock",
      "project:read",
      "project:manage",
    ];
    for (const action of all) {
      const about = action.startsWith("project:") ? projectNamed("team") : "team/app";
      const wanted = (given as readonly Action[]).includes(action) ? "yes" : "seen";
      expect([role, action, await verdict(world.access, user, action, about)]).toEqual([
        role,
        action,
        wanted,
      ]);
    }
    expect(await verdict(world.access, user, "system:manage", registry)).toBe("seen");
    expect(await verdict(world.access, user, pull, "team")).toBe("yes");
  }
});

describe("what belongs to the whole registry", () => {
  test("is for who signed in, for users, for administrators", async () => {
    const robot = await world.addUser("robot.x", { kind: "robot", administrator: true });
    const withToken = { ...ada, credentialKind: "token" } as const;
    const withSession = { ...ada, credentialKind: "session" } as const;
    const asked = [anonymous, robot, ada, withToken, withSession, root, operator];
    const may = async (principal: Principal, action: Action) =>
      (await decide(world.access, principal, action, registry)).allowed;
    const who = (action: Action) => Promise.all(asked.map((principal) => may(principal, action)));
    const [no, yes] = [false, true];
    expect(await who("registry:ping")).toEqual([no, yes, yes, yes, yes, yes, yes]);
    expect(await who("registry:list")).toEqual([no, yes, yes, yes, yes, yes, yes]);
    expect(await who("account:manage")).toEqual([no, no, yes, no, yes, yes, yes]);
    // A robot is no administrator, whatever its row says.
    expect(await who("system:manage")).toEqual([no, no, no, no, no, yes, yes]);
  });

  test("an administrator may do everything, also where a grant denies it", async () => {
    await world.grant(root, "team/**", { effect: "deny", gives: { role: "owner" } });
    for (const action of [pull, push, "repository:delete"] as const) {
      expect(await verdict(world.access, root, action, "team/app")).toBe("yes");
    }
    expect(await verdict(world.access, root, "project:manage", projectNamed("team"))).toBe("yes");
    expect(await verdict(world.access, scoped(root, []), pull, "team/app")).toBe("unseen");
  });
});

describe("a push into a project that is not there", () => {
  test("is for users, while the setting lets them create projects", async () => {
    const robot = await world.addUser("robot.x", { kind: "robot" });
    expect(await decide(world.access, ada, push, "new/app")).toEqual({
      allowed: true,
      projectId: null,
    });
    expect(await verdict(world.access, ada, pull, "new/app")).toBe("unseen");
    expect(await verdict(world.access, robot, push, "new/app")).toBe("unseen");
    expect(await verdict(world.access, anonymous, push, "new/app")).toBe("unseen");
    const strict = world.anotherAccess({ projectCreation: "administrators" });
    expect(await verdict(strict, ada, push, "new/app")).toBe("unseen");
    expect(await verdict(strict, root, push, "new/app")).toBe("yes");
    expect(await verdict(strict, ada, "project:create", registry)).toBe("seen");
    for (const name of ["api", "v2"]) {
      for (const who of [ada, root]) {
        expect(await verdict(world.access, who, push, `${name}/app`)).not.toBe("yes");
        expect(await verdict(world.access, who, "project:create", projectNamed(name))).not.toBe(
          "yes",
        );
      }
    }
  });

  test("is for a robot that was granted it everywhere, but not against a denial", async () => {
    const robot = await world.addUser("robot.x", { kind: "robot" });
    const gives = { actions: ["project:create"] } as const;
    await world.grant(robot, "mirror-*/**", { gives, everywhere: true });
    expect(await verdict(world.access, robot, push, "mirror-a/app")).toBe("yes");
    expect(await verdict(world.access, robot, push, "other/app")).toBe("unseen");
    const denied = { effect: "deny", gives: { actions: [push] }, everywhere: true } as const;
    await world.grant(robot, "mirror-b/**", denied);
    expect(await verdict(world.access, robot, push, "mirror-b/app")).toBe("unseen");
    await world.grant(ada, "secret/**", denied);
    expect(await verdict(world.access, ada, push, "secret/app")).toBe("unseen");
    // A project cannot give away the right to make others.
    await world.grant(robot, "team/**", { gives });
    expect(await verdict(world.access, robot, "project:create", projectNamed("team"))).not.toBe(
      "yes",
    );
  });

  test("takes a token that was not narrowed", async () => {
    const write = (pattern: string): Scope => [{ pattern, actions: [push, pull] }];
    const may = (scope: Scope) => verdict(world.access, scoped(ada, scope), push, "new/app");
    expect(await may(write("**"))).toBe("yes");
    expect(await may(write("new/**"))).toBe("unseen");
    expect(
      await may([...write("new/**"), { pattern: "new/**", actions: ["project:create"] }]),
    ).toBe("yes");
    expect(await may([{ pattern: "**", actions: [pull] }])).toBe("unseen");
    expect(await may([{ pattern: "*", actions: ["system:manage", push] }])).toBe("unseen");
  });
});

describe("grants", () => {
  test("of groups end with the membership and with the group's grant", async () => {
    const group = await world.addGroup("builders", ada);
    const id = await world.grant({ group }, "team/**", { gives: { role: "ci" } });
    expect(await verdict(world.access, ada, push, "team/app")).toBe("yes");
    expect(await verdict(world.access, bob, push, "team/app")).toBe("unseen");
    await world.change((tx) => deleteGrant(tx, id, null));
    world.access.changed();
    expect(await verdict(world.access, ada, push, "team/app")).toBe("yes");
    const { project_id } = await world.db.reads
      .selectFrom("grants")
      .select("project_id")
      .where("id", "=", id)
      .executeTakeFirstOrThrow();
    await world.change((tx) => deleteGrant(tx, id, project_id));
    world.access.changed();
    expect(await verdict(world.access, ada, push, "team/app")).toBe("unseen");
  });

  test("deny wins, through a group as well, and also against visibility", async () => {
    await world.addProject("open", { visibility: "public" });
    await world.addRepository("open/app");
    const group = await world.addGroup("banned", ada);
    await world.member("open", ada, "owner");
    await world.grant({ group }, "open/**", { effect: "deny", gives: { actions: [pull] } });
    expect(await verdict(world.access, ada, pull, "open/app")).toBe("unseen");
    expect(await verdict(world.access, ada, push, "open/app")).toBe("yes");
  });

  test("with a pattern of tags hold for these tags", async () => {
    await world.grant(ada, "team/app", { gives: { role: "maintainer" }, tagPattern: "dev-*" });
    expect(await verdict(world.access, ada, push, "team/app:dev-1")).toBe("yes");
    expect(await verdict(world.access, ada, push, "team/app:v1")).toBe("seen");
    expect(await verdict(world.access, ada, push, "team/app")).toBe("yes");
    expect(await verdict(world.access, ada, pull, "team/app")).toBe("yes");
    expect(await verdict(world.access, ada, "repository:edit", "team/app")).toBe("yes");
    const name = "team/app" as RepositoryName;
    const byDigest = { kind: "repository", name, tag: null } as const;
    expect(await verdict(world.access, ada, "repository:delete", "team/app")).toBe("yes");
    expect(await verdict(world.access, ada, "repository:delete", byDigest)).toBe("seen");
    await world.member("team", bob, "maintainer");
    expect(await verdict(world.access, bob, "repository:delete", byDigest)).toBe("yes");
    const keep = { effect: "deny", gives: { role: "maintainer" }, tagPattern: "v*" } as const;
    await world.grant(bob, "team/**", keep);
    expect(await verdict(world.access, bob, "repository:delete", byDigest)).toBe("unseen");
    expect(await verdict(world.access, bob, "repository:delete", "team/app:v1")).toBe("unseen");
    expect(await verdict(world.access, bob, "repository:delete", "team/app:x")).toBe("yes");
  });

  test("end at their time, without anybody saying so", async () => {
    const expiresAt = world.clock.now() + 10_000;
    await world.grant(ada, "team/app", { expiresAt });
    expect(await verdict(world.access, ada, pull, "team/app")).toBe("yes");
    world.clock.pass(9_999);
    expect(await verdict(world.access, ada, pull, "team/app")).toBe("yes");
    world.clock.pass(1);
    expect(await verdict(world.access, ada, pull, "team/app")).toBe("unseen");
  });

  test("that are bound to addresses hold there alone, whoever asked before", async () => {
    await world.grant(ada, "team/app", { cidrs: ["10.0.0.0/8", "fd00::/8"] });
    const from = (address: string) => verdict(world.access, ada, pull, "team/app", () => address);
    const addresses = ["10.1.2.3", "11.1.2.3", "fd00::1", "fe80::1", "10.1.2.3", "nonsense"];
    expect(await Promise.all(addresses.map(from))).toEqual([
      "yes",
      "unseen",
      "yes",
      "unseen",
      "yes",
      "unseen",
    ]);
  });

  test("in custom roles follow the role, and nothing comes of one that is gone", async () => {
    const { insertRole, updateRole } = await import("./role-store.ts");
    const now = world.clock.now();
    const role = {
      name: "looker",
      description: "",
      actions: [pull],
      now,
      createdBy: null,
    } as const;
    const { id } = await world.db.transaction((tx) => insertRole(tx, role));
    await world.grant(ada, "team/**", { gives: { role: "looker" } });
    expect(await verdict(world.access, ada, pull, "team/app")).toBe("yes");
    await world.change((tx) => updateRole(tx, id, { actions: [push] }));
    world.access.changed();
    expect(await verdict(world.access, ada, pull, "team/app")).toBe("unseen");
    expect(await verdict(world.access, ada, push, "team/app")).toBe("yes");
    await world.member("team", bob, "owner");
    await world.grant(bob, "team/**", { effect: "deny", gives: { role: "gone" } });
    await world.grant(ada, "team/**", { gives: { role: "gone" } });
    expect(await verdict(world.access, bob, pull, "team/app")).toBe("unseen");
    expect(await verdict(world.access, ada, "repository:delete", "team/app")).toBe("unseen");
  });

  test("on a part of a project let it be seen, not managed", async () => {
    await world.grant(ada, "team/app", { gives: { role: "owner" } });
    expect(await verdict(world.access, ada, "project:read", projectNamed("team"))).toBe("yes");
    expect(await verdict(world.access, ada, "project:manage", projectNamed("team"))).toBe("seen");
    expect(await verdict(world.access, ada, "project:manage", repositoryOf("team/app"))).toBe(
      "seen",
    );
  });
});

test("a project that is bound to addresses is not there for others, but for the operator", async () => {
  await world.addProject("vault", { cidrs: ["10.0.0.0/8"], visibility: "public" });
  await world.addRepository("vault/app");
  await world.member("vault", ada, "owner");
  const far = () => "192.0.2.1";
  for (const who of [anonymous, ada, root]) {
    expect(await verdict(world.access, who, pull, "vault/app")).toBe("yes");
    expect(await verdict(world.access, who, pull, "vault/app", far)).toBe("unseen");
    expect(await verdict(world.access, who, "project:read", projectNamed("vault"), far)).toBe(
      "unseen",
    );
  }
  expect(await verdict(world.access, operator, pull, "vault/app", far)).toBe("yes");
});

describe("what was issued for a name", () => {
  const token = (who: Known, projectId: string | null, repositoryId: string | null, at: number) =>
    withToken(who, [
      {
        pattern: "team/app",
        actions: [pull, push],
        issuedFor: { projectId, repositoryId, at },
      },
    ]);

  test("lets through that project and repository, and nothing that took their name", async () => {
    const [project] = await world.db.reads.selectFrom("projects").select("id").execute();
    const [repository] = await world.db.reads.selectFrom("repositories").select("id").execute();
    const [p, r] = [project?.id ?? "", repository?.id ?? ""];
    const at = world.clock.now();
    await world.member("team", ada, "ci");
    expect(await verdict(world.access, token(ada, p, r, at), pull, "team/app")).toBe("yes");
    expect(await verdict(world.access, token(ada, p, r, at), pull, "team/other")).toBe("scope");
    expect(await verdict(world.access, token(ada, p, r, at), "repository:delete", "team/app")).toBe(
      "seen",
    );
    expect(await verdict(world.access, token(ada, p, "another", at), pull, "team/app")).toBe(
      "scope",
    );
    expect(await verdict(world.access, token(ada, "another", r, at), pull, "team/app")).toBe(
      "scope",
    );
    await world.trash("repositories", r);
    await world.addRepository("team/app", { createdBy: ada });
    expect(await verdict(world.access, token(ada, p, r, at), pull, "team/app")).toBe("scope");
    expect(await verdict(world.access, token(ada, p, null, at), pull, "team/app")).toBe("yes");
    expect(await verdict(world.access, token(ada, p, null, at + 1), pull, "team/app")).toBe(
      "scope",
    );
    expect(await verdict(world.access, token(ada, null, null, at), pull, "team/app")).toBe("scope");
    await world.trash("projects", p);
    await world.addProject("team", { createdBy: bob });
    await world.addRepository("team/app", { createdBy: bob });
    await world.member("team", ada, "ci");
    expect(await verdict(world.access, token(ada, p, r, at), pull, "team/app")).toBe("scope");
    expect(await verdict(world.access, token(ada, null, null, at), pull, "team/app")).toBe("scope");
    expect(await verdict(world.access, ada, pull, "team/app")).toBe("yes");
  });

  test("may make the project, and covers what its holder made since", async () => {
    const at = world.clock.now();
    const fresh = withToken(ada, [
      {
        pattern: "mine/app",
        actions: [pull, push],
        issuedFor: { projectId: null, repositoryId: null, at },
      },
    ]);
    expect(await verdict(world.access, fresh, push, "mine/app")).toBe("yes");
    world.clock.pass(5);
    await world.addProject("mine", { createdBy: ada });
    await world.member("mine", ada, "owner");
    expect(await verdict(world.access, fresh, push, "mine/app")).toBe("yes");
    await world.addRepository("mine/app", { createdBy: ada });
    expect(await verdict(world.access, fresh, pull, "mine/app")).toBe("yes");
  });
});

describe("what is remembered", () => {
  test("ends when the project or repository is deleted and made again", async () => {
    const first = await world.db.reads.selectFrom("projects").select("id").executeTakeFirst();
    await world.member("team", ada, "owner");
    for (let k = 0; k < 2; k++) {
      const allowed = { allowed: true, projectId: first?.id ?? "" } as const;
      expect(await decide(world.access, ada, pull, "team/app")).toEqual(allowed);
    }
    await world.trash("projects", first?.id ?? "");
    expect(await verdict(world.access, ada, pull, "team/app")).toBe("unseen");
    const second = await world.addProject("team");
    expect(await verdict(world.access, ada, pull, "team/app")).toBe("unseen");
    await world.addRepository("team/app");
    expect(await verdict(world.access, ada, pull, "team/app")).toBe("unseen");
    await world.member("team", ada, "reader");
    expect(await decide(world.access, ada, pull, "team/app")).toEqual({
      allowed: true,
      projectId: second,
    });
  });

  test("is nothing of what a deleted project held, which keeps its rows", async () => {
    const first = await world.addProject("open", { visibility: "public" });
    const repository = await world.addRepository("open/app");
    await world.trash("projects", first);
    const second = await world.addProject("open", { visibility: "public" });
    expect(await verdict(world.access, anonymous, pull, "open/app")).toBe("unseen");
    const at = world.clock.now();
    await world.member("open", ada, "reader");
    const issuedFor = { projectId: second, repositoryId: repository, at };
    const token = withToken(ada, [{ pattern: "open/app", actions: [pull], issuedFor }]);
    expect(await verdict(world.access, token, pull, "open/app")).toBe("scope");
  });

  test("is no older than half a second where another process changed something", async () => {
    const other = world.anotherAccess();
    expect(await verdict(other, ada, pull, "team/app")).toBe("unseen");
    await world.member("team", ada, "reader");
    world.clock.pass(499);
    expect(await verdict(other, ada, pull, "team/app")).toBe("unseen");
    world.clock.pass(1);
    expect(await verdict(other, ada, pull, "team/app")).toBe("yes");
  });

  test("does not keep the maker of a project out of it, whoever else made it known", async () => {
    const other = world.anotherAccess();
    expect(await verdict(other, ada, push, "fresh/app")).toBe("yes");
    await world.addProject("fresh", { createdBy: ada });
    await world.member("fresh", ada, "owner");
    expect(await verdict(other, ada, push, "fresh/app")).toBe("yes");
    expect(await verdict(other, ada, pull, "fresh/app")).toBe("yes");
    expect(await verdict(other, bob, push, "fresh/app")).toBe("unseen");
  });

  test("is kept apart by holder, scope, action, name and tag", async () => {
    await world.addRepository("team/lib");
    await world.member("team", ada, "ci");
    await world.grant(ada, "team/app", {
      effect: "deny",
      gives: { actions: [push] },
      tagPattern: "v*",
    });
    const narrow = scoped(ada, [{ pattern: "team/app", actions: [pull] }]);
    for (let k = 0; k < 2; k++) {
      expect(await verdict(world.access, ada, push, "team/app")).toBe("yes");
      expect(await verdict(world.access, ada, push, "team/app:v1")).toBe("seen");
      expect(await verdict(world.access, ada, push, "team/app:x")).toBe("yes");
      expect(await verdict(world.access, narrow, pull, "team/app")).toBe("yes");
      expect(await verdict(world.access, narrow, pull, "team/lib")).toBe("unseen");
      expect(await verdict(world.access, narrow, push, "team/app")).toBe("seen");
      expect(await verdict(world.access, bob, pull, "team/app")).toBe("unseen");
      expect(
        await verdict(world.access, { ...ada, administrator: true }, push, "team/app:v1"),
      ).toBe("yes");
    }
  });

  test("holds for every tag, unless a grant tells tags apart", async () => {
    await world.member("team", ada, "ci");
    const asked = (name: string) =>
      world.access.decide(ada, push, repositoryOf(name), () => "127.0.0.1");
    expect(await asked("team/app")).toHaveProperty("allowed", true);
    // At once: nothing is read.
    expect(asked("team/app:v1")).toHaveProperty("allowed", true);
    const keep = { effect: "deny", gives: { actions: [push] }, tagPattern: "v*" } as const;
    await world.grant(ada, "team/app", keep);
    expect(await asked("team/app:x")).toHaveProperty("allowed", true);
    expect(await asked("team/app")).toHaveProperty("allowed", true);
    expect(asked("team/app:v1")).toBeInstanceOf(Promise);
    expect(await asked("team/app:v1")).toHaveProperty("allowed", false);
    expect(asked("team/app:v1")).toHaveProperty("allowed", false);
    expect(asked("team/app:x")).toHaveProperty("allowed", true);
  });

  test("is forgotten when it becomes too much", () => {
    const remembered = createRememberedDecisions();
    const decided = { decision: { allowed: true }, until: null, dependsOnTag: false } as const;
    const named = (number: number) => repositoryOf(`team/r${number}`);
    for (let k = 0; k < 20_000; k++) remembered.set(ada, pull, named(k), decided);
    for (let k = 0; k < 10; k++) remembered.set(ada, pull, named(k), decided);
    expect(remembered.get(ada, pull, named(0))).toBe(decided);
    expect(remembered.get({ ...ada }, pull, named(19_999))).toBe(decided);
    expect(remembered.get(bob, pull, named(0))).toBeUndefined();
    remembered.set(ada, pull, named(20_000), decided);
    expect(remembered.get(ada, pull, named(0))).toBeUndefined();
    expect(remembered.get({ ...ada }, pull, named(20_000))).toBe(decided);
  });

  test("is not made up: what cannot be read is thrown, and rows that make no sense", async () => {
    await world.member("team", ada, "owner");
    await world.change((tx) => tx.updateTable("grants").set({ cidrs: "{" }).execute());
    world.access.changed();
    await expect(decide(world.access, ada, pull, "team/app")).rejects.toThrow();
    await expect(decide(world.access, ada, pull, "team/app")).rejects.toThrow();
    const late = await openAccessWorld();
    await late.close();
    await expect(decide(late.access, ada, pull, "team/app")).rejects.toThrow();
  });
});

test("what is public is kept from nobody by what they bring", async () => {
  await world.addProject("open", { visibility: "public" });
  await world.addRepository("open/app");
  const narrow = scoped(ada, [{ pattern: "team/**", actions: [pull] }]);
  expect(await verdict(world.access, narrow, pull, "open/app")).toBe("yes");
  expect(await verdict(world.access, withToken(ada, []), pull, "open/app")).toBe("yes");
  expect(await verdict(world.access, narrow, push, "open/app")).toBe("seen");
  expect(await verdict(world.access, narrow, pull, "team/secret")).toBe("unseen");
});
