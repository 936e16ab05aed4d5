import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { makeImage } from "../support/images.ts";
import { createOciClient } from "../support/oci-client.ts";
import { anna, basic, type ClosedApp, type SignIn, startSetUpApp } from "./closed-app.ts";

let app: ClosedApp;
let admin: SignIn;
/** Owner of the project `team`, with a token. */
let owner: SignIn;
beforeAll(async () => {
  app = await startSetUpApp();
  const { body } = await app.api(anna, "POST", "/api/v1/account/tokens", {});
  admin = ["anna", body.token];
  const password = "a password of team";
  await app.api(admin, "POST", "/api/v1/users", { name: "team", password });
  const token = await app.api(["team", password], "POST", "/api/v1/account/tokens", {});
  owner = ["team", token.body.token];
  await pushAs(owner, "team/app");
  await pushAs(admin, "other/app");
});
afterAll(() => app.remove());

const robots = "/api/v1/projects/team/robots";

function clientOf(as: SignIn) {
  return createOciClient((path, init = {}) => {
    const headers = { ...basic(as), ...Object.fromEntries(new Headers(init.headers)) };
    return app.fetch(path, { ...init, headers });
  });
}

const pushAs = (as: SignIn, repository: string) =>
  clientOf(as).pushImage(repository, makeImage(repository), "v1");
const pullAs = (as: SignIn, repository: string) =>
  clientOf(as).status(`/v2/${repository}/manifests/v1`);

async function make(name: string, more: Record<string, unknown>): Promise<SignIn> {
  const { status, body } = await app.api(owner, "POST", robots, { name, ...more });
  expect([status, body.detail]).toEqual([201, undefined]);
  expect(body.secret).toMatch(/^berth_robot_[0-9A-Za-z]{49}$/);
  return [body.name, body.secret];
}

