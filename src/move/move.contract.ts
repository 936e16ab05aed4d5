import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { fillTables, readBlob, rowsOf, storeBlob } from "../../test/support/move-world.ts";
import { type BlobKey, type BlobStore, nothingStaged, type StagedId } from "../blobs/blob-store.ts";
import type { Database } from "../db/database.ts";
import type { BlobRow, ProjectRow } from "../db/tables.ts";
import { systemClock } from "../lib/clock.ts";
import { uuidv7 } from "../lib/random.ts";
import { createLog } from "../platform/log.ts";
import { cancelMove } from "./cancel-move.ts";
import { type MoveReport, move, planMove } from "./move.ts";
import type { End, Progress } from "./move-deps.ts";
import { HalfMovedError, watchMoves } from "./move-watch.ts";
import { fencedTables, movedTables } from "./moved-tables.ts";

// What a move does whatever the ends are. The source comes migrated, the target as a person makes it.

export interface EndUnderTest extends End {
  /** The same end as another process would open it. */
  reopen(): Promise<EndUnderTest>;
  close(): Promise<void>;
}

export interface EndsUnderTest {
  readonly source: EndUnderTest;
  readonly target: EndUnderTest;
  /** Changes the stored bytes of the source behind its back: other ones, fewer, or none. */
  spoil(key: BlobKey, how: "rotten" | "short" | "gone"): Promise<void>;
  remove(): Promise<void>;
}

const log = createLog({ format: "text", level: "error", write: () => {} });
const rowsOfTable = 7;

