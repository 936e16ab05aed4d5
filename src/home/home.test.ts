/**
 * Goal: what comes first is what really happened last, and only what the caller may see or mend. Method: an
 * administrator, an owner, a reader and a stranger ask for the same.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  type ApiClient,
  type ApiServer,
  openApi,
  pushImage,
} from "../../test/support/api-client.ts";
import { queryStore } from "../../test/support/test-database.ts";

let server: ApiServer;
let owner: ApiClient;
let reader: ApiClient;
let stranger: ApiClient;

beforeAll(async () => {
  server = await openApi();
  owner = await server.user("olga");
  reader = await server.user("rita");
  stranger = await server.user("stan");
  await owner.post("/projects", { name: "team" });
  await owner.put("/projects/team/members/rita", { role: "reader" });
  for (const tag of ["v1", "v2", "v1"]) await pushImage(owner, "team/app", tag);
  await pushImage(server.admin, "team/tool", "v1");
  await pushImage(owner, "team/tool", "gone");
});
afterAll(() => server.stop());

type Item = Readonly<Record<string, unknown>>;

const itemsOf = async (as: ApiClient, path: string) =>
  (await as.get(path)).body["items"] as readonly Item[];
const names = (items: readonly Item[]) =>
  items.map(({ repository, tag }) => `${repository}:${tag}`);

test("pushes: each tag once, the last first, to who may see them", async () => {
  const gone = await owner.post("/repositories/team%2Ftool/removals", { tags: ["gone"] });
  expect(gone.status).toBe(200);
  expect(names(await itemsOf(reader, "/recent/pushes"))).toEqual([
    "team/tool:v1",
    "team/app:v2",
    "team/app:v1",
  ]);
  expect(names(await itemsOf(owner, "/recent/pushes?mine=true"))).toEqual([
    "team/app:v2",
    "team/app:v1",
  ]);
  expect(names(await itemsOf(reader, "/recent/pushes?limit=1"))).toEqual(["team/tool:v1"]);
  const [first] = await itemsOf(reader, "/recent/pushes");
  expect(first).toMatchObject({ pushed_by: "admin" });
  expect((await reader.get("/recent/pushes?limit=1")).body["complete"]).toBe(false);
  expect((await stranger.get("/recent/pushes")).body).toEqual({ items: [], complete: true });
  expect((await server.nobody.get("/recent/pushes")).status).toBe(401);
});

test("pulls: counted by the name that was asked for, the most first", async () => {
  let last = "";
  for (let pull = 0; pull < 8; pull++) {
    last = await pushImage(owner, "team/app", "v2", `v2 ${pull}`);
    await reader.raw("GET", "/v2/team/app/manifests/v2");
  }
  await reader.raw("GET", "/v2/team/app/manifests/v1");
  let found: readonly Item[] = [];
  for (let tries = 0; tries < 100 && found.length < 2; tries++) {
    await Bun.sleep(50);
    found = await itemsOf(owner, "/recent/pulls");
  }
  expect(found.map(({ tag, pulls }) => [tag, pulls])).toEqual([
    ["v2", 8],
    ["v1", 1],
  ]);
  expect(found[0]?.["digest"]).toBe(last);
  expect(await itemsOf(owner, "/recent/pulls?mine=true")).toEqual([]);
  expect(await itemsOf(reader, "/recent/pulls?mine=true")).toHaveLength(2);
  expect(await itemsOf(stranger, "/recent/pulls")).toEqual([]);
});

test("attention: for who may mend it", async () => {
  await owner.post("/projects/team/robots", { name: "ci", role: "ci", expires_in_days: 5 });
  await owner.post("/projects/team/robots", { name: "later", role: "ci", expires_in_days: 60 });
  await owner.patch("/projects/team", { trash_days: 1 });
  await owner.post("/repositories/team%2Fapp/removals", { tags: ["v1"] });
  const { body: made } = await owner.post("/projects/team/webhooks", {
    url: "https://ci.example.com/hook",
  });
  await queryStore(
    server.folder,
    "update webhooks set failures = 6, failing_since = 1000 where id = ?",
    String(made["id"]),
  );
  await queryStore(
    server.folder,
    "insert into chores (name, epoch, lease_until, due_at, outcome) values ('pretend', 1, 0, 0, 'failed: no room')",
  );

  const { body: mine } = await owner.get("/attention");
  expect(mine).toMatchObject({
    chores: [],
    webhooks: [{ project: "team", url: "https://ci.example.com/hook", failures: 6 }],
    robots: [{ name: "robot.team.ci", project: "team" }],
    trash: { items: 1 },
  });
  const { body: all } = await server.admin.get("/attention");
  expect(all).toMatchObject({
    ...mine,
    chores: [{ name: "pretend", outcome: "failed: no room", at: null }],
  });
  const { body: none } = await reader.get("/attention");
  expect(none).toEqual({ chores: [], webhooks: [], robots: [], trash: null });
});