describe("a robot of a project", () => {
  test("does what its role says, in its project alone", async () => {
    const reader = await make("reader", { role: "reader" });
    expect(reader[0]).toBe("robot.team.reader");
    expect(await pullAs(reader, "team/app")).toBe(200);
    expect(await pullAs(reader, "other/app")).toBe(404);
    const refused = await clientOf(reader).status("/v2/team/app/blobs/uploads/", "POST");
    expect(refused).toBe(403);
    expect(
      await app.rows(
        "select case when expires_at is null then 0 else 1 end as ends from principals where kind = 'robot'",
      ),
    ).toEqual([{ ends: 1 }]);
  });

  test("has grants by pattern and actions", async () => {
    const grants = [
      { pattern: "team/app", actions: ["repository:pull"] },
      { pattern: "team/nightly/**", role: "ci", tag_pattern: "v*" },
    ];
    const ci = await make("ci", { grants });
    expect(await pullAs(ci, "team/app")).toBe(200);
    await pushAs(ci, "team/nightly/deep");
    expect(await clientOf(ci).status("/v2/team/app/blobs/uploads/", "POST")).toBe(403);
    const shown = await app.api(owner, "GET", `${robots}/ci`);
    expect(shown.body.grants).toMatchObject([
      { pattern: "team/app", actions: ["repository:pull"], role: null },
      { pattern: "team/nightly/**", role: "ci", tag_pattern: "v*", actions: null },
    ]);
    expect(shown.body.secrets).toHaveLength(1);
    expect(JSON.stringify(shown.body)).not.toContain(ci[1]);
  });

  test("is shown with what is denied it as with what it may", async () => {
    const [subject] = await make("bounded", { role: "developer" });
    const denial = { subject, effect: "deny", pattern: "team/secret", role: "reader" };
    const { status } = await app.api(owner, "POST", "/api/v1/projects/team/grants", denial);
    expect(status).toBe(201);
    const { body } = await app.api(owner, "GET", `${robots}/bounded`);
    expect(
      body.grants.map(({ effect, role }: { effect: string; role: string }) => [effect, role]),
    ).toEqual([
      ["allow", "developer"],
      ["deny", "reader"],
    ]);
  });

  test("gets nothing beyond its project, and nothing that is not there", async () => {
    for (const wrong of [
      {},
      { grants: [{ pattern: "other/**", role: "reader" }] },
      { grants: [{ pattern: "teammate/**", role: "reader" }] },
      { grants: [{ pattern: "team/**" }] },
      { grants: [{ pattern: "team/**", role: "reader", actions: ["repository:pull"] }] },
      { grants: [{ pattern: "team/**", actions: ["system:manage"] }] },
      { grants: [{ pattern: "team/**", actions: ["account:manage"] }] },
      { role: "reader", administrator: true },
      { role: "reader", project_id: null },
      { role: "reader", expires_in_days: null },
      { role: "reader", expires_in_days: 10_000 },
    ]) {
      const { status } = await app.api(owner, "POST", robots, { name: "wrong", ...wrong });
      expect([wrong, status]).toEqual([wrong, 400]);
    }
    const noRole = await app.api(owner, "POST", robots, { name: "wrong", role: "emperor" });
    expect(noRole.status).toBe(404);
    for (const name of ["a.b", "a$b", "a+b", "A", "robot.x", "", "a".repeat(65)]) {
      const { status } = await app.api(owner, "POST", robots, { name, role: "reader" });
      expect([name, status]).toEqual([name, 400]);
    }
    expect(await app.rows("select * from principals where name like '%wrong%'")).toEqual([]);
  });

  test("makes robots that neither outlive it nor reach further than it", async () => {
    const grants = [{ pattern: "**", actions: ["project:manage", "repository:pull"] }];
    const maker = await make("maker", { grants, cidrs: ["127.0.0.0/8"], expires_in_days: 3 });
    const child = { role: "reader", expires_in_days: 60 };
    const refused = await app.api(maker, "POST", robots, {
      name: "far",
      grants: [{ pattern: "**", actions: ["repository:pull"] }],
      cidrs: ["0.0.0.0/0"],
    });
    expect([refused.status, refused.body.detail]).toEqual([
      403,
      "0.0.0.0/0 is none of the addresses that you are bound to yourself",
    ]);
    expect((await app.api(maker, "POST", robots, { name: "strong", ...child })).status).toBe(403);
    const { status, body } = await app.api(maker, "POST", robots, {
      name: "bound",
      grants: [{ pattern: "**", actions: ["repository:pull"] }],
      expires_in_days: 60,
    });
    expect([status, body.cidrs]).toEqual([201, ["127.0.0.0/8"]]);
    expect(Math.round((Date.parse(body.expires_at) - Date.now()) / 86_400_000)).toBe(3);
  });

  test("has two secrets at most, so that one replaces the other", async () => {
    const first = await make("turning", { role: "reader" });
    const path = `${robots}/turning/secrets`;
    const second = await app.api(owner, "POST", path, { expires_in_days: 200 });
    expect(second.status).toBe(201);
    const both: SignIn[] = [first, [first[0], second.body.secret]];
    for (const secret of both) expect(await pullAs(secret, "team/app")).toBe(200);
    expect((await app.api(owner, "POST", path, {})).status).toBe(409);
    const shown = await app.api(owner, "GET", `${robots}/turning`);
    const days = (Date.parse(shown.body.expires_at) - Date.now()) / 86_400_000;
    expect(Math.round(days)).toBe(200);
    const earlier = shown.body.secrets.find(({ id }: { id: string }) => id !== second.body.id);
    const foreign = await app.api(owner, "DELETE", `${robots}/ci/secrets/${earlier.id}`);
    expect(foreign.status).toBe(404);
    expect((await app.api(owner, "DELETE", `${path}/${earlier.id}`)).status).toBe(204);
    expect(await pullAs(first, "team/app")).toBe(401);
    expect(await pullAs([first[0], second.body.secret], "team/app")).toBe(200);
  });

  test("is disabled, enabled and deleted", async () => {
    const robot = await make("brief", { role: "reader" });
    const path = `${robots}/brief`;
    expect((await app.api(owner, "PATCH", path, { disabled: true })).status).toBe(200);
    expect(await pullAs(robot, "team/app")).toBe(401);
    await app.api(owner, "PATCH", path, { disabled: false });
    expect(await pullAs(robot, "team/app")).toBe(200);
    expect((await app.api(owner, "DELETE", path)).status).toBe(204);
    expect(await pullAs(robot, "team/app")).toBe(401);
    const again = { name: "brief", role: "reader" };
    expect((await app.api(owner, "POST", robots, again)).status).toBe(409);
    const reused = await app.api(owner, "POST", robots, { ...again, reuse_name: true });
    expect(reused.status).toBe(201);
    expect(await pullAs(robot, "team/app")).toBe(401);
  });

  test("is nobody else's, whatever the path says", async () => {
    const { status } = await app.api(admin, "POST", "/api/v1/projects/other/robots", {
      name: "theirs",
      role: "reader",
    });
    expect(status).toBe(201);
    for (const name of ["theirs", "robot.other.theirs"]) {
      for (const [method, below] of [
        ["GET", ""],
        ["PATCH", ""],
        ["DELETE", ""],
        ["POST", "/secrets"],
      ] as const) {
        const body = method === "PATCH" || method === "POST" ? {} : undefined;
        const answer = await app.api(owner, method, `${robots}/${name}${below}`, body);
        expect([method, answer.status]).toEqual([method, 404]);
      }
    }
    expect((await app.api(owner, "GET", "/api/v1/projects/other/robots")).status).toBe(404);
    expect((await app.api(owner, "GET", "/api/v1/robots")).status).toBe(403);
  });

  test("that manages its project gives on no more than it has", async () => {
    const grants = [
      { pattern: "**", actions: ["project:manage", "project:read", "repository:pull"] },
    ];
    const manager = await make("manager", { grants });
    const weaker = await app.api(manager, "POST", robots, { name: "weaker", role: "reader" });
    expect(weaker.status).toBe(201);
    const wider = await app.api(manager, "POST", robots, { name: "wider", role: "maintainer" });
    expect(wider.status).toBe(403);
  });
});

