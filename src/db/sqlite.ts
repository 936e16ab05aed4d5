import type { Database as BunDatabase, Statement } from "bun:sqlite";
import { AsyncLocalStorage } from "node:async_hooks";
import { Kysely } from "kysely";
import { assert } from "../lib/assert.ts";
import { systemClock } from "../lib/clock.ts";
import { createMutex } from "../lib/mutex.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { withEnd } from "./at-end.ts";
import { bunSqliteDialect } from "./bun-sqlite-dialect.ts";
import { createCheckpointer } from "./checkpoint.ts";
import type { Database, PreparedRead, Reads, Tx } from "./database.ts";
import { sqliteFacts } from "./dialect-facts.ts";
import { fencedError, fenceText } from "./fence.ts";
import { type CommitKind, createGroupCommit } from "./group-commit.ts";
import { openSharedCommits } from "./shared-commits.ts";
import { writeSnapshot } from "./snapshot.ts";
import { connect, isFull, isOfDisk, sharedSync } from "./sqlite-connection.ts";
import type { Tables } from "./tables.ts";
import { openWalSync } from "./wal-sync.ts";
import { openWriteTurn } from "./write-turn.ts";

/**
 * Pages that reads keep at hand, KiB. A tag out of 100,000, asked for in no order, is found in 7 us
 * with this, in 12 us with half of it, which the tags alone outgrow; one out of 10 in 3 us.
 */
const readCacheKib = 32 * 1024;
/** That writes keep, KiB. With SQLite's own 2 MiB deleting 10,000 manifests took half as long again. */
const writeCacheKib = 16 * 1024;

/** How often the parent of several processes looks whether there is something to copy out of the log. */
const watchEveryMs = 500;

export interface SqliteOptions {
  /** Path of the database file. */
  readonly file: string;
  /** Told once, of the first error after which no write is accepted until a restart. */
  readonly onFailure: (error: Error) => void;
  /** Called when the disk is full, before a transaction is tried a last time. */
  readonly onFull?: () => void;
  /**
   * Where several processes have the file open: the parent of them makes the checkpoints for all.
   * Default: this process is the only one.
   */
  readonly sharing?: "parent" | "child" | undefined;
}

/**
 * SQLite in WAL mode: one write connection under a mutex, one read connection, and durability by
 * one shared `fdatasync` of the log after the commit (docs/decisions/0002-sqlite-durability.md).
 * Where processes share the file, each knows how far all are synced: see shared-commits.ts.
 */
