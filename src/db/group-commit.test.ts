import { Database as BunDatabase } from "bun:sqlite";
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "kysely";
import type { Database, Tx } from "./database.ts";
import { openSqlite } from "./sqlite.ts";
import { openWriteTurn } from "./write-turn.ts";

let folder: string;
let file: string;
let parent: Database;
let child: Database;
let failures: Error[];

/** As in two processes: what they share is the file. */
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "berth-group-"));
  file = join(folder, "berth.db");
  failures = [];
  const onFailure = (error: Error) => failures.push(error);
  parent = openSqlite({ file, onFailure, sharing: "parent" });
  child = openSqlite({ file, onFailure, sharing: "child" });
  await parent.transaction(async (tx) => {
    await sql`create table notes (id integer primary key, text text)`.execute(tx);
  });
});

afterEach(async () => {
  await child.close();
  await parent.close();
  expect(failures).toEqual([]);
  rmSync(folder, { recursive: true });
});

const insert = (id: number) => async (tx: Tx) => {
  await sql`insert into notes (id, text) values (${id}, ${"x".repeat(100)})`.execute(tx);
};

async function count(db: Database): Promise<number> {
  const { rows } = await sql<{ n: number }>`select count(*) as n from notes`.execute(db.reads);
  return rows[0]?.n ?? -1;
}

test("processes that write at once all come to it, and see what the others wrote", async () => {
  const writes = Array.from({ length: 400 }, (_, id) => {
    const db = id % 2 === 0 ? parent : child;
    return (id % 3 === 0 ? db.transactionUnsynced : db.transaction)(insert(id));
  });
  await Promise.all(writes);
  expect(await count(parent)).toBe(400);
  expect(await count(child)).toBe(400);
  expect(parent.stats.commits + child.stats.commits).toBe(401);
});

test("one that always has something to write does not keep another from it", async () => {
  let id = 0;
  let over = false;
  const busy = Array.from({ length: 32 }, async () => {
    while (!over) {
      id += 1;
      await parent.transaction(insert(id));
    }
  });
  await Bun.sleep(20);
  const before = id;
  for (let note = 0; note < 20; note++) await child.transaction(insert(1_000_000 + note));
  const meanwhile = id - before;
  over = true;
  await Promise.all(busy);
  // Each waits for the group under way, of 64 at most, and for the one that its turn came too late for.
  expect(meanwhile).toBeLessThan(20 * 3 * 64);
});

test("a transaction that fails takes nothing along of those that it shares a commit with", async () => {
  const results = await Promise.allSettled([
    child.transaction(insert(1)),
    child.transaction(async (tx) => {
      await insert(2)(tx);
      throw new Error("not this one");
    }),
    child.transaction(insert(1)),
    child.transaction(insert(3)),
  ]);
  expect(results.map(({ status }) => status)).toEqual([
    "fulfilled",
    "rejected",
    "rejected",
    "fulfilled",
  ]);
  const { rows } = await sql<{ id: number }>`select id from notes order by id`.execute(
    parent.reads,
  );
  expect(rows.map(({ id }) => id)).toEqual([1, 3]);
});

test("nothing waits for the disk after a commit: what can be seen is there", async () => {
  await Promise.all([1, 2, 3].map((id) => child.transaction(insert(id))));
  expect(child.settled()).toBeNull();
  expect(parent.settled()).toBeNull();
});

test("the parent copies out of the log what children committed", async () => {
  for (let id = 0; id < 50; id++) await child.transaction(insert(id));
  for (let waited = 0; waited < 5_000 && parent.stats.walBytes === 0; waited += 50) {
    await Bun.sleep(50);
  }
  expect(parent.stats.walBytes).toBeGreaterThan(0);
  expect(child.stats.checkpoints).toBe(0);
});

test("whoever waits too long is told to come again, and nothing is left locked", async () => {
  const other = new BunDatabase(file);
  other.run("BEGIN IMMEDIATE");
  const writer = new BunDatabase(file);
  writer.run("PRAGMA busy_timeout = 0");
  const begin = writer.prepare("BEGIN IMMEDIATE");
  const turn = openWriteTurn(`${file}-turn`, begin, { maxMs: 30 });
  const refused = await turn.begin().catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: "UNAVAILABLE", headers: { "retry-after": "1" } });
  other.run("ROLLBACK");
  await turn.begin();
  writer.run("ROLLBACK");
  begin.finalize();
  turn.close();
  writer.close();
  other.close();
  await child.transaction(insert(1));
});
