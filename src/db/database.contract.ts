import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { systemClock } from "../lib/clock.ts";
import type { ProjectName } from "../oci/repository-name.ts";
import type { Database, Tx } from "./database.ts";
import { migrate } from "./migrations/migrate.ts";

// What any database must do for the registry to keep its promises. Each test gets a fresh, migrated
// one; the teardown closes it and lets the implementation look for what was left open.

export interface DatabaseUnderTest {
  readonly db: Database;
  /** Closes the database and fails when it left anything behind. */
  close(): Promise<void>;
}

export function databaseContract(name: string, open: () => Promise<DatabaseUnderTest>): void {
  describe(`${name} as a database`, () => {
    let under: DatabaseUnderTest;
    let db: Database;

    beforeEach(async () => {
      under = await open();
      db = under.db;
    });
    afterEach(() => under.close());

    const insert = (tx: Tx, id: string) =>
      tx
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
    const ids = async () => {
      const rows = await db.reads.selectFrom("projects").select("id").orderBy("id").execute();
      return rows.map((row) => row.id);
    };

    test("a transaction that resolved is there for every read after it", async () => {
      await db.transaction((tx) => insert(tx, "a"));
      expect(await ids()).toEqual(["a"]);
    });

    test("a transaction returns what its body returned", async () => {
      expect(await db.transaction(async () => 42)).toBe(42);
    });

    test("a transaction that rejects leaves nothing, whatever it wrote before", async () => {
      const failing = db.transaction(async (tx) => {
        await insert(tx, "a");
        await insert(tx, "b");
        throw new Error("changed my mind");
      });
      expect(failing).rejects.toThrow("changed my mind");
      await failing.catch(() => {});
      expect(await ids()).toEqual([]);
    });

    test("a statement that fails leaves the transactions after it untouched", async () => {
      await db.transaction((tx) => insert(tx, "a"));
      const twice = db.transaction((tx) => insert(tx, "a"));
      await twice.catch(() => {});
      expect(twice).rejects.toThrow();
      await db.transaction((tx) => insert(tx, "b"));
      expect(await ids()).toEqual(["a", "b"]);
    });

    test("reads do not see rows of a transaction under way", async () => {
      const seen: string[][] = [];
      await db.transaction(async (tx) => {
        await insert(tx, "a");
        seen.push(await ids());
      });
      expect(seen).toEqual([[]]);
      expect(await ids()).toEqual(["a"]);
    });

    test("a transaction sees its own rows", async () => {
      const found = await db.transaction(async (tx) => {
        await insert(tx, "a");
        return await tx.selectFrom("projects").select("id").execute();
      });
      expect(found).toEqual([{ id: "a" }]);
    });

    test("1,000 transactions at once, with reads between: none runs inside another", async () => {
      await db.transaction((tx) => insert(tx, "counter"));
      let acknowledged = 0;
      const increment = async (k: number) => {
        await db.transaction(async (tx) => {
          const row = await tx
            .selectFrom("projects")
            .select("generation")
            .where("id", "=", "counter")
            .executeTakeFirstOrThrow();
          await new Promise((resolve) => setImmediate(resolve));
          await tx
            .updateTable("projects")
            .set({ generation: row.generation + 1 })
            .where("id", "=", "counter")
            .execute();
          if (k % 10 === 0) throw new Error("rolled back");
        });
        acknowledged += 1;
      };
      const stale: number[] = [];
      let last = 0;
      const read = async () => {
        const before = acknowledged;
        const row = await db.reads
          .selectFrom("projects")
          .select("generation")
          .where("id", "=", "counter")
          .executeTakeFirstOrThrow();
        if (row.generation < 1 + before) stale.push(row.generation);
        last = row.generation;
      };
      const outcomes = await Promise.allSettled(
        Array.from({ length: 1_000 }, (_, k) => [increment(k), read()]).flat(),
      );
      expect(outcomes.filter((outcome) => outcome.status === "rejected")).toHaveLength(100);
      await read();
      expect(last).toBe(1 + 900);
      expect(stale).toEqual([]);
    });

    test("transactions do not nest: it is an error, not a deadlock", async () => {
      const nested = db.transaction(() => db.transaction(async () => {}));
      await nested.catch(() => {});
      expect(nested).rejects.toThrow("transactions do not nest");
      await db.transaction((tx) => insert(tx, "a"));
      expect(await ids()).toEqual(["a"]);
    });

    test("a transaction used after its end is refused", async () => {
      let kept: Tx | null = null;
      await db.transaction(async (tx) => {
        kept = tx;
      });
      const late = insert(kept as unknown as Tx, "late");
      await late.catch(() => {});
      expect(late).rejects.toThrow("used after its end");
      expect(await ids()).toEqual([]);
    });

    test("nothing waits for the disk once a transaction resolved", async () => {
      await db.transaction((tx) => insert(tx, "a"));
      expect(db.settled()).toBeNull();
    });

    test("an unsynced transaction is there for reads, and rolls back like any other", async () => {
      await db.transactionUnsynced((tx) => insert(tx, "a"));
      const failing = db.transactionUnsynced(async (tx) => {
        await insert(tx, "b");
        throw new Error("no");
      });
      await failing.catch(() => {});
      expect(await ids()).toEqual(["a"]);
    });

    test("a transaction that nobody awaits is there for reads, and rolls back like any other", async () => {
      await db.transactionUnawaited((tx) => insert(tx, "a"), "rows");
      expect(await ids()).toEqual(["a"]);
      expect(db.settled()).toBeNull();
      const failing = db.transactionUnawaited(async (tx) => {
        await insert(tx, "b");
        throw new Error("no");
      });
      await failing.catch(() => {});
      expect(failing).rejects.toThrow("no");
      await db.flush();
      expect(await ids()).toEqual(["a"]);
    });

    test("a statement by itself is there for every read after it, and leaves nothing where it fails", async () => {
      for (const synced of ["synced", "unsynced"] as const) {
        await db.statement((tx) => insert(tx, synced), synced);
        const again = db.statement((tx) => insert(tx, synced), synced);
        expect(again).rejects.toThrow(/unique/i);
        await again.catch(() => {});
        await db.statement((tx) => insert(tx, `${synced} too`), synced);
      }
      expect(await ids()).toEqual(["synced", "synced too", "unsynced", "unsynced too"]);
    });

    test("a prepared read sees each commit, and gives null for no row", async () => {
      const find = db.prepare<{ id: string }>("select id from projects where id = ?1");
      expect(await find("a")).toBeNull();
      await db.transaction((tx) => insert(tx, "a"));
      expect(await find("a")).toEqual({ id: "a" });
    });

    test("prepared reads at the same time get each its own row", async () => {
      const find = db.prepare<{ id: string }>("select id from projects where id = ?1");
      await db.transaction(async (tx) => {
        for (let i = 0; i < 40; i++) await insert(tx, `p${i}`);
      });
      const asked = Array.from({ length: 300 }, (_, i) => `p${(i * 7) % 60}`);
      const found = await Promise.all(asked.map((id) => find(id)));
      const there = (id: string) => Number(id.slice(1)) < 40;
      expect(found).toEqual(asked.map((id) => (there(id) ? { id } : null)));
    });

    test("texts are in the order of their bytes", async () => {
      const texts = ["B", "_", "a", "a-b", "aa", "é"];
      await db.transaction(async (tx) => {
        for (const text of texts.toReversed()) await insert(tx, text);
      });
      expect(await ids()).toEqual(texts);
      const after = db.prepare<{ name: string }>(
        "select name from projects where name > ?1 order by name limit 1",
      );
      expect(await after("B")).toEqual({ name: "_" });
    });

    test("a database that the next release wrote is served, one of a later release is refused", async () => {
      const write = (name: string, release: number) =>
        db.transaction((tx) =>
          tx.insertInto("migrations").values({ name, release, applied_at: 0 }).execute(),
        );
      const { release } = await db.reads
        .selectFrom("migrations")
        .select(({ fn }) => fn.max("release").as("release"))
        .executeTakeFirstOrThrow();
      await write("9998-next", release + 1);
      await migrate(db, systemClock);
      await write("9999-future", release + 2);
      const late = migrate(db, systemClock);
      await late.catch(() => {});
      expect(late).rejects.toThrow("9999-future");
    });

    test("names are unique among live rows only", async () => {
      await db.transaction((tx) => insert(tx, "a"));
      await db.transaction(async (tx) => {
        await tx.updateTable("projects").set({ state: "trashed" }).execute();
        await tx
          .insertInto("projects")
          .values({
            id: "b",
            name: "a" as ProjectName,
            generation: 2,
            state: "live",
            created_at: 0,
            created_by: null,
          })
          .execute();
      });
      const third = db.transaction((tx) =>
        tx
          .insertInto("projects")
          .values({
            id: "c",
            name: "a" as ProjectName,
            generation: 3,
            state: "live",
            created_at: 0,
            created_by: null,
          })
          .execute(),
      );
      await third.catch(() => {});
      expect(third).rejects.toThrow();
    });

    test("sizes up to 2^53 come back as they went in", async () => {
      await db.transaction(async (tx) => {
        await insert(tx, "a");
        await tx.updateTable("projects").set({ created_at: Number.MAX_SAFE_INTEGER }).execute();
      });
      const row = await db.reads.selectFrom("projects").select("created_at").executeTakeFirst();
      expect(row?.created_at).toBe(Number.MAX_SAFE_INTEGER);
    });
  });
}
