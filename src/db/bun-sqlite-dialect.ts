import type { Database as BunDatabase, SQLQueryBindings, Statement } from "bun:sqlite";
import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from "kysely";
import { assert } from "../lib/assert.ts";

/** Distinct statements of the program; more means that SQL text is being built from values. */
const statementsMax = 500;

/** Kysely over one bun:sqlite connection. `guard` runs before each query and may refuse it. */
export function bunSqliteDialect(connection: BunDatabase, guard: () => void): Dialect {
  return {
    createAdapter: () => new SqliteAdapter(),
    createQueryCompiler: () => new LocklessQueryCompiler(),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createDriver: () => new BunSqliteDriver(connection, guard),
  };
}

/** One writer at a time needs no locks of rows: `for update` and `for share` are left out. */
class LocklessQueryCompiler extends SqliteQueryCompiler {
  protected override visitSelectModifier(): void {}
}

class BunSqliteDriver implements Driver {
  readonly #connection: BunSqliteConnection;

  constructor(connection: BunDatabase, guard: () => void) {
    this.#connection = new BunSqliteConnection(connection, guard);
  }

  async init() {}
  async acquireConnection() {
    return this.#connection;
  }
  // Transactions are the database's own: see sqlite.ts.
  async beginTransaction() {
    assert(false, "use Database.transaction");
  }
  async commitTransaction() {}
  async rollbackTransaction() {}
  async releaseConnection() {}
  async destroy() {
    this.#connection.finalize();
  }
}

class BunSqliteConnection implements DatabaseConnection {
  readonly #connection: BunDatabase;
  readonly #guard: () => void;
  readonly #statements = new Map<string, Prepared>();

  constructor(connection: BunDatabase, guard: () => void) {
    this.#connection = connection;
    this.#guard = guard;
  }

  async executeQuery<R>(compiled: CompiledQuery): Promise<QueryResult<R>> {
    this.#guard();
    const parameters = compiled.parameters as SQLQueryBindings[];
    // Schema changes run once: nothing of them is kept.
    if (/^\s*(create|drop|alter)/i.test(compiled.sql)) {
      this.#connection.run(compiled.sql, parameters);
      return { rows: [] };
    }
    const { statement, hasRows } = this.#prepare(compiled.sql);
    if (hasRows) return { rows: statement.all(...parameters) as R[] };
    const { changes, lastInsertRowid } = statement.run(...parameters);
    return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) };
  }

  // An open iterator would hold an old snapshot, and with it the write-ahead log.
  // biome-ignore lint/correctness/useYield: Kysely's interface wants a generator.
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    assert(false, "SQLite queries are read whole: page them");
  }

  /** A connection with a statement left would stay open in secret. */
  finalize(): void {
    for (const { statement } of this.#statements.values()) statement.finalize();
    this.#statements.clear();
  }

  #prepare(sql: string): Prepared {
    let prepared = this.#statements.get(sql);
    if (prepared === undefined) {
      assert(this.#statements.size < statementsMax, "SQL text is being built from values");
      const statement = this.#connection.prepare(sql);
      prepared = { statement, hasRows: statement.columnNames.length > 0 };
      this.#statements.set(sql, prepared);
    }
    return prepared;
  }
}

interface Prepared {
  readonly statement: Statement;
  readonly hasRows: boolean;
}