export function moveContract(name: string, open: () => Promise<EndsUnderTest>): void {
  describe(`a move from ${name}`, () => {
    let ends: EndsUnderTest;
    let source: EndUnderTest;
    let target: EndUnderTest;
    let blobs: BlobRow[];
    const sizes = [0, 1, 20, 3000, 70_000, 5_000_000];
    const contentOf = (at: number, size: number) => new Uint8Array(size).fill(at + 1);

    beforeEach(async () => {
      ends = await open();
      ({ source, target } = ends);
      blobs = [];
      for (const [at, size] of sizes.entries()) {
        blobs.push(await storeBlob(source, contentOf(at, size)));
      }
      const digests = blobs.map((blob) => blob.digest);
      await fillTables(source.db, Math.min(rowsOfTable, digests.length), digests);
    });
    afterEach(async () => {
      await source.close();
      await target.close();
      await ends.remove();
    });

    const neverAborted = new AbortController().signal;
    const run = (
      rest: {
        source?: End;
        target?: End;
        signal?: { aborted: boolean };
        progress?: Progress;
        to?: string;
      } = {},
    ): Promise<MoveReport> =>
      move({
        source: rest.source ?? source,
        target: rest.target ?? target,
        sourceName: "the source",
        targetName: rest.to ?? "the target",
        record: async () => {},
        prepareTarget() {},
        clock: systemClock,
        log,
        progress: rest.progress ?? noProgress(),
        signal: (rest.signal ?? neverAborted) as AbortSignal,
        pauseMs: 0,
      });

    async function expectSame(): Promise<void> {
      for (const table of movedTables) {
        const [there, here] = [await rowsOf(source.db, table), await rowsOf(target.db, table)];
        if (table.isBlobs) {
          expect(here.map(({ key, ...rest }) => rest)).toEqual(
            there.map(({ key, ...rest }) => rest),
          );
        } else {
          expect({ [table.name]: here }).toEqual({ [table.name]: there });
        }
      }
      const rows = await target.db.reads.selectFrom("blobs").selectAll().execute();
      for (const [at, { digest, size }] of blobs.entries()) {
        const row = rows.find((one) => one.digest === digest);
        const bytes = row === undefined ? null : await readBlob(target.blobs, row);
        expect(bytes === null ? null : Buffer.from(bytes).equals(contentOf(at, size))).toBe(true);
      }
    }

    const insertProject = (db: Database, id: string) =>
      db.transaction((tx) =>
        tx
          .insertInto("projects")
          .values({
            id,
            name: id as ProjectRow["name"],
            generation: 1,
            state: "live",
            created_at: 0,
            created_by: null,
          })
          .execute(),
      );

    test("brings every row as it was, and every blob", async () => {
      const report = await run();
      expect(report).toMatchObject({ blobs: sizes.length, copied: sizes.length, broken: [] });
      expect(report.bytes).toBe(sizes.reduce((sum, size) => sum + size, 0));
      expect(report.tables.map((table) => table.name)).toEqual(movedTables.map(({ name }) => name));
      expect(report.tables.every((table) => table.rows > 0)).toBe(true);
      await expectSame();
    });

    test("leaves the source readable, and every change of it refused, until it is cancelled", async () => {
      const watch = await watchMoves(source.db, log);
      expect(watch.isMoving).toBe(false);
      await run();
      const before = await rowsOf(source.db, movedTables[0] as (typeof movedTables)[0]);
      expect(before.length).toBeGreaterThan(0);
      source = await restart(source);
      expect((await watchMoves(source.db, log)).isMoving).toBe(true);
      for (const table of fencedTables) {
        await expectFenced(() =>
          source.db.transaction((tx) =>
            tx
              .insertInto(table as "moves")
              .defaultValues()
              .execute(),
          ),
        );
      }
      const [row] = await rowsOf(source.db, movedTables[0] as (typeof movedTables)[0]);
      await expectFenced(() =>
        source.db.transaction((tx) =>
          tx.updateTable("projects").set({ description: "changed" }).execute(),
        ),
      );
      await expectFenced(() => source.db.transaction((tx) => tx.deleteFrom("tags").execute()));
      expect(row).toEqual(before[0] as typeof row);

      expect(await cancelMove(source.db, systemClock)).toBe("the target");
      expect((await watchMoves(source.db, log)).isMoving).toBe(false);
      await insertProject(source.db, "new");
      await source.db.transaction((tx) => tx.deleteFrom("tags").execute());
    });

    test("interrupted anywhere, goes on where it was", async () => {
      let interruptions = 0;
      for (let looks = 1; ; looks += 1 + Math.floor(looks / 4)) {
        try {
          await run({ signal: abortedAfter(looks) });
          break;
        } catch (error) {
          expect((error as Error).message).toBe("the move was interrupted");
          interruptions += 1;
        }
        target = await restart(target);
      }
      expect(interruptions).toBeGreaterThan(8);
      await expectSame();
      for await (const item of target.blobs.list("all")) expect(item.kind).toBe("blob");
    });

    for (const side of ["source", "target"] as const) {
      test(`goes on after a crash of any write at the ${side}`, async () => {
        let crashes = 0;
        for (let writes = 0; ; writes++) {
          const end = side === "source" ? source : target;
          const failing = failAfter(end, writes);
          try {
            await run({ [side]: failing });
            break;
          } catch (error) {
            expect((error as Error).message).toBe("crashed");
            crashes += 1;
          }
          expect(await startOf(target)).not.toBe("started");
          if (side === "source") source = await restart(source);
          else target = await restart(target);
        }
        expect(crashes).toBeGreaterThan(5);
        await expectSame();
        expect(await startOf(target)).toBe("started");
      });
    }

    test("keeps a server from starting on what is not all there", async () => {
      const signal = abortedAfter(5);
      await run({ signal }).catch(() => {});
      expect(await startOf(target)).toBe("half moved");
      await run();
      expect(await startOf(target)).toBe("started");
      await insertProject(target.db, "new");
    });

    test("is made once, and not over something else", async () => {
      await run();
      await expectRefused(run(), "was moved already, to the target");
      await cancelMove(source.db, systemClock);
      await expectRefused(run(), "holds a registry that was moved there before");
    });

    test("refuses a target that holds rows, and changes neither end", async () => {
      await run();
      await cancelMove(source.db, systemClock);
      await target.db.transaction((tx) => tx.deleteFrom("moves").execute());
      await expectRefused(run(), "the target database holds other data, 6 rows in projects");
      expect((await watchMoves(source.db, log)).isMoving).toBe(false);
      await insertProject(source.db, "new");
    });

    test("refuses a target that holds bytes, or another program's tables", async () => {
      const key = (await storeBytes(target.blobs)) as BlobKey;
      await expectRefused(run(), "the target store holds other data");
      await target.blobs.remove([key]);
      await target.db.transaction((tx) =>
        tx.schema.createTable("invoices").addColumn("id", "text").execute(),
      );
      await expectRefused(
        run(),
        "the target database holds invoices, which are no tables of Berth",
      );
    });

    test("refuses another target while one is under way, and the beginning of another's move", async () => {
      const signal = abortedAfter(3);
      await run({ signal }).catch(() => {});
      await expectRefused(
        run({ to: "elsewhere" }),
        "is being moved to the target: go on with that",
      );
      await source.db.transaction((tx) => tx.updateTable("moves").set({ id: "another" }).execute());
      await expectRefused(run(), "the target holds the beginning of another move, from the source");
    });

    test("cancelled, changed and moved again, brings what is there by then", async () => {
      const signal = abortedAfter(40);
      await run({ signal }).catch(() => {});
      await cancelMove(source.db, systemClock);
      await insertProject(source.db, "new");
      await source.db.transaction((tx) =>
        tx.updateTable("projects").set({ description: "changed" }).execute(),
      );
      await source.db.transaction(async (tx) => {
        await tx.deleteFrom("repository_blobs").execute();
        await tx
          .deleteFrom("blobs")
          .where("digest", "=", (blobs[0] as BlobRow).digest)
          .execute();
      });
      await run();
      const gone = blobs.shift();
      const there = await target.db.reads.selectFrom("blobs").select("digest").execute();
      expect(there.map(({ digest }) => digest)).not.toContain((gone as BlobRow).digest);
      for (const table of movedTables.filter(({ isBlobs }) => !isBlobs)) {
        expect(await rowsOf(target.db, table)).toEqual(await rowsOf(source.db, table));
      }
    });

    test("reports broken blobs, sets them aside and moves all else", async () => {
      const [one, two, three] = [blobs[3], blobs[4], blobs[5]] as [BlobRow, BlobRow, BlobRow];
      await ends.spoil(one.key, "rotten");
      await ends.spoil(two.key, "gone");
      await ends.spoil(three.key, "short");
      const report = await run();
      expect(report.copied).toBe(3);
      expect([...report.broken].sort((a, b) => (a.digest < b.digest ? -1 : 1))).toEqual(
        [
          { digest: one.digest, message: expect.stringMatching(/^it hashes to [0-9a-f]{64}$/) },
          { digest: two.digest, message: "its bytes are gone" },
          {
            digest: three.digest,
            message: expect.stringMatching(/^it has \d+ bytes, not 5000000$/),
          },
        ].sort((a, b) => (a.digest < b.digest ? -1 : 1)),
      );
      const states = await target.db.reads
        .selectFrom("blobs")
        .select(["digest", "state"])
        .execute();
      expect(
        states
          .filter(({ state }) => state === "quarantined")
          .map(({ digest }) => digest)
          .sort(),
      ).toEqual([one.digest, two.digest, three.digest].sort());
      expect(await startOf(target)).toBe("started");
    });

    test("takes along what was set aside, without its bytes", async () => {
      const aside = blobs[2] as BlobRow;
      await ends.spoil(aside.key, "gone");
      await source.db.transaction((tx) =>
        tx
          .updateTable("blobs")
          .set({ state: "quarantined" })
          .where("digest", "=", aside.digest)
          .execute(),
      );
      const report = await run();
      expect(report).toMatchObject({
        blobs: sizes.length - 1,
        copied: sizes.length - 1,
        broken: [],
      });
      const row = await target.db.reads
        .selectFrom("blobs")
        .select("state")
        .where("digest", "=", aside.digest)
        .executeTakeFirst();
      expect(row?.state).toBe("quarantined");
    });

    test("ends where the target does not give back what it was given", async () => {
      const spoiled: BlobStore = {
        ...target.blobs,
        async open(key, size, range) {
          const body = await target.blobs.open(key, size, range);
          return size === 3000 && body !== null
            ? { kind: "bytes", bytes: new Uint8Array(3000) }
            : body;
        },
      };
      const given = run({ target: { db: target.db, blobs: spoiled } });
      expect(await messageOf(given)).toContain(
        "the target does not give back what was written to it",
      );
      await run();
      await expectSame();
    });

    test("tries a blob again whose stream was cut", async () => {
      let cuts = 0;
      const cutting: BlobStore = {
        ...source.blobs,
        async open(key, size, range) {
          const body = await source.blobs.open(key, size, range);
          if (size !== 5_000_000 || cuts === 2) return body;
          cuts += 1;
          const stream = new ReadableStream<Uint8Array>({
            pull(controller) {
              controller.enqueue(new Uint8Array(100_000));
              controller.error(new Error("the connection was lost"));
            },
          });
          return { kind: "stream", stream };
        },
      };
      const report = await run({ source: { db: source.db, blobs: cutting } });
      expect(report).toMatchObject({ copied: sizes.length, broken: [] });
      expect(cuts).toBe(2);
      await expectSame();
    });

    test("finds a row that somebody changed at the target", async () => {
      let seen = false;
      const progress = noProgress();
      const signal = {
        get aborted() {
          seen = progress.work === "comparing rows";
          return seen;
        },
      };
      await run({ signal, progress }).catch(() => {});
      expect(seen).toBe(true);
      await target.db.transaction((tx) =>
        tx.updateTable("tag_history").set({ moved_at: 5 }).where("version", "=", 1).execute(),
      );
      expect(await messageOf(run())).toContain(
        "the table tag_history of the target is not that of the source",
      );
    });

    test("says beforehand how much it is, and changes nothing", async () => {
      const plan = await planMove(source, target, "the target", systemClock);
      expect(plan).toMatchObject({ blobs: sizes.length, goesOn: false });
      expect(plan.tables.find((table) => table.name === "tags")?.rows).toBe(sizes.length);
      expect((await watchMoves(source.db, log)).isMoving).toBe(false);
      expect(await target.db.reads.introspection.getTables()).toEqual([]);
    });

    async function startOf(end: EndUnderTest): Promise<"started" | "half moved" | "empty"> {
      const tables = await end.db.reads.introspection.getTables();
      if (!tables.some(({ name: table }) => table === "moves")) return "empty";
      try {
        await watchMoves(end.db, log);
        const [row] = await end.db.reads.selectFrom("moves").select("id").limit(1).execute();
        return row === undefined ? "empty" : "started";
      } catch (error) {
        if (error instanceof HalfMovedError) return "half moved";
        throw error;
      }
    }
  });
}

