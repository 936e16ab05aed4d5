import { expect, test } from "bun:test";
import { sql } from "kysely";
import { sharedPostgres } from "../../test/support/postgres.ts";
import { systemClock } from "../lib/clock.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { Tag } from "../oci/tag.ts";
import { parsePostgresUrl } from "../platform/postgres-url.ts";
import { databaseContract } from "./database.contract.ts";
import type { Tx } from "./database.ts";
import { migrate } from "./migrations/migrate.ts";
import { openPostgres } from "./postgres.ts";

function open(url: string, waitMsMax = 60_000) {
  const address = parsePostgresUrl(url);
  return openPostgres({
    address,
    unsafe: false,
    prepared: "auto",
    clock: systemClock,
    waitMsMax,
  });
}

let template: Promise<string> | null = null;

async function migrated(): Promise<string> {
  const server = await sharedPostgres();
  const url = await server.createDatabase();
  const db = await open(url);
  await migrate(db, systemClock);
  await db.close();
  return url;
}

databaseContract("PostgreSQL", async () => {
  const server = await sharedPostgres();
  template ??= migrated();
  const url = await server.createDatabase(await template);
  const db = await open(url);
  return {
    db,
    async close() {
      await db.close();
      await server.dropDatabase(url);
    },
  };
});

test("what an extension has put beside the tables is left alone", async () => {
  const server = await sharedPostgres();
  const url = await server.createDatabase();
  await server.run("create extension pg_stat_statements", new URL(url).pathname.slice(1));
  const db = await open(url);
  await migrate(db, systemClock);
  await db.close();
  await server.dropDatabase(url);
});

test("a manifest is found by its key also before the server knows how many there are", async () => {
  const server = await sharedPostgres();
  template ??= migrated();
  const url = await server.createDatabase(await template);
  const run = (text: string) => server.run(text, new URL(url).pathname.slice(1));
  await run(`insert into projects (id, name, generation, state, created_at)
    values ('p', 'team', 1, 'live', 1)`);
  await run(`insert into repositories (id, project_id, name, state, created_at)
    values ('r', 'p', 'team/app', 'live', 1)`);
  await run(`insert into manifests
      (repository_id, digest, media_type, size, bytes, state, pushed_at)
    select 'r', md5(k::text), 'x', 2, 'x', 'live', k from generate_series(1, 5000) as k`);
  const plan = await run(`explain select bytes from manifests
     where repository_id = 'r' and digest = 'x' and state = 'live'`);
  expect(JSON.stringify(plan)).toContain("Index Scan using manifests_key on manifests");
  await server.dropDatabase(url);
});

test("tables are taken from who reads them in another order, and nobody is ended for it", async () => {
  const server = await sharedPostgres();
  const url = await server.createDatabase();
  const name = new URL(url).pathname.slice(1);
  await server.run("create table first (id text)", name);
  await server.run("create table second (id text)", name);
  const db = await open(url);
  const hasRead = Promise.withResolvers<void>();
  const isTaking = Promise.withResolvers<void>();
  let begun = 0;
  const reader = db.transaction(async (tx) => {
    begun += 1;
    await sql`select id from second`.execute(tx);
    hasRead.resolve();
    await isTaking.promise;
    await Bun.sleep(100);
    await sql`select id from first`.execute(tx);
    await sql`select pg_sleep(1.5)`.execute(tx);
  }, "rows");
  await hasRead.promise;
  const other = await open(url);
  const taker = other.transaction(async (tx) => {
    isTaking.resolve();
    await other.facts.takeTables(tx);
    await sql`alter table first add column size int`.execute(tx);
    await sql`select pg_sleep(0.5)`.execute(tx);
    await sql`alter table second add column size int`.execute(tx);
    const { rows } = await sql`select current_setting('lock_timeout') as patience`.execute(tx);
    return rows;
  }, "rows");
  await reader;
  expect(begun).toBe(1);
  expect(await taker).toEqual([{ patience: "15s" }]);
  await other.close();
  await db.close();
  await server.dropDatabase(url);
});

test("transactions that all wait let others read, and one more is told to come again", async () => {
  const server = await sharedPostgres();
  const url = await server.createDatabase();
  const db = await open(url, 100);
  const begun = Array.from({ length: 8 }, () => Promise.withResolvers<void>());
  const end = Promise.withResolvers<void>();
  const all = begun.map(({ resolve }) =>
    db.transaction(async (tx) => {
      await sql`select 1`.execute(tx);
      resolve();
      await end.promise;
    }, "rows"),
  );
  await Promise.all(begun.map(({ promise }) => promise));
  const readOne = async () => (await sql`select 1 as one`.execute(db.reads)).rows;
  const one = (tx: Tx) => sql`select 1`.execute(tx);
  const refused = await db.transaction(one, "rows").catch((error: unknown) => error);
  expect(refused).toMatchObject({
    code: "UNAVAILABLE",
    status: 503,
    headers: { "retry-after": "5" },
  });
  expect(await readOne()).toEqual([{ one: 1 }]);
  end.resolve();
  await Promise.all(all);
  await db.transaction(one, "rows");
  await db.close();
  await server.dropDatabase(url);
});

