import { AsyncLocalStorage } from "node:async_hooks";
import { Kysely } from "kysely";
import { assert } from "../lib/assert.ts";
import type { Clock } from "../lib/clock.ts";
import { randomBelow, uuidv7 } from "../lib/random.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { withEnd } from "./at-end.ts";
import type { Beside, Database, Reads, Tx } from "./database.ts";
import { DatabaseAwayError, isAway, OutcomeUnknownError } from "./database-away.ts";
import { postgresFacts } from "./dialect-facts.ts";
import { fencedError, fenceText } from "./fence.ts";
import {
  type ConnectOptions,
  connect,
  type PostgresConnection,
  settingsOf,
  statementMsMax,
} from "./postgres-connection.ts";
import { postgresDialect, type Rows } from "./postgres-dialect.ts";
import { connectionsOfOne, createPostgresPool, type PostgresPool } from "./postgres-pool.ts";
import { batchedRead } from "./read-batches.ts";
import type { Tables } from "./tables.ts";

const readMsMax = 10_000;
/** Who waits longer for a connection is told to come again. */
const connectionWaitMsMax = 10_000;
/** For the locks of a transaction, and for the standby that a commit waits for. */
const waitMsMax = 20_000;
/** How often a transaction is tried that another one, or a lost connection, got in the way of. */
const attemptsMax = 5;
const pauseMsMax = 40;

/**
 * What holds in each transaction; and behind a pooler no longer, since it may give the connection to another
 * client after it. A node that stops in the middle of one keeps nobody waiting for long, nor does a lock.
 */
const limits = [
  "idle_in_transaction_session_timeout=10s",
  "lock_timeout=15s",
  "statement_timeout=30s",
];
const unsynced = "synchronous_commit=off";
const unlimited = "statement_timeout=0";
const longMsMax = 60 * 60 * 1_000;
/** Locks of transactions, by two numbers: all of Berth, or one repository by a hash of its name. */
const lockSpace = 0x62_65_72;
const everything = `${lockSpace}, 0`;

export interface PostgresOptions extends Omit<ConnectOptions, "session" | "mark"> {
  readonly clock: Clock;
  /** Of this node that have the database open, this one among them; default: 1. They share the node's connections. */
  readonly processes?: number;
  /** What tests lengthen, or shorten. */
  readonly waitMsMax?: number;
}

/**
 * PostgreSQL behind two small pools: apart, so that what waits for a lock or for a standby keeps nobody
 * from reading. Transactions are READ COMMITTED and take locks at their beginning that say what they may
 * run beside (docs/decisions/0008-postgresql.md). Throws UnfitServerError, or DatabaseAwayError where
 * none can be reached.
 */
