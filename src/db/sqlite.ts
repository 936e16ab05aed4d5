import type { Database as BunDatabase, Statement } from "bun:sqlite";
import { AsyncLocalStorage } from "node:async_hooks";
import { Kysely } from "kysely";
import { assert } from "../lib/assert.ts";
import { createMutex } from "../lib/mutex.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { bunSqliteDialect } from "./bun-sqlite-dialect.ts";
import { createCheckpointer } from "./checkpoint.ts";
import type { Database, PreparedRead, Reads, Tx } from "./database.ts";
import { sqliteFacts } from "./dialect-facts.ts";
import { fencedError, fenceText } from "./fence.ts";
import { connect, isFull, sharedSync } from "./sqlite-connection.ts";
import type { Tables } from "./tables.ts";
import { openWalSync } from "./wal-sync.ts";

/**
 * Pages that reads keep at hand, KiB. A tag out of 100,000, asked for in no order, is found in 7 us
 * with this, in 12 us with half of it, which the tags alone outgrow; one out of 10 in 3 us.
 */
const readCacheKib = 32 * 1024;

export interface SqliteOptions {
  /** Path of the database file. */
  readonly file: string;
  /** Told once, of the first error after which no write is accepted until a restart. */
  readonly onFailure: (error: Error) => void;
  /** Called when the disk is full, before a transaction is tried a last time. */
  readonly onFull?: () => void;
}

/**
 * SQLite in WAL mode: one write connection under a mutex, one read connection, and durability by
 * one shared `fdatasync` of the log after the commit (docs/decisions/0002-sqlite-durability.md).
 */
export function openSqlite(options: SqliteOptions): Database {
  const { file } = options;
  const writer = openWriter(options);
  const reader = connect(file, { create: true });
  reader.run(`PRAGMA cache_size = -${readCacheKib}`);
  let failure: Error | null = null;
  let commits = 0;

  function fail(error: Error): void {
    if (failure !== null) return;
    failure = error;
    checkpointer.stop();
    options.onFailure(error);
  }

  const walSync = sharedSync ? openWalSync(`${file}-wal`, fail) : null;
  const mutex = createMutex();
  const inPlace = () => walSync?.assertInPlace();
  const checkpointer = createCheckpointer({ file, mutex, inPlace, onFailure: fail });

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

  async function attempt<T>(body: (tx: Tx) => Promise<T>, synced: boolean): Promise<T> {
    begin.run();
    inTransaction = true;
    try {
      const result = await nesting.run(true, () => body(tx));
      end.run();
      // At once: a read between the commit and this line would take the rows for durable.
      if (synced) walSync?.committed();
      commits += 1;
      checkpointer.committed();
      return result;
    } catch (error) {
      // SQLite has already rolled back after some errors, of which a full disk is one.
      if (writer.inTransaction) writer.run("ROLLBACK");
      throw error;
    } finally {
      inTransaction = false;
    }
  }

  async function commit<T>(body: (tx: Tx) => Promise<T>, synced: boolean): Promise<T> {
    assert(nesting.getStore() === undefined, "transactions do not nest");
    return mutex.run(async () => {
      if (failure !== null) throw readOnly(failure);
      try {
        return await attempt(body, synced);
      } catch (error) {
        if (!isFull(error)) throw classify(error, fail);
      }
      options.onFull?.();
      try {
        return await attempt(body, synced);
      } catch (error) {
        throw classify(error, fail);
      }
    });
  }

  return {
    facts: sqliteFacts,
    reads,
    prepare<Row>(text: string): PreparedRead<Row> {
      const statement = reader.prepare(text);
      prepared.push(statement);
      return (...params) => statement.get(...params) as Row | null;
    },
    async transaction(body) {
      const result = await commit(body, true);
      await walSync?.settled()?.catch(refuseUnsettled);
      return result;
    },
    transactionUnsynced: (body) => commit(body, false),
    settled() {
      return walSync?.settled()?.catch(refuseUnsettled) ?? null;
    },
    refuseWrites: fail,
    stats: {
      get commits() {
        return commits;
      },
      get syncs() {
        return walSync?.syncs ?? 0;
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
    async close() {
      await mutex.run(async () => {});
      await checkpointer.close();
      await walSync?.close();
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
function openWriter({ file, onFull }: SqliteOptions): BunDatabase {
  const open = () => {
    const writer = connect(file, { create: true });
    try {
      // The log must exist, and stays while this connection is open: only the last close deletes it.
      writer.run("BEGIN IMMEDIATE");
      writer.run("PRAGMA user_version = 1");
      writer.run("COMMIT");
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

/** Whether the commits reached the disk cannot be known: neither yes nor no would be true. */
function refuseUnsettled(error: Error): never {
  throw readOnly(error);
}

/** Turns SQLite's own errors into the registry's; an I/O error ends writing until a restart. */
function classify(error: unknown, fail: (error: Error) => void): unknown {
  const code = (error as { code?: unknown }).code;
  if (typeof code !== "string" || !code.startsWith("SQLITE_")) return error;
  if (isFull(error)) {
    return new RegistryError("STORAGE_FULL", {
      message: "the disk that holds the database is full: free space on it, then try again",
      cause: error,
    });
  }
  if (code === "SQLITE_CONSTRAINT_TRIGGER" && (error as Error).message.includes(fenceText)) {
    return fencedError(error);
  }
  if (code.startsWith("SQLITE_IOERR") || code === "SQLITE_CORRUPT" || code === "SQLITE_READONLY") {
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
