import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Door, openDoor } from "../access/door.ts";
import { addProject, addUser, admin, signIn } from "../access/world.ts";
import { type Json, makeImage } from "../support/images.ts";
import { expectError } from "../support/oci-client.ts";

const images = ["one", "two", "three"].map((seed) => makeImage(seed));
const digests = images.map(({ digest }) => digest);
const owner = signIn("alice");

let door: Door;
let count = 0;

beforeAll(async () => {
  door = await openDoor();
  for (const name of ["alice", "carol", "dave"]) await addUser(door, name);
  await addProject(door, "team", owner, "private");
  await door.api(owner, "PUT", "/api/v1/projects/team/members/carol", { role: "developer" });
});

afterAll(() => door.remove());

/** A repository of its own whose tag `v1` points to each image in turn; the times of its moves. */
async function scene() {
  count += 1;
  const name = `team/app${count}`;
  const client = door.client(owner);
  for (const image of images) await client.pushImage(name, image, "v1");
  const tag = `/api/v1/repositories/${encodeURIComponent(name)}/tags/v1`;
  const history = async (query = "") =>
    (await door.api(owner, "GET", `${tag}/history${query}`)) as { items: Json[]; next: string };
  const restore = (body: Json, as = owner) =>
    door.ask(`${tag}/restore`, { as, method: "POST", body });
  const current = async () => {
    const answer = await door.ask(`/v2/${name}/manifests/v1`, { as: owner, method: "HEAD" });
    return answer.headers.get("docker-content-digest");
  };
  return { name, tag, client, history, restore, current };
}

describe("the history of a tag", () => {
  test("has each move: who, when, from where, to where, and why", async () => {
    const { name, history, client, restore } = await scene();
    await client.fetch(`/v2/${name}/manifests/v1`, { method: "DELETE" });
    expect((await restore({ version: 2 })).status).toBe(200);
    const { items, next } = await history();
    expect(next).toBeNull();
    const [one, two, three] = digests;
    const moves = items.map(({ version, cause, from, to, moved_by }) => [
      version,
      moved_by,
      cause,
      from,
      to,
    ]);
    expect(moves).toEqual([
      [5, "alice", "restore", null, two],
      [4, "alice", "delete", three, null],
      [3, "alice", "push", two, three],
      [2, "alice", "push", one, two],
      [1, "alice", "push", null, one],
    ]);
    expect(items[1]?.["trash_id"]).toBeString();
    const times = items.map(({ moved_at }) => String(moved_at));
    expect(times).toEqual(times.toSorted().toReversed());
  });

  test("comes page by page", async () => {
    const { history } = await scene();
    const first = await history("?limit=2");
    expect(first.items.map(({ version }) => version)).toEqual([3, 2]);
    const second = await history(`?limit=2&after=${first.next}`);
    expect(second.items.map(({ version }) => version)).toEqual([1]);
    expect(second.next).toBeNull();
  });
});

