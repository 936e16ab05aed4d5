/** Several processes of one node on PostgreSQL: what they open of it, and what happens when that is all in use. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import pg from "pg";
import { type Child, startChild, temporaryFolder } from "../faults/support/child.ts";
import { sharedPostgres, type TestPostgres } from "../support/postgres.ts";
import { migratedDatabase } from "../support/test-database.ts";

/** Children: with their parent, of 24 connections for transactions each has 4. */
const count = 4;
const transactionsMax = 4 * count;
const pushes = 200;

let postgres: TestPostgres;
let database: string;
let url: string;
let folder: ReturnType<typeof temporaryFolder>;
let node: Child;

beforeAll(async () => {
  postgres = await sharedPostgres();
  url = await migratedDatabase(postgres);
  database = new URL(url).pathname.slice(1);
  folder = temporaryFolder();
  node = await startChild({
    data: folder.path,
    env: { BERTH_DATABASE: url, BERTH_SERVER_PROCESSES: `${count}` },
  });
});

afterAll(async () => {
  await node.kill();
  folder.remove();
  await postgres.dropDatabase(url);
});

/** What is open, and how many uploads wait to be begun. */
async function connections(): Promise<{ open: number; locked: number }> {
  const [row] = await postgres.run(
    `select count(*) as open, count(*) filter
         (where wait_event_type = 'Lock' and query like 'insert into "uploads"%') as locked
       from pg_stat_activity where datname = $1`,
    "postgres",
    [database],
  );
  return { open: Number(row?.["open"]), locked: Number(row?.["locked"]) };
}

/** One that has a connection of its own, which the kernel gives to any of the processes. */
async function beginUpload(): Promise<{ status: number; retryAfter: string | null }> {
  const answer = await fetch(`${node.url}/v2/team/app/blobs/uploads/`, {
    method: "POST",
    keepalive: false,
    headers: { connection: "close" },
  });
  await answer.arrayBuffer();
  return { status: answer.status, retryAfter: answer.headers.get("retry-after") };
}

test("a node keeps to its connections; who waits long for one is told to come again", async () => {
  expect((await beginUpload()).status).toBe(202);
  const inTheWay = new pg.Client({ connectionString: url });
  await inTheWay.connect();
  await inTheWay.query("begin");
  await inTheWay.query("lock table uploads in share row exclusive mode");
  const answers = Array.from({ length: pushes }, beginUpload);
  let most = { open: 0, locked: 0 };
  let answered = 0;
  for (const answer of answers) void answer.then(() => (answered += 1));
  while (answered < pushes - transactionsMax) {
    const { open, locked } = await connections();
    most = { open: Math.max(most.open, open), locked: Math.max(most.locked, locked) };
    await Bun.sleep(50);
  }
  await inTheWay.query("commit");
  await inTheWay.end();
  const all = await Promise.all(answers);
  expect(most.locked).toBe(transactionsMax);
  // One of them is what was in the way.
  expect(most.open).toBeLessThanOrEqual(2 * 24 + 1);
  const refused = all.filter(({ status }) => status !== 202);
  expect(refused).toHaveLength(pushes - transactionsMax);
  expect(new Set(refused.map(({ status, retryAfter }) => `${status} ${retryAfter}`))).toEqual(
    new Set(["503 5"]),
  );
  expect((await beginUpload()).status).toBe(202);
}, 60_000);
