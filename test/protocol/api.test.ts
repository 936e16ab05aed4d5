/**
 * Goal: projects, members, repositories, tags, groups, roles, grants, rules and limits through the
 * door, and what one may give on. Method: a server with access control, users made through its API.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type ApiClient, openApi, pushImage } from "../support/api-client.ts";
import { digestOf, makeImage } from "../support/images.ts";

let admin: ApiClient;
let alice: ApiClient;
let bob: ApiClient;
let nobody: ApiClient;
let stop: () => Promise<void>;

beforeAll(async () => {
  const api = await openApi();
  ({ admin, nobody, stop } = api);
  alice = await api.user("alice");
  bob = await api.user("bob");
});
afterAll(() => stop());

describe("projects", () => {
  test("belong to who makes them, and nobody else sees a private one", async () => {
    const made = await alice.post("/projects", { name: "p1", description: "first" });
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({
      name: "p1",
      visibility: "private",
      created_by: "alice",
      version: 1,
    });
    expect((await alice.get("/projects/p1")).body["allowed"]).toEqual([
      "repository:push",
      "project:manage",
    ]);
    const unknown = await bob.get("/projects/p9");
    const hidden = await bob.get("/projects/p1");
    expect([hidden.status, unknown.status]).toEqual([404, 404]);
    const words = (name: string, { body }: typeof hidden) =>
      String(body["detail"]).replace(name, "");
    expect(words("p1", hidden)).toBe(words("p9", unknown));
    expect((await nobody.get("/projects/p1")).status).toBe(401);
    expect((await nobody.get("/projects/p9")).status).toBe(401);
    expect(namesOf(await bob.get("/projects"))).not.toContain("p1");
    expect(namesOf(await admin.get("/projects"))).toContain("p1");
  });

  test("are changed by version", async () => {
    await alice.post("/projects", { name: "p2" });
    const { headers } = await alice.get("/projects/p2");
    expect(headers.get("etag")).toBe('"1"');
    const match = { "if-match": '"1"' };
    const changed = await alice.patch("/projects/p2", { visibility: "public" }, match);
    expect(changed.body).toMatchObject({ visibility: "public", version: 2 });
    expect((await alice.patch("/projects/p2", { description: "x" }, match)).status).toBe(412);
    expect((await bob.patch("/projects/p2", { description: "x" })).status).toBe(403);
    expect((await nobody.get("/projects/p2")).status).toBe(200);
  });

  test("refuse names that are taken, kept or none", async () => {
    expect((await bob.post("/projects", { name: "alice" })).status).toBe(409);
    await alice.delete("/projects/alice");
    expect((await bob.post("/projects", { name: "alice" })).status).toBe(409);
    expect((await alice.post("/projects", { name: "alice" })).status).toBe(201);
    expect((await bob.post("/projects", { name: "api" })).status).toBe(400);
    expect((await bob.post("/projects", { name: "a/b" })).status).toBe(400);
    expect((await bob.post("/projects", { name: "c", created_by: "bob" })).status).toBe(400);
    // Whose it is else only an administrator says.
    expect((await bob.post("/projects", { name: "c", owner: "bob" })).status).toBe(403);
  });

  test("that are made again have nothing of the one before", async () => {
    await alice.post("/projects", { name: "p3" });
    await alice.put("/projects/p3/members/bob", { role: "developer" });
    expect((await bob.get("/projects/p3")).status).toBe(200);
    expect((await bob.delete("/projects/p3")).status).toBe(403);
    expect((await alice.delete("/projects/p3")).status).toBe(204);
    expect((await alice.get("/projects/p3")).status).toBe(404);
    expect((await admin.post("/projects", { name: "p3" })).status).toBe(201);
    expect((await bob.get("/projects/p3")).status).toBe(404);
    expect((await alice.get("/projects/p3")).status).toBe(404);
  });

  test("that go take their robots with them", async () => {
    await alice.post("/projects", { name: "p4" });
    const robot = await alice.post("/projects/p4/robots", { name: "ci", role: "ci" });
    expect(robot.status).toBe(201);
    const asRobot = nobody.as("robot.p4.ci", secretOf(robot.body));
    expect((await asRobot.get("/projects/p4")).status).toBe(200);
    await alice.delete("/projects/p4");
    expect((await asRobot.get("/projects/p4")).status).toBe(401);
  });
});

describe("members", () => {
  test("have one role, which ends", async () => {
    await alice.post("/projects", { name: "m1" });
    await alice.put("/projects/m1/members/bob", { role: "reader" });
    await alice.put("/projects/m1/members/bob", { role: "owner" });
    const { body } = await alice.get("/projects/m1/members");
    expect(body["items"]).toMatchObject([
      { member: "alice", role: "owner" },
      { member: "bob", role: "owner" },
    ]);
    expect((await bob.delete("/projects/m1/members/bob")).status).toBe(204);
    expect((await bob.get("/projects/m1")).status).toBe(404);
    expect((await alice.delete("/projects/m1/members/bob")).status).toBe(404);
    expect((await alice.put("/projects/m1/members/carol", { role: "ci" })).status).toBe(404);
    expect((await alice.put("/projects/m1/members/bob", { role: "king" })).status).toBe(404);
  });

  test("may be groups", async () => {
    await alice.post("/projects", { name: "m2" });
    expect((await admin.post("/groups", { name: "crew" })).status).toBe(201);
    await alice.put("/projects/m2/members/group:crew", { role: "reader" });
    expect((await bob.get("/projects/m2")).status).toBe(404);
    await admin.put("/groups/crew/members/bob", {});
    expect((await bob.get("/projects/m2")).status).toBe(200);
    expect((await admin.get("/groups/crew/members")).body["items"]).toEqual([
      { member: "bob", kind: "user" },
    ]);
    await admin.delete("/groups/crew");
    expect((await bob.get("/projects/m2")).status).toBe(404);
  });
});

describe("repositories and tags", () => {
  test("are listed to who may see them, and changed by who may", async () => {
    await alice.post("/projects", { name: "r1", visibility: "public" });
    await pushImage(alice, "r1/app", "v1");
    await pushImage(alice, "r1/hidden", "v1");
    await alice.put("/projects/r1/members/bob", { role: "developer" });
    const path = "/repositories/r1%2Fapp";
    const changed = await bob.patch(path, { description: "An app", labels: { tier: "web" } });
    expect(changed.body).toMatchObject({
      description: "An app",
      labels: { tier: "web" },
      version: 2,
    });
    expect((await bob.patch(path, { visibility: "private" })).status).toBe(403);
    const hidden = await alice.patch("/repositories/r1%2Fhidden", { visibility: "private" });
    expect(hidden.body).toMatchObject({ visibility: "private", effective_visibility: "private" });
    expect(namesOf(await nobody.get("/projects/r1/repositories"))).toEqual(["r1/app"]);
    expect(namesOf(await bob.get("/projects/r1/repositories"))).toEqual(["r1/app", "r1/hidden"]);
    expect((await nobody.get("/repositories/r1%2Fhidden")).status).toBe(401);
    await alice.patch("/projects/r1", { visibility: "internal" });
    expect((await alice.patch(path, { visibility: "public" })).status).toBe(409);
  });

  test("go out of sight when they are deleted, and a new one is empty", async () => {
    await alice.post("/projects", { name: "r2" });
    const digest = await pushImage(alice, "r2/app", "v1");
    const pulls = async () => {
      const manifest = await alice.raw("GET", `/v2/r2/app/manifests/${digest}`);
      const tag = await alice.raw("GET", "/v2/r2/app/manifests/v1");
      const config = makeImage("r2/app:v1").config;
      const blob = await alice.raw("GET", `/v2/r2/app/blobs/${digestOf(config)}`);
      const tags = await alice.raw("GET", "/v2/r2/app/tags/list");
      return [manifest, tag, blob, tags].map(({ status }) => status);
    };
    expect(await pulls()).toEqual([200, 200, 200, 200]);
    expect((await alice.delete("/repositories/r2%2Fapp")).status).toBe(204);
    expect((await alice.get("/repositories/r2%2Fapp/tags")).status).toBe(404);
    expect(await pulls()).toEqual([404, 404, 404, 404]);
    await pushImage(alice, "r2/app", "v2");
    expect(namesOf(await alice.get("/repositories/r2%2Fapp/tags"))).toEqual(["v2"]);
  });

  test("a locked tag, and one that a rule protects, stay with all that holds them", async () => {
    await alice.post("/projects", { name: "r3" });
    await pushImage(alice, "r3/app", "v1");
    const lock = "/repositories/r3%2Fapp/tags/v1/lock";
    expect((await alice.put(lock, {})).body).toMatchObject({ name: "v1" });
    expect((await alice.raw("DELETE", "/v2/r3/app/manifests/v1")).status).toBe(403);
    expect((await alice.delete("/repositories/r3%2Fapp")).status).toBe(403);
    expect((await alice.delete("/projects/r3")).status).toBe(403);
    const { body } = await alice.get("/repositories/r3%2Fapp/tags");
    expect(body["items"]).toMatchObject([{ name: "v1", locked_by: "alice", immutable_by: null }]);
    const rule = await alice.post("/projects/r3/tag-rules", { tags: ["v*"] });
    expect(rule.status).toBe(201);
    expect((await alice.delete(lock)).body).toMatchObject({ locked_at: null });
    expect((await alice.delete("/repositories/r3%2Fapp")).status).toBe(403);
    expect((await alice.delete(`/projects/r3/tag-rules/${rule.body["id"]}`)).status).toBe(204);
    expect((await alice.delete("/repositories/r3%2Fapp")).status).toBe(204);
    expect((await alice.put(lock, {})).status).toBe(404);
  });
});

describe("what is given on", () => {
  test("everywhere is the administrators' to give", async () => {
    const grant = { subject: "bob", role: "reader" };
    expect((await alice.post("/grants", grant)).status).toBe(403);
    expect((await alice.post("/roles", { name: "x", actions: ["repository:pull"] })).status).toBe(
      403,
    );
    expect((await alice.post("/groups", { name: "x" })).status).toBe(403);
    const limit = { applies_to: "user", counts: "pulls", amount: 1, window_seconds: 60 };
    expect((await alice.post("/rate-limits", limit)).status).toBe(403);
    await alice.post("/projects", { name: "g0" });
    const made = await admin.post("/grants", grant);
    expect(made.status).toBe(201);
    expect((await bob.get("/projects/g0")).status).toBe(200);
    expect((await admin.delete(`/grants/${made.body["id"]}`)).status).toBe(204);
    expect((await bob.get("/projects/g0")).status).toBe(404);
  });

  test("a project's grants stay inside it, and what is denied wins", async () => {
    await alice.post("/projects", { name: "g1" });
    await alice.post("/projects", { name: "g2" });
    const grant = (rest: object) => alice.post("/projects/g1/grants", { subject: "bob", ...rest });
    expect((await grant({ role: "ci", pattern: "g2/**" })).status).toBe(400);
    expect((await grant({ role: "ci", actions: ["repository:pull"] })).status).toBe(400);
    expect((await grant({})).status).toBe(400);
    const allow = await grant({ role: "developer" });
    expect(allow.status).toBe(201);
    expect((await bob.get("/projects/g1")).status).toBe(200);
    expect((await bob.get("/projects/g2")).status).toBe(404);
    const deny = await grant({ effect: "deny", role: "developer" });
    expect((await bob.get("/projects/g1")).status).toBe(404);
    expect((await alice.delete(`/projects/g2/grants/${deny.body["id"]}`)).status).toBe(404);
    expect((await alice.delete(`/projects/g1/grants/${deny.body["id"]}`)).status).toBe(204);
    expect((await bob.get("/projects/g1")).status).toBe(200);
  });

  test("a custom role is what its actions say, and stays while somebody has it", async () => {
    const role = { name: "looker", actions: ["project:read"] };
    expect((await admin.post("/roles", role)).status).toBe(201);
    expect((await admin.post("/roles", role)).status).toBe(409);
    expect((await admin.patch("/roles/reader", { description: "x" })).status).toBe(409);
    await alice.post("/projects", { name: "g3" });
    await pushImage(alice, "g3/app", "v1");
    await alice.put("/projects/g3/members/bob", { role: "looker" });
    expect((await bob.get("/projects/g3")).status).toBe(200);
    expect((await bob.get("/repositories/g3%2Fapp")).status).toBe(404);
    expect((await admin.delete("/roles/looker")).status).toBe(409);
    const actions = ["project:read", "repository:pull"];
    await admin.patch("/roles/looker", { actions });
    expect((await bob.get("/repositories/g3%2Fapp")).status).toBe(200);
    await alice.delete("/projects/g3/members/bob");
    expect((await admin.delete("/roles/looker")).status).toBe(204);
    expect(namesOf(await bob.get("/roles"))).toEqual([
      "reader",
      "ci",
      "developer",
      "maintainer",
      "owner",
    ]);
  });

  test("a robot that manages a project gives on no more than it may do itself", async () => {
    await alice.post("/projects", { name: "g4" });
    const made = await alice.post("/projects/g4/robots", {
      name: "keeper",
      grants: [{ pattern: "**", actions: ["project:manage", "project:read", "repository:pull"] }],
    });
    expect(made.status).toBe(201);
    const keeper = nobody.as("robot.g4.keeper", secretOf(made.body));
    const set = (role: string) => keeper.put("/projects/g4/members/bob", { role });
    expect((await set("owner")).status).toBe(403);
    expect((await set("ci")).status).toBe(403);
    expect((await set("reader")).status).toBe(200);
    const own = { subject: "robot.g4.keeper", actions: ["repository:delete"] };
    expect((await keeper.post("/projects/g4/grants", own)).status).toBe(403);
    const deny = { subject: "robot.g4.keeper", effect: "deny", actions: ["repository:pull"] };
    const { body } = await alice.post("/projects/g4/grants", deny);
    expect((await keeper.delete(`/projects/g4/grants/${body["id"]}`)).status).toBe(403);
  });
});

describe("why", () => {
  test("is told to who manages the project, and to administrators", async () => {
    await alice.post("/projects", { name: "w1" });
    await alice.put("/projects/w1/members/bob", { role: "ci" });
    const path = (ref: string) => `/access/why?user=bob&action=push&ref=${ref}`;
    const told = await alice.get(path("w1%2Fapp%3Av1"));
    expect(told.body).toMatchObject({ allowed: true, rule: "grant", grant: { role: "ci" } });
    const hidden = await bob.get(path("p1"));
    const unknown = await bob.get(path("nothing"));
    expect([hidden.status, unknown.status]).toEqual([403, 403]);
    expect(hidden.body["detail"]).toBe(unknown.body["detail"]);
    expect((await admin.get(path("nothing"))).body).toMatchObject({ allowed: true, exists: false });
  });
});

describe("rate limits", () => {
  test("are made, changed and deleted", async () => {
    const limit = { applies_to: "principal", name: "bob", counts: "requests", window_seconds: 60 };
    const made = await admin.post("/rate-limits", { ...limit, amount: 3 });
    expect(made.body).toMatchObject({ name: "bob", amount: 3, version: 1 });
    const statuses: number[] = [];
    for (let n = 0; n < 5; n++) statuses.push((await bob.get("/projects")).status);
    expect(statuses).toEqual([200, 200, 200, 429, 429]);
    const path = `/rate-limits/${made.body["id"]}`;
    expect((await admin.patch(path, { amount: 1000 })).body).toMatchObject({ version: 2 });
    expect((await admin.delete(path)).status).toBe(204);
    expect((await bob.get("/projects")).status).toBe(200);
  });
});

describe("lists", () => {
  test("go on where they ended", async () => {
    const first = await admin.get("/projects?limit=2");
    expect(first.body["items"]).toHaveLength(2);
    expect(first.headers.get("link")).toContain(`after=${first.body["next"]}`);
    const names = namesOf(first);
    let next: unknown = first.body["next"];
    for (let pages = 0; next !== null && pages < 100; pages++) {
      const page = await admin.get(`/projects?limit=2&after=${next}`);
      names.push(...namesOf(page));
      next = page.body["next"];
    }
    expect(names).toEqual(namesOf(await admin.get("/projects?limit=200")));
  });
});

test("every change is in the audit, with who made it", async () => {
  await alice.post("/projects", { name: "a1" });
  await alice.put("/projects/a1/members/bob", { role: "reader" });
  const { body } = await alice.get("/projects/a1/audit");
  const lines = body["items"] as { action: string; actor: string; resource: string }[];
  expect(lines.map(({ action }) => action)).toEqual(["member.set", "project.created"]);
  expect(JSON.stringify(lines)).toContain("alice");
});

function namesOf({ body }: { body: Record<string, unknown> }): string[] {
  return (body["items"] as { name: string }[]).map(({ name }) => name);
}

function secretOf(body: Record<string, unknown>): string {
  const found = JSON.stringify(body).match(/berth_robot_[A-Za-z0-9]+/);
  return found?.[0] ?? "";
}
