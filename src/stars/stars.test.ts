/**
 * Goal: a star is its user's alone, tells of nothing that they may not see, and is handed to nothing that has
 * the same name later. Method: two users star what is opened, closed, deleted, restored and made anew.
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

beforeAll(async () => {
  server = await openApi();
  owner = await server.user("olga");
  reader = await server.user("rita");
  await owner.post("/projects", { name: "team" });
  await owner.put("/projects/team/members/rita", { role: "reader" });
  for (const name of ["app", "tool"]) await pushImage(owner, `team/${name}`, "v1");
});
afterAll(() => server.stop());

const password = "correct horse battery staple";
const app = "/repositories/team%2Fapp";
const starsOf = async (as: ApiClient) =>
  ((await as.get("/stars")).body["items"] as readonly Readonly<Record<string, unknown>>[]).map(
    ({ kind, name }) => `${kind} ${name}`,
  );

test("a star is given and taken by its user alone, and twice is once", async () => {
  for (const path of [`${app}/star`, "/projects/team/star", `${app}/star`]) {
    expect((await reader.put(path, {})).status).toBe(204);
  }
  expect(await starsOf(reader)).toEqual(["project team", "repository team/app"]);
  expect(await starsOf(owner)).toEqual([]);
  expect((await owner.delete(`${app}/star`)).status).toBe(204);
  expect(await starsOf(reader)).toEqual(["project team", "repository team/app"]);
  expect((await reader.delete("/projects/team/star")).status).toBe(204);
  expect(await starsOf(reader)).toEqual(["repository team/app"]);
});

test("a list goes on where a page of it ended", async () => {
  await reader.put("/projects/team/star", {});
  await reader.put("/repositories/team%2Ftool/star", {});
  const names: unknown[] = [];
  for (let after = ""; ; ) {
    const { body } = await reader.get(`/stars?limit=1&after=${encodeURIComponent(after)}`);
    const [item] = body["items"] as readonly Readonly<Record<string, unknown>>[];
    names.push(item?.["name"]);
    if (body["next"] === null) break;
    after = String(body["next"]);
  }
  expect(names).toEqual(["team", "team/app", "team/tool"]);
});

test("one may have 1,000, and where there is one it may be given again", async () => {
  await addMany("olga", 1_000);
  expect((await owner.put(`${app}/star`, {})).status).toBe(409);
  expect((await owner.delete("/repositories/team%2Fmany-1/star")).status).toBe(204);
  for (let turn = 0; turn < 2; turn++) {
    expect((await owner.put(`${app}/star`, {})).status).toBe(204);
  }
  expect((await owner.put("/projects/team/star", {})).status).toBe(409);
  expect((await owner.delete(`${app}/star`)).status).toBe(204);
  await removeMany();
});

test("at 1,000, the oldest one of what lies in the trash makes way, and none where it is given again", async () => {
  await addMany("olga", 1_000);
  await query("update repositories set state = 'trashed' where id in ('many-7', 'many-8')");
  for (let turn = 0; turn < 2; turn++) {
    expect((await owner.put(`${app}/star`, {})).status).toBe(204);
  }
  expect(await areThere("many-1", "many-7", "many-8")).toEqual(["many-1", "many-8"]);
  expect((await owner.delete(`${app}/star`)).status).toBe(204);
  await removeMany();
});

test("at 1,000, the oldest one of what may not be seen any more makes way", async () => {
  await addMany("rita", 997);
  await owner.delete("/projects/team/members/rita");
  expect((await reader.post("/projects", { name: "mine" })).status).toBe(201);
  expect((await reader.put("/projects/mine/star", {})).status).toBe(204);
  expect(await areThere("many-1", "many-2")).toEqual(["many-2"]);
  await owner.put("/projects/team/members/rita", { role: "reader" });
  await reader.delete("/projects/mine/star");
  await removeMany();
});

test("what may no longer be seen is not listed, and is again with the right to see it", async () => {
  await owner.delete("/projects/team/members/rita");
  expect(await starsOf(reader)).toEqual([]);
  expect((await reader.put("/repositories/team%2Ftool/star", {})).status).toBe(404);
  await owner.put("/projects/team/members/rita", { role: "reader" });
  expect(await starsOf(reader)).toEqual([
    ...["project team", "repository team/app", "repository team/tool"],
  ]);
});

test("a star lies in the trash with its repository, and one that is made anew has none", async () => {
  await owner.delete(app);
  expect(await starsOf(reader)).toEqual(["project team", "repository team/tool"]);
  await pushImage(owner, "team/app", "v1");
  expect(await starsOf(reader)).toEqual(["project team", "repository team/tool"]);
  await owner.delete(app);
  const trash = await owner.get("/trash");
  const units = (trash.body["items"] as readonly Readonly<Record<string, unknown>>[]).filter(
    ({ name }) => name === "repository team/app",
  );
  expect(units).toHaveLength(2);
  const first = units.map(({ id }) => String(id)).sort()[0];
  expect((await owner.post("/trash/restore", { units: [first] })).status).toBe(200);
  expect(await starsOf(reader)).toEqual([
    ...["project team", "repository team/app", "repository team/tool"],
  ]);
});

test("erased is erased, and a user who is deleted leaves none", async () => {
  await owner.delete(app);
  await owner.delete(`${app}/trash`);
  await server.admin.post("/gc/run", {});
  while ((await rows()) > 2) await Bun.sleep(50);
  expect(await starsOf(reader)).toEqual(["project team", "repository team/tool"]);
  await server.admin.delete("/users/rita");
  expect(await rows()).toBe(0);
});

test("who is nobody, and a token for less than all, has none", async () => {
  await owner.patch("/projects/team", { visibility: "public" });
  expect((await server.nobody.get("/stars")).status).toBe(401);
  expect((await server.nobody.put("/projects/team/star", {})).status).toBe(401);
  const narrow = [{ pattern: "**", actions: ["repository:pull"] }];
  const { body } = await owner.as("olga", password).post("/account/tokens", { scopes: narrow });
  const token = owner.as("olga", String(body["token"]));
  expect((await token.put("/repositories/team%2Ftool/star", {})).status).toBe(403);
  expect(await starsOf(owner)).toEqual([]);
});

const query = (sql: string, ...params: (string | number)[]) =>
  queryStore(server.folder, sql, ...params);

/** Repositories of the project `team`, and stars of the user, older than all others. */
async function addMany(user: string, count: number): Promise<void> {
  const numbers = `with recursive n(i) as (select 1 union all select i + 1 from n where i < ${count})`;
  await query(
    `insert into repositories (id, project_id, name, state, created_at, sort_key)
      ${numbers} select 'many-' || i, p.id, 'team/many-' || i, 'live', 1, 'many-' || i
        from n, projects as p where p.name = 'team'`,
  );
  await query(
    `insert into stars (id, principal_id, repository_id, created_at)
      ${numbers} select 'star-' || i, p.id, 'many-' || i, i from n, principals as p where p.name = ?`,
    user,
  );
}

async function removeMany(): Promise<void> {
  await query("delete from stars where id like 'star-%'");
  await query("delete from repositories where id like 'many-%'");
}

/** Which of these repositories have a star. */
async function areThere(...ids: string[]): Promise<unknown[]> {
  const marks = ids.map(() => "?").join(", ");
  const stars = await query(
    `select repository_id from stars where repository_id in (${marks}) order by created_at`,
    ...ids,
  );
  return stars.map((row) => row["repository_id"]);
}

/** Stars in the database, of what lies in the trash too. */
async function rows(): Promise<number> {
  const [row] = await queryStore(server.folder, "select count(*) as stars from stars");
  return Number(row?.["stars"]);
}
