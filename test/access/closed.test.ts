import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { endpoints } from "../../src/api/endpoints.ts";
import { queryStore } from "../support/test-database.ts";
import { askedOf, isPlaced, outcomeOf } from "./api-requests.ts";
import { planeRequests, seen } from "./data-plane.ts";
import { basic, type Door, openDoor, secretIn } from "./door.ts";
import { rightOf } from "./oracle.ts";
import { addProject, addUser, admin, image, places, signIn } from "./world.ts";

const onPostgres = process.env["BERTH_TEST_DATABASE"] === "postgres";

let door: Door;

beforeAll(async () => {
  door = await openDoor();
  for (const name of ["owner", "stranger", "denied"]) await addUser(door, name);
  await addProject(door, "mine", signIn("owner"), "private");
  await door.client(signIn("owner")).pushImage(places.mine, image, "v1");
  await door.api(admin, "PUT", "/api/v1/projects/mine/members/denied", { role: "owner" });
  const actions = ["repository:pull", "repository:push", "repository:delete"];
  const grant = { subject: "denied", pattern: places.mine, actions, effect: "deny" };
  await door.api(admin, "POST", "/api/v1/projects/mine/grants", grant);
});

afterAll(() => door.remove());

/** Everything that somebody got from `mine` who must get nothing. */
async function gotten(as: string | null): Promise<string[]> {
  const got: string[] = [];
  for (const request of planeRequests) {
    if (!request.route.includes("<name>")) continue;
    const path = request.path(places.mine, "none");
    const { status } = await door.ask(path, { ...request, as });
    // Of what one may not see, nothing refers to anything, which is said as of what is not there.
    const isNone = status === 200 && request.route.includes("referrers");
    if (status < 400 && !isNone) got.push(`${request.method} ${path} ${status}`);
  }
  for (const endpoint of endpoints) {
    if (!isPlaced(endpoint.path)) continue;
    const { path, ask } = askedOf(endpoint, "stranger", "mine");
    const answer = await door.ask(path, { ...ask, as });
    if (answer.status < 400) got.push(`${endpoint.method} ${path} ${answer.status}`);
  }
  return got;
}

/** The same database is asked anew: what is known of rights ends with a change of anybody's. */
async function changeRights(): Promise<void> {
  await door.api(admin, "POST", "/api/v1/groups", { name: `g${crypto.randomUUID().slice(0, 8)}` });
}

describe("GHSA-3x7c-wf86-mjx6: where it cannot be looked up who may do what, nothing is let through", () => {
  const manifest = `/v2/${places.mine}/manifests/v1`;
  const statusOf = async (as: string) => (await door.ask(manifest, { as })).status;

  // On PostgreSQL a statement that was prepared goes on with a table by another name.
  for (const table of onPostgres ? [] : ["grants", "roles", "projects", "principals"]) {
    test(`the table ${table} is gone`, async () => {
      await changeRights();
      await queryStore(door.folder, `alter table ${table} rename to ${table}_away`);
      try {
        for (const as of [null, signIn("stranger"), signIn("denied")]) {
          expect(await gotten(as)).toEqual([]);
        }
        expect(await statusOf(signIn("owner"))).toBeGreaterThanOrEqual(500);
      } finally {
        await queryStore(door.folder, `alter table ${table}_away rename to ${table}`);
      }
      expect(await statusOf(signIn("owner"))).toBe(200);
    });
  }

  test.each([
    ["actions", "["],
    ["effect", "ask"],
    ["cidrs", '["nowhere"]'],
    ["pattern", "mine/*a**"],
  ])("of a grant that denies, %s is %s", async (column, value) => {
    const asked = `select id, ${column} as kept from grants where effect = 'deny'`;
    const [{ id, kept } = {}] = await queryStore(door.folder, asked);
    const change = `update grants set ${column} = ? where id = ?`;
    await queryStore(door.folder, change, value, `${id}`);
    try {
      await changeRights();
      for (const method of ["GET", "PUT", "DELETE"]) {
        const body = method === "PUT" ? image.manifest : undefined;
        const { status } = await door.ask(manifest, { method, body, as: signIn("denied") });
        expect(`${method} ${status}`).toBe(`${method} 500`);
      }
    } finally {
      await queryStore(door.folder, change, `${kept}`, `${id}`);
      await changeRights();
    }
    expect(await statusOf(signIn("denied"))).toBe(404);
    expect(await statusOf(signIn("owner"))).toBe(200);
  });
});

/** The rights of the table by hand that an action of a grant stands for. */
const rightsOf = {
  "repository:pull": ["pull"],
  "repository:push": ["push"],
  "repository:edit": ["edit"],
  "repository:delete": ["delete"],
  "repository:lock": ["lock"],
  "project:read": ["see"],
  "project:manage": ["manage", "explain"],
  "project:create": ["create"],
} as const;

describe("GHSA-xq2m-cj8w-56v5: a robot for everything does what it was given, and nothing beside", () => {
  for (const [action, own] of Object.entries(rightsOf)) {
    test(action, async () => {
      const name = action.replace(":", "-");
      const made = await door.api(admin, "POST", "/api/v1/robots", {
        name,
        grants: [{ pattern: "**", actions: [action] }],
      });
      const as = basic(`robot.${name}`, secretIn(made));
      const wrong: string[] = [];
      for (const endpoint of endpoints) {
        const { method } = endpoint;
        const right = rightOf(method, endpoint.path) ?? "";
        // What takes no grant is in the matrix; and a robot gives no role on that it does not have.
        if (/^(anyone|enter|star|mark)$/.test(right)) continue;
        if (`${method} ${endpoint.path}` === "POST /api/v1/projects/{project}/robots") continue;
        const { path, ask } = askedOf(endpoint, "robot-wide", "mine");
        const got = await outcomeOf(await door.ask(path, { ...ask, as }));
        const isOwn = (own as readonly string[]).includes(right);
        if ((got === "yes") !== isOwn) wrong.push(`${method} ${path}: ${got}`);
      }
      for (const request of planeRequests) {
        if (!request.route.includes("<name>")) continue;
        const method = request.method === "HEAD" ? "GET" : request.method;
        const right = rightOf(method, request.route) ?? "";
        if (right === "list") continue;
        const path = request.path(places.mine, "none");
        const got = await seen(await door.ask(path, { ...request, as }), request);
        const isOwn = (own as readonly string[]).includes(right);
        if ((got === "yes") !== isOwn) wrong.push(`${request.method} ${path}: ${got}`);
      }
      expect(wrong).toEqual([]);
    });
  }
});
