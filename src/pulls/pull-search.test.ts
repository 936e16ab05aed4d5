/**
 * Goal: an administrator finds who pulled what in the whole registry, by who, where from, of what and when, and
 * takes all of it along as lines. Method: two people pull through the door.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  type ApiClient,
  type ApiServer,
  openApi,
  pushImage,
} from "../../test/support/api-client.ts";

let server: ApiServer;
let olga: ApiClient;

beforeAll(async () => {
  server = await openApi();
  olga = await server.user("olga");
  await olga.post("/projects", { name: "team" });
  for (const name of ["team/app", "team/tool"]) await pushImage(olga, name, "v1");
  await olga.raw("GET", "/v2/team/app/manifests/v1");
  await server.admin.raw("GET", "/v2/team/tool/manifests/v1");
  await server.admin.raw("GET", "/v2/team/app/manifests/v1");
  for (let tries = 0; (await found("")).length < 3; tries++) {
    if (tries > 200) throw new Error("no pulls came");
    await Bun.sleep(50);
  }
});
afterAll(() => server.stop());

type Item = Readonly<Record<string, unknown>>;

async function found(query: string): Promise<string[]> {
  const { status, body } = await server.admin.get(`/pulls${query}`);
  expect(status).toBe(200);
  return (body["items"] as Item[]).map(wordsOf);
}

const wordsOf = ({ principal, repository, tag }: Item) => `${principal} ${repository}:${tag}`;

test("newest first, page by page, and by each filter", async () => {
  const all = ["admin team/app:v1", "admin team/tool:v1", "olga team/app:v1"];
  expect(await found("")).toEqual(all);
  const { body: whole } = await server.admin.get("/pulls");
  expect([whole["next"], whole["looked_back_to"]]).toEqual([null, null]);
  const { body: first } = await server.admin.get("/pulls?limit=2");
  expect(first["looked_back_to"]).toBe((first["items"] as Item[])[1]?.["at"]);
  expect((first["items"] as Item[]).map(wordsOf)).toEqual(all.slice(0, 2));
  expect(await found(`?limit=2&after=${first["next"]}`)).toEqual(all.slice(2));
  expect(await found("?principal=olga")).toEqual(all.slice(2));
  expect(await found("?repository=TOOL")).toEqual(all.slice(1, 2));
  expect(await found("?principal=olga&repository=tool")).toEqual([]);
  expect(await found("?address=255.255")).toEqual([]);
  const hour = (hours: number) => new Date(Date.now() + hours * 3_600_000).toISOString();
  expect(await found(`?since=${hour(-1)}&until=${hour(1)}`)).toEqual(all);
  for (const none of [`?since=${hour(1)}`, `?until=${hour(-1)}`, `?since=${hour(48)}`]) {
    expect(await found(none)).toEqual([]);
  }
});

test("as lines, oldest first, of what matches", async () => {
  const ask = async (query: string) => {
    const answer = await server.admin.raw("GET", `/api/v1/pulls/export${query}`);
    const lines = (await answer.text()).trim().split("\n");
    expect(JSON.parse(lines.pop() ?? "")).toEqual({ pulls: lines.length });
    return lines.map((line) => wordsOf(JSON.parse(line)));
  };
  expect(await ask("")).toEqual(["olga team/app:v1", "admin team/tool:v1", "admin team/app:v1"]);
  expect(await ask("?principal=admin&repository=app")).toEqual(["admin team/app:v1"]);
  expect(await ask("?until=2020-01-01T00:00:00Z")).toEqual([]);
});

test("for administrators alone", async () => {
  for (const path of ["/pulls", "/pulls/export"]) expect((await olga.get(path)).status).toBe(403);
});
