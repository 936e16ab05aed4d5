import { afterAll, afterEach, beforeAll, expect, setSystemTime, test } from "bun:test";
import { makeImage } from "../support/images.ts";
import { basic, bearer, type Door, fetchToken, openDoor, secretIn } from "./door.ts";
import { addProject, addUser, admin, signIn } from "./world.ts";

const manifest = "/v2/team/app/manifests/v1";
const dayMs = 24 * 60 * 60 * 1000;
let door: Door;

beforeAll(async () => {
  door = await openDoor();
  for (const name of ["alice", "bob"]) await addUser(door, name);
  await addProject(door, "team", signIn("alice"), "private");
  await door.client(signIn("alice")).pushImage("team/app", makeImage("time"), "v1");
});

afterEach(() => {
  setSystemTime();
});

afterAll(() => door.remove());

async function pull(as: string, from?: string): Promise<number> {
  const answer = await door.ask(manifest, from === undefined ? { as } : { as, from });
  await answer.arrayBuffer();
  return answer.status;
}

/** Asks now, so that whatever is remembered is, and again when that much time has gone by. */
async function beforeAndAfter(as: string, ms: number): Promise<number[]> {
  const before = await pull(as);
  setSystemTime(new Date(Date.now() + ms));
  const after = await pull(as);
  setSystemTime();
  return [before, after];
}

test("a robot and its registry token end with the robot's time, however lately they were seen", async () => {
  const body = { name: "brief", role: "reader", expires_in_days: 1 };
  const made = await door.api(signIn("alice"), "POST", "/api/v1/projects/team/robots", body);
  const robot = basic("robot.team.brief", secretIn(made));
  expect(await beforeAndAfter(robot, dayMs - 60_000)).toEqual([200, 200]);
  expect(await beforeAndAfter(robot, dayMs + 1_000)).toEqual([200, 401]);
  setSystemTime(new Date(Date.now() + dayMs - 60_000));
  const token = bearer(await fetchToken(door, robot, "repository:team/app:pull"));
  expect(await pull(token)).toBe(200);
  setSystemTime(new Date(Date.now() + 90_000));
  expect(await pull(token)).toBe(401);
});

test("a personal access token ends with its time", async () => {
  const body = { expires_in_days: 1 };
  const made = await door.api(signIn("alice"), "POST", "/api/v1/account/tokens", body);
  expect(await beforeAndAfter(basic("alice", secretIn(made)), dayMs + 1_000)).toEqual([200, 401]);
  expect(await beforeAndAfter(bearer(secretIn(made)), dayMs + 1_000)).toEqual([200, 401]);
});

test("a registry token ends after five minutes", async () => {
  const token = bearer(await fetchToken(door, signIn("alice"), "repository:team/app:pull"));
  expect(await beforeAndAfter(token, 280_000)).toEqual([200, 200]);
  expect(await beforeAndAfter(token, 310_000)).toEqual([200, 401]);
});

test("a grant ends with its time, for who was just let through", async () => {
  const expires_at = new Date(Date.now() + 60_000).toISOString();
  const grant = { subject: "bob", role: "reader", expires_at };
  await door.api(signIn("alice"), "POST", "/api/v1/projects/team/grants", grant);
  const made = await door.api(signIn("bob"), "POST", "/api/v1/account/tokens", {});
  const token = basic("bob", secretIn(made));
  expect(await beforeAndAfter(token, 61_000)).toEqual([200, 404]);
});

test("a grant that is bound to addresses is so for each request, and what denies wins", async () => {
  await addUser(door, "carol");
  const made = await door.api(signIn("carol"), "POST", "/api/v1/account/tokens", {});
  const token = basic("carol", secretIn(made));
  const path = "/api/v1/projects/team/grants";
  const near = { subject: "carol", role: "reader", cidrs: ["203.0.113.0/24"] };
  await door.api(signIn("alice"), "POST", path, near);
  for (let round = 0; round < 2; round++) {
    expect(await pull(token, "203.0.113.5")).toBe(200);
    expect(await pull(token, "192.0.2.5")).toBe(404);
  }
  await door.api(signIn("alice"), "POST", path, { subject: "carol", role: "reader" });
  expect(await pull(token, "192.0.2.5")).toBe(200);
  const denied = { subject: "carol", effect: "deny", actions: ["repository:pull"] };
  const id = (await door.api(signIn("alice"), "POST", path, denied))["id"];
  for (const from of ["203.0.113.5", "192.0.2.5"]) expect(await pull(token, from)).toBe(404);
  await door.api(signIn("alice"), "PUT", "/api/v1/projects/team/members/carol", { role: "owner" });
  expect(await pull(token)).toBe(404);
  await door.api(signIn("alice"), "DELETE", `${path}/${id}`);
  expect(await pull(token)).toBe(200);
});

test("who is disabled is so at once, whatever was remembered of them", async () => {
  await addUser(door, "dave");
  await door.api(signIn("alice"), "PUT", "/api/v1/projects/team/members/dave", { role: "reader" });
  const made = await door.api(signIn("dave"), "POST", "/api/v1/account/tokens", {});
  const ways = [
    signIn("dave"),
    basic("dave", secretIn(made)),
    bearer(secretIn(made)),
    bearer(await fetchToken(door, signIn("dave"), "repository:team/app:pull")),
  ];
  for (const as of ways) expect(await pull(as)).toBe(200);
  await door.api(admin, "PATCH", "/api/v1/users/dave", { disabled: true });
  for (const as of ways) expect(await pull(as)).toBe(401);
});