export async function openPostgres(options: PostgresOptions): Promise<Database> {
  let failure: Error | null = null;
  let commits = 0;
  /** The transaction that runs in this flow of calls. */
  const flow = new AsyncLocalStorage<PostgresConnection>();
  const running = new Set<PostgresConnection>();

  function guard(connection: PostgresConnection): void {
    const isRunning = flow.getStore() === connection && running.has(connection);
    assert(isRunning, "a transaction was used after its end");
  }

  const { clock, waitMsMax: connectionMsMax = connectionWaitMsMax } = options;
  // A pooler keeps what it prepared on the server for all its clients, by its text: what does not fit
  // the tables any more must be another text to be prepared again.
  let mark = "";
  const open = (session: readonly string[]) =>
    connect({ ...options, session, mark: () => mark }, guard);
  // Before anything waits: whoever starts Berth must hear what is wrong with the server.
  await (await open(limits)).close();
  const of = {
    connect: () => open(limits),
    connectionsMax: connectionsOfOne(options.processes ?? 1),
    waitMsMax: connectionMsMax,
    clock,
  };
  const readers = createPostgresPool(of);
  const writers = createPostgresPool(of);

  function renew(pool: PostgresPool): void {
    mark = ` /* ${uuidv7()} */`;
    pool.renew();
  }

  /** A statement that only reads is sent again where its connection turns out to be lost. */
  async function read(text: string, values: readonly unknown[]): Promise<Rows> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await readers.use((connection) => run(connection, text, values));
      } catch (error) {
        if (error instanceof StaleStatementError) renew(readers);
        else if (!(error instanceof InTheWayError)) {
          if (!(error instanceof DatabaseAwayError) || attempt > 1) throw error;
        }
        if (attempt >= attemptsMax) throw told(error);
      }
    }
  }

  async function attempt<T>(
    connection: PostgresConnection,
    ofTransaction: Kind,
    body: (tx: Tx) => Promise<T>,
  ): Promise<T> {
    const { isOneStatement } = ofTransaction;
    if (isOneStatement && connection.keepsSession) return await attemptBare(connection, body);
    connection.failure = null;
    connection.patienceMs = ofTransaction.beside === "long" ? longMsMax : statementMsMax;
    let committed: Promise<Rows> | null = null;
    const commitBehind = (statements: number) => {
      let left = statements;
      connection.onSent = () => {
        left -= 1;
        if (left > 0) return;
        connection.onSent = null;
        running.delete(connection);
        committed = connection.run("commit", [], waitMsMax);
        committed.catch(() => {});
      };
    };
    connection.onSent = null;
    if (isOneStatement) commitBehind(1);
    // Not waited for: the first statement goes out behind it, and fails where it does.
    const begun = connection.run(beginning(connection, ofTransaction), [], waitMsMax);
    // It may fail before anybody waits for it.
    begun.catch(() => {});
    running.add(connection);
    try {
      const result = await flow.run(connection, () => withEnd(connection.tx, body, commitBehind));
      running.delete(connection);
      await begun;
      await commitOf(connection, committed);
      commits += 1;
      return result;
    } catch (error) {
      running.delete(connection);
      connection.onSent = null;
      await begun.catch(() => {});
      if (committed !== null && isLost(connection, error)) throw new OutcomeUnknownError(error);
      const first = codeOf(error) === aborted ? (connection.failure ?? error) : error;
      await rollBack(connection);
      if (codeOf(first) === takesNoWrites) leaveServer();
      throw classify(connection, first);
    }
  }

  /**
   * A statement that is a transaction by itself: the session has what one would be given, and it takes no
   * lock. That is a fourth of what the server is asked otherwise; and what may be lost is not, since the
   * session waits for the disk.
   */
  async function attemptBare<T>(
    connection: PostgresConnection,
    body: (tx: Tx) => Promise<T>,
  ): Promise<T> {
    connection.onSent = () => {
      connection.onSent = null;
      running.delete(connection);
    };
    running.add(connection);
    try {
      const result = await flow.run(connection, () => withEnd(connection.tx, body));
      commits += 1;
      return result;
    } catch (error) {
      if (codeOf(error) === takesNoWrites) leaveServer();
      else if (isLost(connection, error)) throw new OutcomeUnknownError(error);
      throw classify(connection, error);
    } finally {
      running.delete(connection);
      connection.onSent = null;
    }
  }

  /** Perhaps another server takes writes by now: what is open leads to this one for good. */
  function leaveServer(): void {
    readers.renew();
    writers.renew();
  }

  /** `sent`: the answer to a commit that is under way. */
  async function commitOf(
    connection: PostgresConnection,
    sent: Promise<Rows> | null,
  ): Promise<void> {
    let done: Rows;
    try {
      done = await (sent ?? connection.run("commit", [], waitMsMax));
    } catch (error) {
      if (isLost(connection, error)) throw new OutcomeUnknownError(error);
      throw error;
    }
    assert(
      done.command === "COMMIT",
      "the server rolled back: an error of a statement was ignored",
    );
  }

  async function commit<T>(kind: Kind, body: (tx: Tx) => Promise<T>): Promise<T> {
    assert(flow.getStore() === undefined, "transactions do not nest");
    for (let tries = 1; ; tries++) {
      if (failure !== null) throw readOnly(failure);
      try {
        return await writers.use((connection) => attempt(connection, kind, body));
      } catch (error) {
        if (error instanceof StaleStatementError) renew(writers);
        else if (!(error instanceof InTheWayError) && !(error instanceof DatabaseAwayError))
          throw error;
        if (tries >= attemptsMax || writers.away !== null) throw told(error);
      }
      await Bun.sleep(randomBelow(pauseMsMax * tries));
    }
  }

  const reads: Reads = new Kysely<Tables>({ dialect: postgresDialect(read) });
  return {
    facts: postgresFacts,
    reads,
    prepare: (text) =>
      // Requests that came in one turn of the event loop are asked for together.
      batchedRead(text, async (own, values) => (await read(own, values)).rows, setImmediate),
    transaction: (body, beside) => commit({ beside }, body),
    transactionUnsynced: (body) => commit({ beside: "rows", unsynced: true }, body),
    // Nobody who reads waits for the disk of the server.
    transactionUnawaited: (body, beside) => commit({ beside }, body),
    flush: async () => {},
    statement: (body, synced) =>
      commit({ beside: "rows", unsynced: synced === "unsynced", isOneStatement: true }, body),
    version: null,
    settled: () => null,
    snapshot: null,
    refuseWrites(cause) {
      failure ??= cause;
    },
    away: () => readers.away ?? writers.away,
    stats: {
      get commits() {
        return commits;
      },
      syncs: 0,
      checkpoints: 0,
      walBytes: 0,
      get failure() {
        return failure;
      },
    },
    async close() {
      await writers.close();
      await readers.close();
    },
  };
}

/** What a transaction is to be. */
interface Kind {
  readonly beside: Beside | undefined;
  readonly unsynced?: boolean;
  /** Whether it ends behind its first statement, and takes no lock but of rows where that can be. */
  readonly isOneStatement?: true;
}

