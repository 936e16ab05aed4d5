import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { makeImage } from "../support/images.ts";
import { basic, bearer, type Door, fetchToken, openDoor, secretIn } from "./door.ts";
import { addProject, addUser, admin, passwordOf, signIn } from "./world.ts";

const image = makeImage("of the first one");
const later = makeImage("of the second one");

let door: Door;

beforeAll(async () => {
  door = await openDoor();
  for (const name of ["alice", "bob"]) await addUser(door, name);
  await addProject(door, "team", signIn("alice"), "private");
  await door.client(signIn("alice")).pushImage("team/app", image, "v1");
});

afterAll(() => door.remove());

async function ask(as: string | null, method: string, path: string, body?: object) {
  const answer = await door.ask(path, { method, as, body: body as never });
  return { status: answer.status, text: await answer.text() };
}

const pull = async (as: string | null, name = "team/app") =>
  (await ask(as, "GET", `/v2/${name}/manifests/v1`)).status;

describe("a name that is given again brings nothing of the one who had it", () => {
  test("a user", async () => {
    await addUser(door, "ghost");
    await door.api(admin, "PUT", "/api/v1/projects/team/members/ghost", { role: "owner" });
    await door.api(admin, "POST", "/api/v1/groups", { name: "ghosts" });
    await door.api(admin, "PUT", "/api/v1/groups/ghosts/members/ghost");
    const minted = await door.api(signIn("ghost"), "POST", "/api/v1/account/tokens", {});
    const token = basic("ghost", secretIn(minted));
    const registryToken = bearer(await fetchToken(door, token, "repository:team/app:pull"));
    await door.client(signIn("ghost")).pushImage("ghost/app", image, "v1");
    expect(await pull(token)).toBe(200);
    await door.api(admin, "DELETE", "/api/v1/users/ghost");
    for (const as of [token, registryToken, signIn("ghost")]) expect(await pull(as)).toBe(401);

    const again = { name: "ghost", password: "another long password" };
    expect((await ask(admin, "POST", "/api/v1/users", again)).status).toBe(409);
    // Nor does their project fall to whoever comes by that name, unless somebody says so.
    expect((await ask(admin, "POST", "/api/v1/users", { ...again, reuse_name: true })).status).toBe(
      409,
    );
    await door.api(admin, "DELETE", "/api/v1/projects/ghost");
    await door.api(admin, "POST", "/api/v1/users", { ...again, reuse_name: true });
    const fresh = basic("ghost", again.password);
    for (const as of [token, registryToken, signIn("ghost")]) expect(await pull(as)).toBe(401);
    expect(await pull(fresh)).toBe(404);
    expect(await pull(fresh, "ghost/app")).toBe(404);
    const { text } = await ask(fresh, "GET", "/api/v1/account/tokens");
    expect(JSON.parse(text)).toMatchObject({ items: [] });
    expect((await ask(admin, "GET", "/api/v1/groups/ghosts")).text).not.toContain('"ghost"');
    expect((await ask(admin, "GET", "/api/v1/projects/team/members")).text).not.toContain(
      '"ghost"',
    );
  });

  test("a robot", async () => {
    const path = "/api/v1/projects/team/robots";
    const body = { name: "reborn", grants: [{ pattern: "team/**", role: "owner" }] };
    const first = basic("robot.team.reborn", secretIn(await door.api(admin, "POST", path, body)));
    const token = bearer(await fetchToken(door, first, "repository:team/app:pull,push"));
    expect(await pull(first)).toBe(200);
    await door.api(admin, "DELETE", `${path}/reborn`);
    const nothing = { name: "reborn", grants: [{ pattern: "team/other", role: "reader" }] };
    expect((await ask(admin, "POST", path, nothing)).status).toBe(409);
    const made = await door.api(admin, "POST", path, { ...nothing, reuse_name: true });
    const second = basic("robot.team.reborn", secretIn(made));
    for (const as of [first, token]) expect(await pull(as)).toBe(401);
    expect(await pull(second)).toBe(404);
  });

  test("a project: members, robots, grants, rules, visibility, content", async () => {
    await addProject(door, "phoenix", signIn("alice"), "public");
    const path = "/api/v1/projects/phoenix";
    await door.client(signIn("alice")).pushImage("phoenix/app", image, "v1");
    await door.client(signIn("alice")).pushImage("phoenix/app", image, "only-then");
    await door.api(signIn("alice"), "PUT", `${path}/members/bob`, { role: "maintainer" });
    const robotBody = { name: "inside", grants: [{ pattern: "phoenix/**", role: "owner" }] };
    const robot = basic(
      "robot.phoenix.inside",
      secretIn(await door.api(signIn("alice"), "POST", `${path}/robots`, robotBody)),
    );
    await door.api(signIn("alice"), "POST", `${path}/tag-rules`, {
      pattern: "phoenix/unused",
      tags: ["*"],
    });
    const scopes = [{ pattern: "phoenix/**", actions: ["repository:pull", "repository:push"] }];
    const minted = await door.api(signIn("bob"), "POST", "/api/v1/account/tokens", { scopes });
    const tokens = await Promise.all(
      [signIn("alice"), signIn("bob"), robot].map((as) =>
        fetchToken(door, as, "repository:phoenix/app:pull,push,delete"),
      ),
    );
    await door.api(admin, "DELETE", path);
    expect(await pull(null, "phoenix/app")).toBe(401);
    await addProject(door, "phoenix", admin, "private");

    const earlier = [
      signIn("alice"),
      signIn("bob"),
      basic("bob", secretIn(minted)),
      ...tokens.map(bearer),
    ];
    for (const as of earlier) {
      expect([401, 404]).toContain(await pull(as, "phoenix/app"));
      expect((await ask(as, "GET", "/v2/_catalog")).text).not.toContain("phoenix/app");
    }
    expect(await pull(robot, "phoenix/app")).toBe(401);
    expect(await pull(admin, "phoenix/app")).toBe(404);
    await door.client(admin).pushImage("phoenix/app", later, "v1");
    for (const as of earlier) {
      expect([401, 404]).toContain(await pull(as, "phoenix/app"));
      expect([401, 403]).toContain(
        (await ask(as, "POST", "/v2/phoenix/app/blobs/uploads/")).status,
      );
    }
    expect(await pull(robot, "phoenix/app")).toBe(401);
    const tags = await ask(admin, "GET", "/v2/phoenix/app/tags/list");
    expect(JSON.parse(tags.text)).toMatchObject({ tags: ["v1"] });
    expect((await ask(admin, "GET", `/v2/phoenix/app/manifests/${image.digest}`)).status).toBe(404);
    expect((await ask(admin, "GET", `${path}/members`)).text).not.toContain('"bob"');
    expect(JSON.parse((await ask(admin, "GET", `${path}/robots`)).text)).toMatchObject({
      items: [],
    });
    expect(JSON.parse((await ask(admin, "GET", `${path}/tag-rules`)).text)).toMatchObject({
      items: [],
    });
  });

  test("a repository: its visibility, labels, locks and content", async () => {
    const at = "/api/v1/repositories/team%2Ftwice";
    await door.client(signIn("alice")).pushImage("team/twice", image, "v1");
    await door.client(signIn("alice")).pushImage("team/twice", image, "only-then");
    await door.api(signIn("alice"), "PUT", `${at}/tags/v1/lock`);
    await door.api(signIn("alice"), "PATCH", at, { description: "the first" });
    const token = bearer(
      await fetchToken(door, signIn("alice"), "repository:team/twice:pull,push"),
    );
    expect((await ask(admin, "DELETE", at)).status).toBe(403);
    await door.api(signIn("alice"), "DELETE", `${at}/tags/v1/lock`);
    await door.api(admin, "DELETE", at);
    expect(await pull(signIn("alice"), "team/twice")).toBe(404);
    await door.client(signIn("alice")).pushImage("team/twice", later, "v1");
    expect(await pull(token, "team/twice")).toBe(401);
    const tags = await ask(signIn("alice"), "GET", "/v2/team/twice/tags/list");
    expect(JSON.parse(tags.text)).toMatchObject({ tags: ["v1"] });
    expect(
      (await ask(signIn("alice"), "GET", `/v2/team/twice/manifests/${image.digest}`)).status,
    ).toBe(404);
    expect((await ask(signIn("alice"), "GET", at)).text).not.toContain("the first");
  });

  test("a group", async () => {
    await door.api(admin, "POST", "/api/v1/groups", { name: "builders" });
    await door.api(admin, "PUT", "/api/v1/groups/builders/members/bob");
    await door.api(signIn("alice"), "PUT", "/api/v1/projects/team/members/group:builders", {
      role: "reader",
    });
    expect(await pull(signIn("bob"))).toBe(200);
    await door.api(admin, "DELETE", "/api/v1/groups/builders");
    expect(await pull(signIn("bob"))).toBe(404);
    await door.api(admin, "POST", "/api/v1/groups", { name: "builders" });
    expect(await pull(signIn("bob"))).toBe(404);
    await door.api(admin, "PUT", "/api/v1/groups/builders/members/bob");
    expect(await pull(signIn("bob"))).toBe(404);
  });

  test("a role", async () => {
    await door.api(admin, "POST", "/api/v1/roles", {
      name: "looker",
      actions: ["repository:pull", "project:read"],
    });
    await door.api(admin, "PUT", "/api/v1/projects/team/members/bob", { role: "looker" });
    expect(await pull(signIn("bob"))).toBe(200);
    const { status } = await ask(admin, "DELETE", "/api/v1/roles/looker");
    // One that is in use may be kept; gone or not, it gives what it says now.
    if (status === 204) {
      expect(await pull(signIn("bob"))).toBe(404);
      await door.api(admin, "POST", "/api/v1/roles", {
        name: "looker",
        actions: ["repository:pull"],
      });
      expect(await pull(signIn("bob"))).toBe(404);
    } else expect(status).toBe(409);
    await ask(admin, "DELETE", "/api/v1/projects/team/members/bob");
    expect(await pull(signIn("bob"))).toBe(404);
  });

  test("CVE-2025-23208: who leaves a group has what it gave no longer", async () => {
    await door.api(admin, "POST", "/api/v1/groups", { name: "leavers" });
    await door.api(admin, "PUT", "/api/v1/projects/team/members/group:leavers", { role: "reader" });
    await door.api(admin, "PUT", "/api/v1/groups/leavers/members/bob");
    const token = bearer(await fetchToken(door, signIn("bob"), "repository:team/app:pull"));
    expect([await pull(signIn("bob")), await pull(token)]).toEqual([200, 200]);
    await door.api(admin, "DELETE", "/api/v1/groups/leavers/members/bob");
    expect([await pull(signIn("bob")), await pull(token)]).toEqual([404, 404]);
  });
});

