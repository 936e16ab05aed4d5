import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "kysely";
import { createTestClock, type TestClock } from "../../test/support/auth-world.ts";
import type { Database } from "../db/database.ts";
import { nowOf } from "../db/database-clock.ts";
import { sqliteFacts } from "../db/dialect-facts.ts";
import { migrate } from "../db/migrations/migrate.ts";
import { openSqlite } from "../db/sqlite.ts";
import { createLog } from "../platform/log.ts";
import type { Chore, ChoreWork } from "./chore.ts";
import { type ChoreRunner, createChoreRunner } from "./chore-runner.ts";
import { addChores, hastenChores, listChores, renewLease, takeChore } from "./chore-store.ts";
import { createHeartbeat } from "./heartbeat.ts";
import { listNodes } from "./node-store.ts";

const everyMs = 60_000;
const leaseMs = 30_000;
const all = { after: "", limit: 100 };

let folder: string;
let db: Database;
let clock: TestClock;
let logged = "";
const log = createLog({
  format: "text",
  level: "info",
  write: (lines) => {
    logged += lines;
  },
});
const runners: ChoreRunner[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "berth-jobs-"));
  db = openSqlite({ file: join(folder, "berth.db"), onFailure() {} });
  clock = createTestClock();
  logged = "";
  await migrate(db, clock);
});