/** The first statement that reads comes after these: it sees all that whoever was waited for did. */
function beginning(
  { keepsSession }: PostgresConnection,
  { beside, unsynced: isUnsynced }: Kind,
): string {
  const settings = [
    ...(keepsSession ? [] : limits),
    ...(isUnsynced ? [unsynced] : []),
    ...(beside === "long" ? [unlimited] : []),
  ];
  const set = settings.length === 0 ? [] : [settingsOf(settings, "transaction")];
  const begun = [...set, ...locksBeside(beside)].join(", ");
  return `begin isolation level read committed; select ${begun}`;
}

/** In the order in which they are taken. */
function locksBeside(beside: Beside | undefined): readonly string[] {
  const lock = (mode: "" | "_shared", on: string) => `pg_advisory_xact_lock${mode}(${on})`;
  if (beside === undefined || beside === "long") return [lock("", everything)];
  const shared = lock("_shared", everything);
  if (beside === "rows") return [shared];
  if ("removes" in beside) return [shared, lock("", lockOn(lockSpace + 1, beside.removes))];
  const repository = lock("_shared", lockOn(lockSpace + 1, beside.adds));
  // Several in one order, whoever takes them.
  const tags = (beside.tags ?? []).map((tag) => lockOn(lockSpace + 2, `${beside.adds}:${tag}`));
  return [shared, repository, ...[...new Set(tags)].sort().map((on) => lock("", on))];
}

/** Two names may have one lock: they wait for each other, no more. */
function lockOn(space: number, name: string): string {
  return `${space}, ${Bun.hash.crc32(name) | 0}`;
}

/** Another transaction was in the way: the same again may do. */
class InTheWayError extends Error {}

/** A statement was prepared for tables that have changed since, or for another connection of the server. */
class StaleStatementError extends Error {}

/** in_failed_sql_transaction: of a statement behind one that failed. */
const aborted = "25P02";
/** read_only_sql_transaction */
const takesNoWrites = "25006";
const inTheWay: ReadonlySet<string> = new Set([
  "40001", // serialization_failure
  "40P01", // deadlock_detected
  // Two made the same at once: the second one finds the first one's row when it looks again.
  "23505", // unique_violation
]);
const stale: ReadonlySet<string> = new Set([
  "0A000", // feature_not_supported: "cached plan must not change result type"
  "26000", // invalid_sql_statement_name
  "42P05", // duplicate_prepared_statement
]);
/** Of a server that ends, begins, has no room for more, or has become a standby. */
const leaving = /^(?:08...|57P0[1-5]|53300|25006|25P03)$/;

function codeOf(error: unknown): string | null {
  const { code, severity } = error as { code?: unknown; severity?: unknown };
  return typeof code === "string" && typeof severity === "string" ? code : null;
}

function isLost(connection: PostgresConnection, error: unknown): boolean {
  const code = codeOf(error);
  return code === null ? connection.broken !== null : leaving.test(code);
}

async function run(
  connection: PostgresConnection,
  text: string,
  values: readonly unknown[],
): Promise<Rows> {
  try {
    return await connection.run(text, values, readMsMax);
  } catch (error) {
    throw classify(connection, error);
  }
}

/** Turns the server's errors into what the program tells apart. */
function classify(connection: PostgresConnection, error: unknown): unknown {
  if (error instanceof RegistryError || error instanceof InTheWayError) return error;
  if (isLost(connection, error)) return new DatabaseAwayError(error);
  const code = codeOf(error);
  if (code === null) return error;
  if (inTheWay.has(code)) return new InTheWayError((error as Error).message, { cause: error });
  if (stale.has(code)) return new StaleStatementError((error as Error).message, { cause: error });
  switch (code) {
    case "53100": // disk_full
      return new RegistryError("STORAGE_FULL", {
        message: "the disk of the database is full: free space on it, then try again",
        cause: error,
      });
    case "55P03": // lock_not_available
    case "57014": // query_canceled
      return new RegistryError("UNAVAILABLE", {
        message: "the database is busy: others hold what this change needs",
        headers: { "retry-after": "2" },
        cause: error,
      });
    case "P0001": // raise_exception
      return (error as Error).message.includes(fenceText) ? fencedError(error) : error;
    case "22021": // character_not_in_repertoire
      return new RegistryError("UNSUPPORTED", {
        status: 400,
        message: "a text holds a NUL character, which the database cannot store",
        cause: error,
      });
    default:
      return error;
  }
}

/** What is thrown when trying again did not help. */
function told(error: unknown): unknown {
  if (isAway(error) || !(error instanceof Error)) return error;
  const { cause } = error;
  if (codeOf(cause) === "23505") return cause;
  return new RegistryError("UNAVAILABLE", {
    message: "the database is busy: the change came in the way of others again and again",
    headers: { "retry-after": "2" },
    cause: error,
  });
}

async function rollBack(connection: PostgresConnection): Promise<void> {
  if (connection.broken !== null) return;
  try {
    await connection.run("rollback", [], readMsMax);
  } catch {
    await connection.close();
  }
}

function readOnly(cause: Error): RegistryError {
  return new RegistryError("UNAVAILABLE", {
    message: "this node refuses writes since its disk reported an error; it must be restarted",
    cause,
  });
}
