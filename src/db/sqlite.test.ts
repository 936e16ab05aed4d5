import { expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readlinkSync, renameSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../lib/clock.ts";
import type { ProjectName } from "../oci/repository-name.ts";
import { FolderInUseError, lockDataFolder } from "./data-folder.ts";
import { databaseContract } from "./database.contract.ts";
import type { Tx } from "./database.ts";
import { migrate } from "./migrations/migrate.ts";
import { openSqlite, type SqliteOptions } from "./sqlite.ts";

async function open(
  onFailure: (error: Error) => void = () => {},
  sharing?: SqliteOptions["sharing"],
) {
  const folder = mkdtempSync(join(tmpdir(), "berth-db-"));
  const file = join(folder, "berth.db");
  const db = openSqlite({ file, onFailure, sharing });
  await migrate(db, systemClock);
  return { folder, file, db };
}

function openFiles(folder: string): string[] {
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return target.startsWith(folder) ? [target] : [];
    } catch {
      return [];
    }
  });
}

databaseContract("SQLite", async () => {
  const { folder, db } = await open();
  return {
    db,
    async close() {
      await db.close();
      expect(openFiles(folder)).toEqual([]);
      rmSync(folder, { recursive: true });
    },
  };
});

databaseContract("SQLite that processes share", async () => {
  const { folder, db } = await open(undefined, "parent");
  return {
    db,
    async close() {
      await db.close();
      expect(openFiles(folder)).toEqual([]);
      rmSync(folder, { recursive: true });
    },
  };
});

function insert(tx: Tx, id: string): Promise<unknown> {
  return tx
    .insertInto("projects")
    .values({
      id,
      name: id as ProjectName,
      generation: 1,
      state: "live",
      created_at: 0,
      created_by: null,
    })
    .execute();
}

