import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
} from "kysely";
import { assert } from "../lib/assert.ts";

export interface Rows {
  readonly rows: readonly unknown[];
  readonly command: string;
  /** Rows that were read or changed. */
  readonly rowCount: number | null;
}

/** What runs a statement on the server. */
export interface Queryable {
  /** Without values a text may hold several statements. `name`: it is kept prepared under that. */
  run(text: string, values: readonly unknown[], msMax: number, name?: string): Promise<Rows>;
}

/** Kysely over whatever runs its statements. */
export function postgresDialect(
  run: (text: string, values: readonly unknown[]) => Promise<Rows>,
): Dialect {
  const connection: DatabaseConnection = {
    async executeQuery<R>(compiled: CompiledQuery): Promise<QueryResult<R>> {
      const { rows, command, rowCount } = await run(compiled.sql, compiled.parameters);
      const isChange = command !== "SELECT" && rowCount !== null;
      return {
        rows: rows as R[],
        ...(isChange ? { numAffectedRows: BigInt(rowCount) } : {}),
      };
    },
    // biome-ignore lint/correctness/useYield: Kysely's interface wants a generator.
    async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
      assert(false, "queries are read whole: page them");
    },
  };
  return {
    createAdapter: () => new PostgresAdapter(),
    createQueryCompiler: () => new PostgresQueryCompiler(),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createDriver: () => createDriver(connection),
  };
}

function createDriver(connection: DatabaseConnection): Driver {
  return {
    async init() {},
    acquireConnection: async () => connection,
    // Transactions are the database's own: see postgres.ts.
    async beginTransaction() {
      assert(false, "use Database.transaction");
    },
    async commitTransaction() {},
    async rollbackTransaction() {},
    async releaseConnection() {},
    async destroy() {},
  };
}
