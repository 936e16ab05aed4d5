import { rmSync } from "node:fs";
import { startPostgres, type TestPostgres } from "../test/support/postgres.ts";

/** A PostgreSQL out of npm as it comes, that can be told to count. */
export interface PostgresServer {
  createDatabase(): Promise<string>;
  /** Each statement that was run during `work` and how often, BEGIN and COMMIT among them. */
  statements(work: () => Promise<void>): Promise<Statement[]>;
}

export interface Statement {
  text: string;
  calls: number;
}

export async function withPostgres(work: (server: PostgresServer) => Promise<void>): Promise<void> {
  const settings = { shared_preload_libraries: "pg_stat_statements" };
  const postgres = await startPostgres({ settings });
  const removed = () => rmSync(postgres.folder, { recursive: true, force: true });
  process.once("exit", removed);
  try {
    await expectSafe(postgres);
    await postgres.run("create extension pg_stat_statements");
    await count(postgres, false);
    await work({
      createDatabase: () => postgres.createDatabase(),
      statements: (counted) => statements(postgres, counted),
    });
  } finally {
    await postgres.remove();
    process.off("exit", removed);
  }
}

async function statements(postgres: TestPostgres, work: () => Promise<void>): Promise<Statement[]> {
  await count(postgres, true);
  await work();
  const rows = await postgres.run("select query, calls from pg_stat_statements");
  await count(postgres, false);
  return rows.map((row) => ({ text: String(row["query"]), calls: Number(row["calls"]) }));
}

/** Counting costs a little: it is off while something is timed. */
async function count(postgres: TestPostgres, on: boolean): Promise<void> {
  await postgres.run(`alter system set pg_stat_statements.track = '${on ? "top" : "none"}'`);
  await postgres.run("select pg_reload_conf()");
  // Sessions take the new setting when they are next asked something.
  await Bun.sleep(200);
  await postgres.run("select pg_stat_statements_reset()");
}

/** What is compared with SQLite must be as durable. */
async function expectSafe(postgres: TestPostgres): Promise<void> {
  for (const name of ["fsync", "synchronous_commit"]) {
    const [row] = await postgres.run(`show ${name}`);
    if (row?.[name] !== "on") throw new Error(`PostgreSQL has ${name} ${row?.[name]}`);
  }
}