describe("names that look like others are refused", () => {
  const odd = [
    "Alice",
    "ALICE",
    "alice ",
    " alice",
    "alice.",
    ".alice",
    "alice\0",
    "alice\n",
    "аlice",
    "alicе",
    "ａｌｉｃｅ",
    "alıce",
    "alice\u200b",
    "alice\u202e",
    "al\u00adice",
    "straße",
    "alice/x",
    "alice:x",
    "alice%20",
    "..",
    ".",
    "-alice",
    "alice-",
    "a..b",
    "a b",
    "",
    "robot.team.x",
    "robot.x",
    "a".repeat(65),
    "token",
    "oauth2accesstoken",
    "(operator)",
    "(anonymous)",
    "group:builders",
    "*",
    "**",
    "api",
    "v2",
    "setup",
    "signin",
    "signout",
    "metrics",
    "berth",
  ];

  test.each(odd)("as a user: %j", async (name) => {
    const { status } = await ask(admin, "POST", "/api/v1/users", {
      name,
      password: passwordOf("x"),
    });
    expect(status).toBe(400);
  });

  test.each(odd.filter((name) => !/^(robot\.|token$|oauth2|a{65})/.test(name)))(
    "as a project: %j",
    async (name) => {
      const { status } = await ask(admin, "POST", "/api/v1/projects", { name });
      expect(status).toBe(400);
    },
  );

  test.each(["Alice", "x.y", "x/y", "", "..", "а", "a".repeat(65), "x:y", "x y", "$x", "x+y"])(
    "as a robot: %j",
    async (name) => {
      const body = { name, grants: [{ pattern: "team/**", role: "reader" }] };
      const { status } = await ask(signIn("alice"), "POST", "/api/v1/projects/team/robots", body);
      expect(status).toBe(400);
    },
  );

  test.each(["Ops", "ops ", "оps", "", "..", "a/b", "ops\0", "*"])(
    "as a group or a role: %j",
    async (name) => {
      expect((await ask(admin, "POST", "/api/v1/groups", { name })).status).toBe(400);
      expect(
        (await ask(admin, "POST", "/api/v1/roles", { name, actions: ["repository:pull"] })).status,
      ).toBe(400);
    },
  );

  test.each(["reader", "ci", "developer", "maintainer", "owner", "administrator"])(
    "as a role: %s, which is built in",
    async (name) => {
      const { status } = await ask(admin, "POST", "/api/v1/roles", {
        name,
        actions: ["project:manage"],
      });
      expect([400, 409]).toContain(status);
    },
  );

  test("GHSA-xvh7-74g6-29xw: another spelling of a name signs nobody in", async () => {
    for (const [at, name] of [
      "ALICE",
      "Alice",
      "alice ",
      " alice",
      "alice.",
      "alice\t",
      "ａlice",
      "alıce",
      "alice\u200b",
    ].entries()) {
      const answer = await door.ask("/v2/", {
        as: basic(name, passwordOf("alice")),
        from: `198.18.${at}.1`,
      });
      expect(`${JSON.stringify(name)} ${answer.status}`).toBe(`${JSON.stringify(name)} 401`);
    }
  });

  test("robots of two projects whose names run together are two", async () => {
    // robot.<project>.<name>: a project's name may hold dots, a robot's may not.
    await addProject(door, "a.b", signIn("alice"), "private");
    await addProject(door, "a", signIn("bob"), "private");
    const make = async (project: string, owner: string, name: string) =>
      await ask(signIn(owner), "POST", `/api/v1/projects/${project}/robots`, {
        name,
        grants: [{ pattern: `${project}/**`, role: "owner" }],
      });
    expect((await make("a.b", "alice", "c")).status).toBe(201);
    expect((await make("a", "bob", "b.c")).status).toBe(400);
    expect((await make("a", "bob", "c")).status).toBe(201);
    // A robot of the whole registry must not stand in for one of a project.
    const { status } = await ask(admin, "POST", "/api/v1/robots", { name: "a.b.c", grants: [] });
    expect(status).toBe(400);
  });
});
