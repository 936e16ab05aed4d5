/**
 * Goal: each day has one row that tells what was counted last on it, administrators can read them, and none
 * is kept for longer than 400 days. Method: the chore of a server runs again while its rows are made older.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type ApiServer, openApi, pushImage } from "../../test/support/api-client.ts";
import { queryStore } from "../../test/support/test-database.ts";

let server: ApiServer;

beforeAll(async () => {
  server = await openApi();
});
afterAll(() => server.stop());

const rows = (sql: string, ...params: (string | number)[]) =>
  queryStore(server.folder, sql, ...params);
const history = async (query = "") => {
  const { body } = await server.admin.get(`/usage/history${query}`);
  return body as {
    readonly items: readonly Readonly<Record<string, unknown>>[];
    readonly next: string | null;
  };
};
const day = (ago: number) => new Date(Date.now() - ago * 86_400_000).toISOString().slice(0, 10);

/** As happens some times a day. */
async function note(): Promise<void> {
  const chore = "note how much is stored";
  const finished = async () =>
    (await rows("select finished_at from chores where name = ?", chore))[0]?.["finished_at"] ??
    null;
  while ((await finished()) === null) await Bun.sleep(50);
  const before = await finished();
  await rows("update chores set due_at = 0 where name = ?", chore);
  while ((await finished()) === before) await Bun.sleep(50);
}

test("a day has one row, of what was counted last", async () => {
  await note();
  expect((await history()).items).toMatchObject([{ stored_bytes: 0, logical_bytes: 0, blobs: 0 }]);
  await pushImage(server.admin, "team/app", "v1");
  await note();
  const { body: usage } = await server.admin.get("/usage");
  const { items } = await history();
  expect(items).toMatchObject([
    {
      day: day(0),
      stored_bytes: usage["stored_bytes"],
      logical_bytes: usage["logical_bytes"],
      trash_bytes: 0,
    },
  ]);
  expect(items[0]?.["stored_bytes"]).toBeGreaterThan(0);
  expect(items[0]?.["blobs"]).toBeGreaterThan(0);
});

test("days are listed from the latest back, and those of more than a year ago go", async () => {
  for (const ago of [1, 2, 399, 401]) {
    await rows(
      "insert into storage_days (day, stored_bytes, logical_bytes, trash_bytes, blobs, measured_at) values (?, 1, 2, 0, 1, ?)",
      ...[day(ago), Date.now() - ago * 86_400_000],
    );
  }
  await note();
  const first = await history("?limit=2");
  expect(first.items.map((item) => item["day"])).toEqual([day(0), day(1)]);
  const rest = await history(`?after=${first.next}`);
  expect(rest.items.map((item) => item["day"])).toEqual([day(2), day(399)]);
  expect(rest.next).toBeNull();
});

test("whoever administers nothing is told nothing", async () => {
  const stranger = await server.user("stan");
  expect((await stranger.get("/usage/history")).status).toBe(403);
  expect((await server.nobody.get("/usage/history")).status).toBe(401);
});