afterEach(async () => {
  await Promise.all(runners.splice(0).map((runner) => runner.stop()));
  await db.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A node that looks for work every few milliseconds. */
function startNode(
  node: string,
  run: (work: ChoreWork, node: string) => Promise<void>,
  rest: Partial<Chore> & { mayDelete?: () => boolean } = {},
): ChoreRunner {
  const { mayDelete = () => true, ...chore } = rest;
  const runner = createChoreRunner({ db, clock, log, node, mayDelete, lookEveryMs: 5, leaseMs }, [
    { name: "sweep", everyMs, deletes: true, ...chore, run: (work) => run(work, node) },
  ]);
  runners.push(runner);
  runner.start();
  return runner;
}

async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  for (let waited = 0; waited < 5_000; waited += 5) {
    if (await what()) return;
    await Bun.sleep(5);
  }
  throw new Error("it did not come to that within 5 s");
}

const sweep = async () => (await listChores(db.reads, all)).find(({ name }) => name === "sweep");
const hasEnded = async (epoch: number) => {
  const chore = await sweep();
  return chore?.epoch === epoch && chore.lease_until === 0;
};

describe("a chore of three nodes", () => {
  test("runs once when it is due, at its pace, whoever does it", async () => {
    const ran: string[] = [];
    for (const node of ["a", "b", "c"]) {
      startNode(node, async () => {
        ran.push(node);
      });
    }
    for (let run = 1; run <= 4; run++) {
      await until(() => hasEnded(run));
      await Bun.sleep(30);
      expect(ran).toHaveLength(run);
      clock.pass(everyMs - 1);
      await Bun.sleep(30);
      expect(ran).toHaveLength(run);
      clock.pass(1);
    }
  });

  test("that is hastened while it runs, runs once more when that ends", async () => {
    let runs = 0;
    const held = Promise.withResolvers<void>();
    startNode("a", async () => {
      runs += 1;
      if (runs === 1) await held.promise;
    });
    await until(() => runs === 1);
    await db.transaction((tx) => hastenChores(tx, ["sweep"], nowOf(db, clock)));
    held.resolve();
    await until(() => hasEnded(1));
    clock.pass(1);
    await until(() => hasEnded(2));
    await Bun.sleep(30);
    expect(runs).toBe(2);
    clock.pass(everyMs - 1);
    await Bun.sleep(30);
    expect(runs).toBe(2);
    await db.transaction((tx) => hastenChores(tx, ["sweep"], nowOf(db, clock)));
    await until(() => hasEnded(3));
  });

  test("is never done by two at once", async () => {
    let under = 0;
    let most = 0;
    let runs = 0;
    for (const node of ["a", "b", "c"]) {
      startNode(
        node,
        async () => {
          under += 1;
          runs += 1;
          most = Math.max(most, under);
          await Bun.sleep(3);
          under -= 1;
        },
        { everyMs: 0 },
      );
    }
    await until(() => runs >= 20);
    expect(most).toBe(1);
  });

  test("can be taken by one only, however they meet", async () => {
    await db.transaction((tx) => addChores(tx, ["sweep"]));
    const take = (holder: string) =>
      db.transaction((tx) => takeChore(tx, { name: "sweep", holder, leaseMs }, nowOf(db, clock)));
    const taken = await Promise.all(["a", "b", "c", "d"].map(take));
    expect(taken.filter((epoch) => epoch !== null)).toEqual([1]);
  });
});

describe("a chore whose node is gone", () => {
  test("is taken over when its lease is over, not before", async () => {
    await db.transaction((tx) => addChores(tx, ["sweep"]));
    const dead = { name: "sweep", holder: "dead", leaseMs };
    await db.transaction((tx) => takeChore(tx, dead, nowOf(db, clock)));
    const ran: string[] = [];
    startNode("b", async (_work, node) => {
      ran.push(node);
    });
    clock.pass(leaseMs - 1);
    await Bun.sleep(50);
    expect(ran).toEqual([]);
    clock.pass(1);
    await until(() => hasEnded(2));
    expect(ran).toEqual(["b"]);
    expect((await sweep())?.holder).toBe("b");
  });

  test("writes nothing any more when that node comes back", async () => {
    await db.transaction(async (tx) => {
      await sql`create table swept (node text)`.execute(tx);
    });
    const wrote = (work: ChoreWork, node: string) =>
      work.db.transaction(async (tx) => {
        await sql`insert into swept (node) values (${node})`.execute(tx);
      });
    const resume = Promise.withResolvers<void>();
    let refused: unknown = null;
    startNode("a", async (work) => {
      await wrote(work, "a, in time");
      await resume.promise;
      await wrote(work, "a, too late").catch((error: unknown) => {
        refused = error;
        throw error;
      });
    });
    await until(async () => (await sweep())?.epoch === 1);
    clock.pass(leaseMs);
    startNode("b", (work) => wrote(work, "b"));
    await until(() => hasEnded(2));
    resume.resolve();
    await until(() => refused !== null);
    const { rows } = await sql<{ node: string }>`select node from swept`.execute(db.reads);
    expect(rows.map(({ node }) => node)).toEqual(["a, in time", "b"]);
    await until(() => logged.includes("another node has taken over"));
    expect(await sweep()).toMatchObject({ holder: "b", outcome: "done", epoch: 2 });
  });

  test("is not that node's any more where the database forgot in a crash that it took it", async () => {
    const times = nowOf(db, clock);
    const take = (holder: string) =>
      db.transactionUnsynced((tx) => takeChore(tx, { name: "sweep", holder, leaseMs }, times));
    await db.transactionUnsynced((tx) => addChores(tx, ["sweep"]));
    const epoch = await take("a");
    await sql`update chores set holder = null, epoch = 0, lease_until = 0`.execute(db.reads);
    expect(await take("b")).toBe(epoch);
    const renew = (holder: string) =>
      db.transactionUnsynced((tx) =>
        renewLease(tx, { name: "sweep", holder, epoch: epoch ?? 0 }, leaseMs, times),
      );
    expect([await renew("a"), await renew("b")]).toEqual([false, true]);
  });

  test("goes on elsewhere at once where the node was stopped in order", async () => {
    const stopped = startNode("a", async ({ signal }) => {
      while (!signal.aborted) await Bun.sleep(1);
    });
    await until(async () => (await sweep())?.epoch === 1);
    await stopped.stop();
    const ran: string[] = [];
    startNode("b", async (_work, node) => {
      ran.push(node);
    });
    await until(() => hasEnded(2));
    expect(ran).toEqual(["b"]);
  });
});

test("a failure is logged and told, and the next run comes", async () => {
  let runs = 0;
  startNode("a", async () => {
    runs += 1;
    if (runs === 1) throw new Error("no such thing");
  });
  await until(() => hasEnded(1));
  expect((await sweep())?.outcome).toBe("failed: no such thing");
  expect(logged).toContain("Background work failed: sweep");
  clock.pass(everyMs);
  await until(() => hasEnded(2));
  expect((await sweep())?.outcome).toBe("done");
});

describe("a node whose clock is wrong", () => {
  const ahead = (ms: number): Database => ({
    ...db,
    facts: { ...sqliteFacts, oneServer: false, now: (here) => sql`${here - ms}` },
  });
  const heartbeatOn = (database: Database) =>
    createHeartbeat({
      db: database,
      clock,
      log,
      node: { id: "a", name: "host", version: "1" },
      beatEveryMs: 5,
    });

  test("by a minute at most removes what is old", async () => {
    const heartbeat = heartbeatOn(ahead(60_000));
    await heartbeat.start("127.0.0.1:5000", 1);
    expect(heartbeat.mayDelete()).toBe(true);
    expect(logged).toBe("");
    await heartbeat.stop();
  });

  test.each([61_000, -61_000])("by %d ms says so, and leaves that to others", async (ms) => {
    const heartbeat = heartbeatOn(ahead(ms));
    await heartbeat.start("127.0.0.1:5000", 1);
    expect(heartbeat.mayDelete()).toBe(false);
    expect(logged).toContain("The clock of this node is 61 s off the database's");
    expect((await listNodes(db.reads, all))[0]).toMatchObject({ clock_ahead_ms: ms });
    const ran: string[] = [];
    const { mayDelete } = heartbeat;
    const run = async (_work: ChoreWork, node: string) => {
      ran.push(node);
    };
    startNode("a", run, { mayDelete });
    await Bun.sleep(50);
    expect(ran).toEqual([]);
    startNode("b", run);
    await until(() => ran.length > 0);
    expect(ran).toEqual(["b"]);
    await heartbeat.stop();
  });
});

describe("the list of nodes", () => {
  const server = (id: string, oneServer: boolean, database: Database = db) =>
    createHeartbeat({
      db: { ...database, facts: { ...sqliteFacts, oneServer } },
      clock,
      log,
      node: { id, name: id, version: "1" },
      beatEveryMs: 5,
    });
  const seen = async () => (await listNodes(db.reads, all)).map(({ id }) => id);

  test("has each that lives, and for an hour each that was killed", async () => {
    const [a, b] = [server("a", false), server("b", false)];
    await a.start("10.0.0.1:5000", 1);
    await b.start("10.0.0.2:5000", 1);
    expect(await seen()).toEqual(["a", "b"]);
    await b.stop();
    expect(await seen()).toEqual(["a"]);
    await db.transaction(async (tx) => {
      await sql`insert into nodes select 'dead', 'dead', '1', '', 1, 0, started_at, seen_at from nodes`.execute(
        tx,
      );
    });
    clock.pass(60 * 60 * 1_000);
    await Bun.sleep(30);
    expect(await seen()).toEqual(["a", "dead"]);
    clock.pass(1);
    await until(async () => (await seen()).length === 1);
    expect(await seen()).toEqual(["a"]);
    await a.stop();
  });

  test("of a database that one server has is that server, and a dead one's leases are over", async () => {
    const killed = server("killed", false);
    await killed.start("127.0.0.1:5000", 1);
    await db.transaction((tx) => addChores(tx, ["sweep"]));
    const held = { name: "sweep", holder: "killed", leaseMs };
    await db.transaction((tx) => takeChore(tx, held, nowOf(db, clock)));
    const alone = server("alone", true);
    await alone.start("127.0.0.1:5000", 1);
    expect(await seen()).toEqual(["alone"]);
    expect((await sweep())?.lease_until).toBe(0);
    await alone.stop();
    // It goes on for as long as this process does, and would tell of a database that is closed.
    await killed.stop();
  });

  test("is tried again when the database does not take it", async () => {
    let refusing = true;
    const away = { ...db, transactionUnsynced: refuse } as Database;
    function refuse(body: Parameters<Database["transactionUnsynced"]>[0]) {
      if (refusing) return Promise.reject(new Error("away"));
      return db.transactionUnsynced(body);
    }
    const late = server("late", true, away);
    await late.start("127.0.0.1:5000", 1);
    expect(await seen()).toEqual([]);
    await until(() => logged.includes("Cannot tell other nodes"));
    refusing = false;
    await until(async () => (await seen()).length === 1);
    expect(logged.match(/Cannot tell other nodes/g)).toHaveLength(1);
    await late.stop();
  });
});