export function openSqlite(options: SqliteOptions): Database {
  const { file, sharing } = options;
  const writer = openWriter(options);
  const reader = connect(file, { create: true });
  reader.run(`PRAGMA cache_size = -${readCacheKib}`);
  let failure: Error | null = null;
  let commits = 0;
  /** Commits that may not be lost. */
  let changes = 0;

  function fail(error: Error): void {
    if (failure !== null) return;
    failure = error;
    checkpointer.stop();
    options.onFailure(error);
  }

  const log = sharedSync ? openWalSync(`${file}-wal`, fail) : null;
  const walSync = sharing === undefined ? log : null;
  const inPlace = () => log?.assertInPlace();
  const prepared: Statement[] = [];
  let inTransaction = false;
  const nesting = new AsyncLocalStorage<true>();
  const tx = new Kysely<Tables>({
    dialect: bunSqliteDialect(writer, () =>
      assert(inTransaction, "a transaction was used after its end"),
    ),
  }) as Tx;
  const reads: Reads = new Kysely<Tables>({ dialect: bunSqliteDialect(reader, () => {}) });

  const begin = writer.prepare("BEGIN IMMEDIATE");
  const end = writer.prepare("COMMIT");
  prepared.push(begin, end);

  async function run<T>(body: (tx: Tx) => Promise<T>): Promise<T> {
    inTransaction = true;
    try {
      return await nesting.run(true, () => withEnd(tx, body));
    } finally {
      inTransaction = false;
    }
  }

  async function attempt<T>(body: (tx: Tx) => Promise<T>, kind: CommitKind): Promise<T> {
    begin.run();
    try {
      const result = await run(body);
      end.run();
      // At once: a read between the commit and these lines would take old rows for the newest, and new
      // ones for durable.
      commits += 1;
      if (kind !== "unsynced") {
        changes += 1;
        walSync?.committed(kind);
      }
      checkpointer.committed();
      return result;
    } catch (error) {
      // SQLite has already rolled back after some errors, of which a full disk is one.
      if (writer.inTransaction) writer.run("ROLLBACK");
      throw error;
    }
  }

  const mutex = createMutex();
  const shared =
    sharing === undefined || log === null
      ? null
      : openSharedCommits({
          path: `${file}-commits`,
          isParent: sharing === "parent",
          sync: syncForAll,
          takeTurn: () => commit(async () => {}, "unsynced"),
        });
  const group =
    sharing === undefined
      ? null
      : createGroupCommit({
          writer,
          turn: openWriteTurn(`${file}-turn`, begin),
          commits: shared,
          clock: systemClock,
          admit() {
            if (failure !== null) throw readOnly(failure);
          },
          committed(count) {
            commits += count;
          },
          onFull: () => options.onFull?.(),
          classify: (error) => classify(error, fail),
        });
  const checkpointer = createCheckpointer({
    file,
    holdWriters: group?.alone ?? mutex.run,
    inPlace,
    onFailure: fail,
  });
  const watch = sharing === "parent" ? watchCommits(reader, checkpointer.begin) : null;

  async function commit<T>(body: (tx: Tx) => Promise<T>, kind: CommitKind): Promise<T> {
    assert(nesting.getStore() === undefined, "transactions do not nest");
    if (group !== null) return group.commit(() => run(body), kind);
    return mutex.run(async () => {
      if (failure !== null) throw readOnly(failure);
      try {
        return await attempt(body, kind);
      } catch (error) {
        if (!isFull(error)) throw classify(error, fail);
      }
      options.onFull?.();
      try {
        return await attempt(body, kind);
      } catch (error) {
        throw classify(error, fail);
      }
    });
  }

  async function transaction<T>(body: (tx: Tx) => Promise<T>): Promise<T> {
    const result = await commit(body, "awaited");
    await walSync?.settled()?.catch(refuseUnsettled);
    return result;
  }

  function transactionUnsynced<T>(body: (tx: Tx) => Promise<T>): Promise<T> {
    return commit(body, "unsynced");
  }

  async function flush(): Promise<void> {
    // Where processes share the file, this one alone is not told of every commit.
    if (sharing !== undefined) log?.committed("unawaited");
    await log?.flush().catch(refuseUnsettled);
  }

  /** After an error nothing counts as durable: a file that was opened since would not be told of it. */
  async function syncForAll(): Promise<void> {
    if (failure === null) await flush();
    if (failure !== null) throw readOnly(failure);
  }

  return {
    facts: sqliteFacts,
    reads,
    prepare<Row>(text: string): PreparedRead<Row> {
      const statement = reader.prepare(text);
      prepared.push(statement);
      return (...params) => statement.get(...params) as Row | null;
    },
    transaction,
    transactionUnsynced,
    // Where commits are synced by SQLite itself there is nothing else that could sync this one later.
    transactionUnawaited: (body) => commit(body, log === null ? "awaited" : "unawaited"),
    flush,
    statement: (body, synced) =>
      synced === "synced" ? transaction(body) : transactionUnsynced(body),
    settled() {
      if (shared !== null) return shared.settled();
      return walSync?.settled()?.catch(refuseUnsettled) ?? null;
    },
    snapshot: (to) => writeSnapshot(file, to),
    refuseWrites: fail,
    away: () => null,
    stats: {
      get commits() {
        return commits;
      },
      get syncs() {
        return log?.syncs ?? 0;
      },
      get checkpoints() {
        return checkpointer.checkpoints;
      },
      get walBytes() {
        return checkpointer.walBytes;
      },
      get failure() {
        return failure;
      },
    },
    version: sharing === undefined ? () => changes : (shared?.version ?? null),
    async close() {
      watch?.close();
      await mutex.run(async () => {});
      await group?.close();
      await checkpointer.close();
      await log?.close();
      for (const statement of prepared) statement.finalize();
      await reads.destroy();
      await tx.destroy();
      // The last close copies the log into the database, after a failure too. It syncs the log first,
      // through descriptors to which the kernel has not yet told the error: then it copies nothing.
      reader.close();
      writer.close();
    },
  };
}

/** The write connection. A full disk must not keep a store from serving, and from being emptied. */
function openWriter({ file, onFull, sharing }: SqliteOptions): BunDatabase {
  const open = () => {
    const writer = connect(file, { create: true });
    try {
      // The log must exist, and stays while this connection is open: only the last close deletes it.
      writer.run("BEGIN IMMEDIATE");
      writer.run("PRAGMA user_version = 1");
      writer.run("COMMIT");
      writer.run(`PRAGMA cache_size = -${writeCacheKib}`);
      // From here on others are waited for beside the event loop, not in its place.
      if (sharing !== undefined) writer.run("PRAGMA busy_timeout = 0");
      return writer;
    } catch (error) {
      writer.close();
      throw error;
    }
  };
  try {
    return open();
  } catch (error) {
    if (!isFull(error)) throw error;
    onFull?.();
    return open();
  }
}

/** Calls `onCommit` some time after others have committed. */
function watchCommits(reader: BunDatabase, onCommit: () => void) {
  const version = reader.prepare("PRAGMA data_version");
  const read = () => (version.get() as { data_version: number }).data_version;
  let last = read();
  const timer = setInterval(() => {
    const now = read();
    if (now !== last) onCommit();
    last = now;
  }, watchEveryMs);
  timer.unref();
  return {
    close() {
      clearInterval(timer);
      version.finalize();
    },
  };
}

/** Whether the commits reached the disk cannot be known: neither yes nor no would be true. */
function refuseUnsettled(error: Error): never {
  throw readOnly(error);
}

/** Turns SQLite's own errors into the registry's; an I/O error ends writing until a restart. */
function classify(error: unknown, fail: (error: Error) => void): unknown {
  if (isFull(error)) {
    return new RegistryError("STORAGE_FULL", {
      message: "the disk that holds the database is full: free space on it, then try again",
      cause: error,
    });
  }
  const { code, message } = error as { code?: unknown; message?: string };
  if (code === "SQLITE_CONSTRAINT_TRIGGER" && message?.includes(fenceText)) {
    return fencedError(error);
  }
  if (isOfDisk(error)) {
    fail(error as Error);
    return readOnly(error as Error);
  }
  return error;
}

function readOnly(cause: Error): RegistryError {
  return new RegistryError("UNAVAILABLE", {
    message: "this node refuses writes since its disk reported an error; it must be restarted",
    cause,
  });
}