test("a transaction may be long, and the next one on its connection is not", async () => {
  const server = await sharedPostgres();
  const url = await server.createDatabase();
  const db = await open(url);
  const limit = async (tx: Tx) => {
    const { rows } = await sql`select current_setting('statement_timeout') as limit`.execute(tx);
    return rows[0];
  };
  expect(await db.transaction(limit, "long")).toEqual({ limit: "0" });
  expect(await db.transaction(limit)).toEqual({ limit: "30s" });
  await db.close();
  await server.dropDatabase(url);
});

test("a read that was ended so that others go on is sent again", async () => {
  const server = await sharedPostgres();
  const url = await server.createDatabase();
  const name = new URL(url).pathname.slice(1);
  await server.run("create sequence attempts", name);
  await server.run(
    `create function found() returns bigint language plpgsql as $$
     declare attempt bigint := nextval('attempts');
     begin
       if attempt = 1 then raise deadlock_detected; end if;
       return attempt;
     end $$`,
    name,
  );
  const db = await open(url);
  const { rows } = await sql`select found() as attempt`.execute(db.reads);
  expect(rows).toEqual([{ attempt: 2 }]);
  await db.close();
  await server.dropDatabase(url);
});

test("a statement that does not fit the tables any more is prepared again, as another text", async () => {
  const server = await sharedPostgres();
  const url = await server.createDatabase();
  const name = new URL(url).pathname.slice(1);
  await server.run("create table things (id text, size bigint)", name);
  await server.run("insert into things values ('a', 1)", name);
  const db = await open(url);
  const find = db.prepare<object>("select * from things where id = ?1");
  const lastText = async () =>
    (
      await server.run(
        "select query from pg_stat_activity where application_name = 'berth' and query like '%things%' order by state_change desc limit 1",
        name,
      )
    )[0]?.["query"];
  expect(await find("a")).toEqual({ id: "a", size: 1 });
  const before = String(await lastText());
  await server.run("alter table things add column kind text", name);
  expect(await find("a")).toEqual({ id: "a", size: 1, kind: null });
  expect(await lastText()).not.toBe(before);
  expect(await lastText()).toStartWith(before);
  await db.close();
  await server.dropDatabase(url);
});

test("a connection whose server takes no writes any more is left for another one", async () => {
  const server = await sharedPostgres();
  const url = await server.createDatabase();
  await server.run("create table things (id text)", new URL(url).pathname.slice(1));
  const db = await open(url);
  await db.transaction(async (tx) => {
    await sql`set session characteristics as transaction read only`.execute(tx);
  });
  await db.transaction(async (tx) => {
    await sql`insert into things values ('a')`.execute(tx);
  });
  const { rows } = await sql`select * from things`.execute(db.reads);
  expect(rows).toEqual([{ id: "a" }]);
  await db.close();
  await server.dropDatabase(url);
});

test("what adds the same tag waits for each other, also while the tag is not there", async () => {
  const server = await sharedPostgres();
  const url = await server.createDatabase();
  const name = new URL(url).pathname.slice(1);
  await server.run("create table made (tag text primary key)", name);
  const db = await open(url);
  let begun = 0;
  const make = async (tx: Tx) => {
    begun += 1;
    const { rows } = await sql`select tag from made`.execute(tx);
    // Long enough for all others to have begun, if they did not wait.
    await sql`select pg_sleep(0.02)`.execute(tx);
    if (rows.length === 0) await sql`insert into made values ('v1')`.execute(tx);
  };
  const [adds, one, two] = ["team/app" as RepositoryName, "v1" as Tag, "v2" as Tag];
  const named = [[one], [one, two], [two, one], [one]];
  await Promise.all(named.map((tags) => db.transaction(make, { adds, tags })));
  expect(begun).toBe(named.length);
  await db.close();
  await server.dropDatabase(url);
});

test("single statements that wait for a row keep nobody from reading", async () => {
  const server = await sharedPostgres();
  const url = await server.createDatabase();
  const name = new URL(url).pathname.slice(1);
  await server.run("create table things (id text primary key, size int)", name);
  await server.run("insert into things values ('a', 1)", name);
  const db = await open(url);
  const isHeld = Promise.withResolvers<void>();
  const mayEnd = Promise.withResolvers<void>();
  const holder = db.transaction(async (tx) => {
    await sql`update things set size = 2`.execute(tx);
    isHeld.resolve();
    await mayEnd.promise;
  }, "rows");
  await isHeld.promise;
  const grow = async (tx: Tx) => {
    await sql`update things set size = size + 1`.execute(tx);
  };
  const growing = Array.from({ length: 16 }, () => db.statement(grow, "unsynced"));
  await Bun.sleep(100);
  const read = sql`select size from things`.execute(db.reads).then(({ rows }) => rows);
  const first = await Promise.race([read, Bun.sleep(2_000).then(() => "waited")]);
  mayEnd.resolve();
  await Promise.all([holder, ...growing]);
  expect(first).toEqual([{ size: 1 }]);
  expect((await sql`select size from things`.execute(db.reads)).rows).toEqual([{ size: 18 }]);
  await db.close();
  await server.dropDatabase(url);
});
