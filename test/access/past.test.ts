import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { digestOf, makeImage } from "../support/images.ts";
import { bearer, type Door, fetchToken, openDoor } from "./door.ts";
import { addProject, addUser, admin, signIn } from "./world.ts";

const image = makeImage("past");
const later = makeImage("past, later");
const layer = digestOf(image.layers[0] ?? "");
const owner = signIn("alice");

let door: Door;
/** What names begin with to mean the state before a repository was deleted. */
let past: string;

/** `team` is private and `plaza` public, both alice's; carol reads `team`. What is `once` was deleted. */
beforeAll(async () => {
  door = await openDoor();
  for (const name of ["alice", "bob", "carol"]) await addUser(door, name);
  await addProject(door, "team", owner, "private");
  await addProject(door, "plaza", owner, "public");
  await door.api(owner, "PUT", "/api/v1/projects/team/members/carol", { role: "reader" });
  const client = door.client(owner);
  for (const name of ["team/app", "team/once", "plaza/app", "plaza/once"]) {
    await client.pushImage(name, image, "v1");
  }
  await door.api(owner, "PATCH", "/api/v1/repositories/plaza%2Fonce", { visibility: "private" });
  past = await mark();
  await client.pushImage("team/app", later, "v1");
  for (const name of ["team/once", "plaza/once"]) {
    await door.api(owner, "DELETE", `/api/v1/repositories/${encodeURIComponent(name)}`);
  }
  // Another one, of the same name, that everybody may see.
  await client.pushImage("plaza/once", later, "v1");
});

afterAll(() => door.remove());

async function mark(): Promise<string> {
  const at = new Date();
  await Bun.sleep(5);
  return `asof/${at.toISOString().replace(/[-:.]/g, "").toLowerCase()}`;
}

async function digestOfTag(as: string | null, name: string): Promise<string | number | null> {
  const answer = await door.ask(`/v2/${name}/manifests/v1`, { as });
  await answer.arrayBuffer();
  return answer.status === 200 ? answer.headers.get("docker-content-digest") : answer.status;
}

describe("the past of a repository", () => {
  test("is seen by who may see the repository, and by nobody else", async () => {
    for (const [as, name, seen] of [
      [owner, "team/app", image.digest],
      [signIn("carol"), "team/app", image.digest],
      [admin, "team/app", image.digest],
      [signIn("bob"), "team/app", 404],
      [null, "team/app", 401],
      [null, "plaza/app", image.digest],
    ] as const) {
      expect(await digestOfTag(as, `${past}/${name}`)).toBe(seen);
    }
  });

  test("takes a token for it, or for the repository, to read and no more", async () => {
    const of = async (as: string, scope: string) => bearer(await fetchToken(door, as, scope));
    const name = `${past}/team/app`;
    for (const scope of [`repository:${name}:pull`, "repository:team/app:pull"]) {
      const token = await of(signIn("carol"), scope);
      expect(await digestOfTag(token, name)).toBe(image.digest);
      expect(await digestOfTag(token, "team/app")).toBe(later.digest);
      expect(await digestOfTag(token, `${past}/team/once`)).toBe(401);
    }
    const wide = await of(owner, `repository:${name}:pull,push,delete`);
    for (const [method, path, status] of [
      ["POST", "/v2/team/app/blobs/uploads/", 401],
      ["DELETE", "/v2/team/app/manifests/v1", 401],
      ["POST", `/v2/${name}/blobs/uploads/`, 405],
      ["PUT", `/v2/${name}/manifests/v1`, 405],
    ] as const) {
      expect((await door.ask(path, { as: wide, method })).status).toBe(status);
    }
    for (const scope of ["repository:asof/never/team/app:pull", `repository:${past}:pull`]) {
      expect(await digestOfTag(await of(owner, scope), name)).toBe(401);
    }
    const answer = await door.ask(`/v2/${name}/manifests/v1`, { as: null });
    expect(answer.headers.get("www-authenticate")).toContain('scope="repository:team/app:pull"');
  });

  test("is mounted from by who may pull from the repository", async () => {
    const mount = async (as: string, project: string) =>
      (
        await door.ask(`/v2/${project}/app/blobs/uploads/?mount=${layer}&from=${past}/team/app`, {
          as,
          method: "POST",
        })
      ).status;
    expect(await mount(owner, "plaza")).toBe(201);
    expect(await mount(signIn("bob"), "bobs")).toBe(202);
  });

  test("that was deleted is seen by those whose grants cover its name", async () => {
    for (const [as, name, seen] of [
      [owner, "team/once", image.digest],
      [signIn("carol"), "team/once", image.digest],
      [admin, "team/once", image.digest],
      [signIn("bob"), "team/once", 404],
      [null, "team/once", 401],
      [owner, "plaza/once", image.digest],
      // The name is open to all now; what had it then was not.
      [signIn("bob"), "plaza/once", 404],
      [null, "plaza/once", 404],
    ] as const) {
      expect(`${name} ${await digestOfTag(as, `${past}/${name}`)}`).toBe(`${name} ${seen}`);
    }
    expect(await digestOfTag(null, "plaza/once")).toBe(later.digest);
    const token = bearer(await fetchToken(door, owner, `repository:${past}/plaza/once:pull`));
    expect(await digestOfTag(token, `${past}/plaza/once`)).toBe(image.digest);
    for (const path of ["tags/list", `manifests/${image.digest}`, `blobs/${layer}`]) {
      const answer = await door.ask(`/v2/${past}/plaza/once/${path}`, { as: signIn("bob") });
      expect(`${path} ${answer.status} ${await answer.text()}`).toContain("NAME_UNKNOWN");
    }
    const query = `at=${new Date(Date.now() - 1).toISOString()}`;
    expect(await door.api(owner, "GET", `/api/v1/repositories/team%2Fapp/past?${query}`)).toEqual({
      items: [expect.objectContaining({ name: "v1", digest: later.digest, moved_by: "alice" })],
      next: null,
    });
  });

  test("ends with its project: one of the same name has none of it", async () => {
    const client = door.client(owner);
    await addProject(door, "again", owner, "private");
    await client.pushImage("again/app", image, "v1");
    const before = await mark();
    await door.api(owner, "DELETE", "/api/v1/projects/again");
    await addProject(door, "again", signIn("bob"), "public");
    for (const as of [owner, signIn("bob"), admin]) {
      expect(await digestOfTag(as, `${before}/again/app`)).toBe(404);
    }
  });
});