function noProgress(): Progress {
  return { work: "preparing", done: 0, of: 0, doneBytes: 0, ofBytes: 0 };
}

/** Set when it was looked at so often. */
function abortedAfter(looks: number): { readonly aborted: boolean } {
  let left = looks;
  return {
    get aborted() {
      left -= 1;
      return left < 0;
    },
  };
}

async function restart(end: EndUnderTest): Promise<EndUnderTest> {
  await end.close();
  return await end.reopen();
}

async function storeBytes(blobs: BlobStore): Promise<string> {
  const id = uuidv7() as StagedId;
  const writer = await blobs.stage({ id, state: nothingStaged }, 0);
  await writer?.close();
  return await blobs.publish({ id, state: writer?.state ?? nothingStaged }, emptyDigest);
}

const emptyDigest =
  "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" as BlobRow["digest"];

/** An end whose writes fail from some one on, as those of a process that was killed. */
function failAfter(end: End, writes: number): End {
  let left = writes;
  const spend = () => {
    left -= 1;
    if (left < 0) throw new Error("crashed");
  };
  return {
    db: {
      ...end.db,
      reads: end.db.reads,
      stats: end.db.stats,
      async transaction(body) {
        spend();
        return await end.db.transaction(body);
      },
    },
    blobs: {
      ...end.blobs,
      async publish(...args) {
        spend();
        return await end.blobs.publish(...args);
      },
    },
  };
}

async function messageOf(failing: Promise<unknown>): Promise<string> {
  return failing.then(
    () => "it did not fail",
    (error: Error) => error.message,
  );
}

async function expectFenced(write: () => Promise<unknown>): Promise<void> {
  const error = await write().then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toMatchObject({
    code: "UNAVAILABLE",
    status: 503,
    message: expect.stringContaining("is being moved to another place"),
    headers: { "retry-after": "30" },
  });
}

async function expectRefused(moving: Promise<unknown>, sentence: string): Promise<void> {
  const error = await moving.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toMatchObject({ status: 409, message: expect.stringContaining(sentence) });
}
