import { Database } from "bun:sqlite";
import { join, resolve } from "node:path";
import { migrate } from "../../src/db/migrations/migrate.ts";
import { openPostgres } from "../../src/db/postgres.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { parsePostgresUrl } from "../../src/platform/postgres-url.ts";
import { sharedPostgres, type TestPostgres } from "./postgres.ts";

/** `BERTH_TEST_DATABASE=postgres` runs the tests through the door on PostgreSQL; else they run on SQLite. */
export const onPostgres = Bun.env["BERTH_TEST_DATABASE"] === "postgres";

interface Shared {
  berthTestDatabases?: Map<string, Promise<string>>;
  berthTestTemplate?: Promise<string>;
}
const shared = globalThis as Shared;

/** Variables with which a Berth on this folder finds its database: one of its own for each folder. */
export async function databaseEnvironment(folder: string): Promise<Record<string, string>> {
  return onPostgres ? { BERTH_DATABASE: await urlOf(folder) } : {};
}

/** Rows of a statement on the database of a folder, through a connection of its own; `?` for values. */
export async function queryStore(
  folder: string,
  sql: string,
  ...params: readonly (string | number | Uint8Array | null)[]
): Promise<Record<string, unknown>[]> {
  if (onPostgres) {
    const server = await sharedPostgres();
    return await server.run(numbered(sql), new URL(await urlOf(folder)).pathname.slice(1), params);
  }
  const db = new Database(join(folder, "berth.db"));
  try {
    db.run("PRAGMA busy_timeout = 5000");
    return db.query(sql).all(...params) as Record<string, unknown>[];
  } finally {
    db.close();
  }
}

/** Names of all columns, each once. */
export async function columnsOf(folder: string): Promise<string[]> {
  const ask = onPostgres
    ? "select distinct column_name as name from information_schema.columns where table_schema = 'public' order by 1"
    : "select distinct c.name from sqlite_master t join pragma_table_info(t.name) c where t.type = 'table' order by 1";
  return (await queryStore(folder, ask)).map(({ name }) => String(name));
}

/** The URL of a new database with all tables. */
export async function migratedDatabase(server: TestPostgres): Promise<string> {
  shared.berthTestTemplate ??= makeTemplate(server);
  return await server.createDatabase(await shared.berthTestTemplate);
}

/** A folder's database, on PostgreSQL, is no longer needed. */
export async function dropDatabaseOf(folder: string): Promise<void> {
  const url = shared.berthTestDatabases?.get(resolve(folder));
  if (url === undefined) return;
  shared.berthTestDatabases?.delete(resolve(folder));
  await (await sharedPostgres()).dropDatabase(await url);
}

function urlOf(folder: string): Promise<string> {
  shared.berthTestDatabases ??= new Map();
  const databases = shared.berthTestDatabases;
  const key = resolve(folder);
  let url = databases.get(key);
  if (url === undefined) {
    url = sharedPostgres().then(migratedDatabase);
    databases.set(key, url);
  }
  return url;
}

async function makeTemplate(server: TestPostgres): Promise<string> {
  const url = await server.createDatabase();
  const address = parsePostgresUrl(url);
  const db = await openPostgres({ address, unsafe: false, prepared: "auto", clock: systemClock });
  await migrate(db, systemClock);
  await db.close();
  return url;
}

function numbered(sql: string): string {
  let count = 0;
  return sql.replaceAll("?", () => {
    count += 1;
    return `$${count}`;
  });
}