describe("a robot of the registry", () => {
  test("is an administrator's to make, and reaches what it was given anywhere", async () => {
    const made = await app.api(admin, "POST", "/api/v1/robots", {
      name: "mirror",
      grants: [{ pattern: "**", role: "reader" }],
      expires_in_days: null,
    });
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({ name: "robot.mirror", project: null, expires_at: null });
    const robot: SignIn = ["robot.mirror", made.body.secret];
    expect(await pullAs(robot, "team/app")).toBe(200);
    expect(await pullAs(robot, "other/app")).toBe(200);
    expect((await app.api(robot, "GET", "/api/v1/users")).status).toBe(403);
    expect((await app.api(robot, "POST", "/api/v1/account/tokens", {})).status).toBe(403);
  });

  test("every robot is listed there", async () => {
    const { body } = await app.api(admin, "GET", "/api/v1/robots?limit=200");
    const names = body.items.map(({ name }: { name: string }) => name);
    expect(names).toContain("robot.mirror");
    expect(names).toContain("robot.team.ci");
    const ofTeam = await app.api(owner, "GET", robots);
    const theirs = ofTeam.body.items.map(({ project }: { project: string }) => project);
    expect(new Set(theirs)).toEqual(new Set(["team"]));
    const shown = await app.api(admin, "GET", "/api/v1/robots/robot.team.ci");
    expect(shown.body).toMatchObject({ name: "robot.team.ci", project: "team" });
  });
});

test("the audit tells of robots, not of their secrets", async () => {
  const lines = await app.rows("select action, resource, project_id, detail from audit");
  const actions = new Set(lines.map((line) => line["action"]));
  for (const action of [
    "robot.created",
    "robot.rotated",
    "robot.secret_revoked",
    "robot.disabled",
    "robot.deleted",
  ]) {
    expect(actions).toContain(action);
  }
  expect(JSON.stringify(lines)).not.toMatch(/berth_(robot|pat|session)_[0-9A-Za-z]{40}/);
});

describe("a robot that manages its project", () => {
  test("makes none that may what is denied to it", async () => {
    const boss = await make("boss", { role: "owner" });
    expect((await app.api(boss, "POST", robots, { name: "first", role: "ci" })).status).toBe(201);
    const deny = { subject: boss[0], effect: "deny", pattern: "team/secret/**", role: "reader" };
    const grants = "/api/v1/projects/team/grants";
    expect((await app.api(owner, "POST", grants, deny)).status).toBe(201);
    expect((await app.api(boss, "POST", robots, { name: "second", role: "ci" })).status).toBe(403);
    const member = { role: "reader" };
    const put = await app.api(boss, "PUT", "/api/v1/projects/team/members/anna", member);
    expect(put.status).toBe(403);
    const first = await app.api(boss, "POST", `${robots}/first/secrets`, {});
    expect(first.status).toBe(403);
  });

  test("takes over none that has rights elsewhere, as a member or through a group", async () => {
    const chief = await make("chief", { role: "owner" });
    const abroad = await make("abroad", { role: "reader" });
    const inGroup = await make("ingroup", { role: "reader" });
    const rotate = (name: string, as: SignIn) =>
      app.api(as, "POST", `${robots}/${name}/secrets`, {});
    await app.api(admin, "PUT", `/api/v1/projects/other/members/${abroad[0]}`, { role: "reader" });
    await app.api(admin, "POST", "/api/v1/groups", { name: "robots" });
    await app.api(admin, "PUT", `/api/v1/groups/robots/members/${inGroup[0]}`);
    await app.api(admin, "PUT", "/api/v1/projects/other/members/group:robots", { role: "reader" });
    for (const name of ["abroad", "ingroup"]) {
      const { status, body } = await rotate(name, chief);
      expect(status).toBe(403);
      expect(body.detail).toContain("rights outside of team");
      expect((await rotate(name, owner)).status).toBe(201);
    }
    await make("athome", { role: "reader" });
    expect((await rotate("athome", chief)).status).toBe(201);
  });
});