test("the version is another one as soon as a commit is seen, but for one that may be lost", async () => {
  const { folder, db } = await open();
  const version = () => db.version?.() ?? Number.NaN;
  const find = db.prepare<{ id: string }>("select id from projects where id = ?1");
  for (let k = 0; k < 20; k++) {
    const before = version();
    let over = false;
    const committed = db.transaction((tx) => insert(tx, `p${k}`)).then(() => (over = true));
    while (!over) {
      expect((await find(`p${k}`)) === null || version() > before).toBeTrue();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await committed;
    const after = version();
    expect(after).toBeGreaterThan(before);
    await db.transaction(async () => Promise.reject(new Error("no"))).catch(() => {});
    await db.transactionUnsynced((tx) => insert(tx, `u${k}`));
    expect(version()).toBe(after);
  }
  await db.close();
  rmSync(folder, { recursive: true });
});

test("the version is another one as soon as what another process committed is seen", async () => {
  const { folder, file, db: parent } = await open(undefined, "parent");
  const child = openSqlite({ file, onFailure: () => {}, sharing: "child" });
  const find = parent.prepare<{ id: string }>("select id from projects where id = ?1");
  for (let k = 0; k < 20; k++) {
    const before = parent.version?.();
    expect(before).not.toBeNaN();
    let over = false;
    const committed = child.transaction((tx) => insert(tx, `p${k}`)).then(() => (over = true));
    while (!over) {
      expect((await find(`p${k}`)) === null || parent.version?.() !== before).toBeTrue();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await committed;
    const after = parent.version?.();
    expect(after).toBeGreaterThan(before ?? Number.NaN);
    await child.transactionUnsynced((tx) => insert(tx, `u${k}`));
    expect(parent.version?.()).toBe(after);
  }
  await child.close();
  await parent.close();
  rmSync(folder, { recursive: true });
});

test("transactions that commit together share a sync", async () => {
  const { folder, db } = await open();
  const before = db.stats.syncs;
  await Promise.all(
    Array.from({ length: 500 }, (_, k) => db.transaction((tx) => insert(tx, `p${k}`))),
  );
  expect(db.stats.syncs - before).toBeLessThan(400);
  expect(db.stats.syncs).toBeGreaterThan(before);
  await db.close();
  rmSync(folder, { recursive: true });
});

test("between a commit and its sync, a reader has something to wait for", async () => {
  const { folder, db } = await open();
  const committing = db.transaction((tx) => insert(tx, "a"));
  const find = db.prepare<{ id: string }>("select id from projects where id = 'a'");
  while (find() === null) await Promise.resolve();
  const settled = db.settled();
  expect(settled).not.toBeNull();
  await settled;
  expect(db.settled()).toBeNull();
  await committing;
  await db.close();
  rmSync(folder, { recursive: true });
});

test("nobody waits for a commit that nobody awaits, until it is flushed", async () => {
  for (const sharing of [undefined, "parent"] as const) {
    const { folder, db } = await open(undefined, sharing);
    await db.flush();
    const syncs = db.stats.syncs;
    const version = db.version?.();
    await db.transactionUnawaited((tx) => insert(tx, "a"));
    expect(db.settled()).toBeNull();
    if (version !== undefined) {
      expect(db.version?.()).toBeGreaterThan(version);
      expect(db.stats.syncs).toBe(syncs);
      await db.flush();
      expect(db.stats.syncs).toBe(syncs + 1);
    }
    await db.flush();
    await db.close();
    rmSync(folder, { recursive: true });
  }
});

test("a flush that fails is a failure, whoever awaits the commit", async () => {
  for (const sharing of [undefined, "parent"] as const) {
    const failures: Error[] = [];
    const { folder, file, db } = await open((error) => failures.push(error), sharing);
    await db.transactionUnawaited((tx) => insert(tx, "a"));
    renameSync(`${file}-wal`, `${file}-elsewhere`);
    const flushed = db.flush();
    await flushed.catch(() => {});
    expect(flushed).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect(failures).toHaveLength(1);
    await db.close();
    rmSync(folder, { recursive: true });
  }
});

test("a log that was moved away refuses every write from then on", async () => {
  const failures: Error[] = [];
  const { folder, file, db } = await open((error) => failures.push(error));
  renameSync(`${file}-wal`, `${file}-elsewhere`);
  const lost = db.transaction((tx) => insert(tx, "a"));
  await lost.catch(() => {});
  expect(lost).rejects.toMatchObject({ code: "UNAVAILABLE" });
  const later = db.transaction((tx) => insert(tx, "b"));
  await later.catch(() => {});
  expect(later).rejects.toMatchObject({ code: "UNAVAILABLE" });
  expect(failures).toHaveLength(1);
  expect(db.stats.failure?.message).toContain("was replaced or deleted");
  renameSync(`${file}-elsewhere`, `${file}-wal`);
  await db.close();
  rmSync(folder, { recursive: true });
});

test("the log starts over under steady commits instead of growing", async () => {
  const { folder, file, db } = await open();
  const filler = "x".repeat(20_000);
  for (let k = 0; k < 3_000; k++) {
    await db.transaction(async (tx) => {
      await insert(tx, `p${k}`);
      await tx
        .updateTable("projects")
        .set({ created_by: filler })
        .where("id", "=", `p${k}`)
        .execute();
    });
  }
  // 3,000 commits of more than 20 KB: without a restart the log would have some 75 MB.
  expect(statSync(`${file}-wal`).size).toBeLessThan(60 * 1024 * 1024);
  expect(db.stats.checkpoints).toBeGreaterThan(0);
  await db.close();
  rmSync(folder, { recursive: true });
});

test("what was committed is there after a close and a new start, and migrations run once", async () => {
  const { folder, file, db } = await open();
  await db.transaction((tx) => insert(tx, "a"));
  await db.close();
  const again = openSqlite({ file, onFailure: () => {} });
  await migrate(again, systemClock);
  const rows = await again.reads.selectFrom("projects").select("id").execute();
  expect(rows).toEqual([{ id: "a" }]);
  await again.close();
  rmSync(folder, { recursive: true });
});

test("a data folder has one holder, and is free again when it lets go", () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-lock-"));
  const lock = lockDataFolder(folder);
  expect(() => lockDataFolder(folder)).toThrow(FolderInUseError);
  lock.release();
  lockDataFolder(folder).release();
  rmSync(folder, { recursive: true });
});