describe("a tag is restored", () => {
  test("to a digest, to a version, to a time", async () => {
    const { history, restore, current } = await scene();
    expect((await restore({ to: digests[0] })).status).toBe(200);
    expect(await current()).toBe(digests[0] ?? "");
    expect((await restore({ version: 3 })).status).toBe(200);
    expect(await current()).toBe(digests[2] ?? "");
    const second = (await history()).items.find(({ version }) => version === 2);
    const answer = await restore({ at: String(second?.["moved_at"]) });
    expect(await answer.json()).toEqual({ name: "v1", from: digests[2], to: digests[1] });
    expect(await current()).toBe(digests[1] ?? "");
    const [line] = (await door.api(admin, "GET", "/api/v1/audit?action=tag.restored&limit=1"))[
      "items"
    ] as Json[];
    expect(line).toMatchObject({ actor: "alice", detail: { from: digests[2], to: digests[1] } });
  });

  test("only to what it pointed to, and to what is still there", async () => {
    const { name, restore, client, current } = await scene();
    const other = makeImage("never");
    await client.pushImage(name, other);
    await expectProblem(await restore({ to: other.digest }), 404, other.digest);
    await expectProblem(await restore({ version: 9 }), 404, "there is no version 9");
    await expectProblem(await restore({ at: "2020-01-01T00:00:00Z" }), 404, "2020-01-01");
    await expectProblem(await restore({ version: 3 }), 409, "already");
    await expectProblem(await restore({}), 400, "must say one of to, version and at");
    await expectProblem(await restore({ version: 1, to: digests[0] }), 400, "must say one of");
    await client.fetch(`/v2/${name}/manifests/v1`, { method: "DELETE" });
    await expectProblem(await restore({ version: 4 }), 409, "was deleted as of version 4");
    expect(await current()).toBeNull();
  });

  test("out of the trash, with what went along", async () => {
    const { name, restore, client, current } = await scene();
    const first = digests[0] ?? "";
    await client.fetch(`/v2/${name}/manifests/${first}`, { method: "DELETE" });
    expect((await restore({ version: 1 })).status).toBe(200);
    expect(await current()).toBe(first);
    // The tag comes back with its manifest, and is not moved twice.
    const fetched = await client.fetch(`/v2/${name}/manifests/${first}`);
    const manifest = await fetched.text();
    await client.pushManifest(name, "also", manifest);
    await client.fetch(`/v2/${name}/manifests/${first}`, { method: "DELETE" });
    expect(await current()).toBeNull();
    const answer = await restore({ to: first });
    expect(await answer.json()).toEqual({ name: "v1", from: null, to: first });
    expect(await current()).toBe(first);
    expect(await client.status(`/v2/${name}/manifests/also`)).toBe(200);
  });

  test("not where a lock or a rule keeps it", async () => {
    const { name, tag, restore, current } = await scene();
    await door.api(owner, "PUT", `${tag}/lock`);
    await expectProblem(await restore({ version: 1 }), 403, "is locked");
    await door.api(owner, "DELETE", `${tag}/lock`);
    const rule = { pattern: name, tags: ["v*"] };
    await door.api(owner, "POST", "/api/v1/projects/team/tag-rules", rule);
    await expectProblem(await restore({ version: 1 }), 403, "is immutable by the rule");
    expect(await current()).toBe(digests[2] ?? "");
  });

  test("by who may delete, not by who may push", async () => {
    const { restore } = await scene();
    await expectProblem(await restore({ version: 1 }, signIn("carol")), 403, "repository:delete");
  });

  test("out of the trash only by who may delete any tag, since others may come along", async () => {
    const { name, restore, client, current } = await scene();
    await door.api(owner, "POST", "/api/v1/projects/team/grants", {
      ...{ subject: "dave", pattern: name, tag_pattern: "v*" },
      actions: ["repository:pull", "repository:delete"],
    });
    const dave = signIn("dave");
    expect((await restore({ version: 1 }, dave)).status).toBe(200);
    await client.fetch(`/v2/${name}/manifests/${digests[1]}`, { method: "DELETE" });
    await expectProblem(await restore({ version: 2 }, dave), 409, "restore its unit first");
    expect(await current()).toBe(digests[0] ?? "");
    expect((await restore({ version: 2 })).status).toBe(200);
    expect(await current()).toBe(digests[1] ?? "");
  });
});

async function expectProblem(response: Response, status: number, says: string): Promise<void> {
  const text = await response.text();
  expect(`${response.status} ${text}`).toStartWith(`${status} `);
  expect(text).toContain(says);
}

describe("a repository as it was", () => {
  test("is listed page by page, with what to pull it by", async () => {
    const { name, client } = await scene();
    for (const tag of ["a", "b"]) await client.pushImage(name, images[0] ?? makeImage("a"), tag);
    const at = new Date().toISOString();
    await Bun.sleep(5);
    await client.fetch(`/v2/${name}/manifests/v1`, { method: "DELETE" });
    const path = `/api/v1/repositories/${encodeURIComponent(name)}`;
    const page = async (query: string) =>
      (await door.api(owner, "GET", `${path}/past?at=${at}&${query}`)) as {
        items: Json[];
        next: string | null;
      };
    const first = await page("limit=2");
    expect(first.items.map((item) => item["name"])).toEqual(["a", "b"]);
    const second = await page(`limit=2&after=${first.next}`);
    expect(second).toMatchObject({ items: [{ name: "v1", digest: digests[2] }], next: null });
    const [repository, tag] = String(second.items[0]?.["pull"]).split(":");
    const answer = await door.ask(`/v2/${repository}/manifests/${tag}`, { as: owner });
    expect(answer.headers.get("docker-content-digest")).toBe(digests[2] ?? "");
    await door.api(owner, "DELETE", path);
    expect((await page("")).items).toHaveLength(3);
    await expectError(await door.ask(`/v2/${name}/tags/list`, { as: owner }), 404, "NAME_UNKNOWN");
    const future = new Date(Date.now() + 60_000).toISOString();
    const refused = await door.ask(`${path}/past?at=${future}`, { as: owner });
    await expectProblem(refused, 400, "must be before now");
  });
});
