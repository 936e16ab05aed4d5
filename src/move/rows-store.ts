import { type RawBuilder, sql } from "kysely";
import type { Reads, Tx } from "../db/database.ts";
import { movedTables, type NamedTable } from "./moved-tables.ts";

/** A row of any table: what is not named cannot be forgotten. */
export type AnyRow = Readonly<Record<string, unknown>>;

/** Rows of one page, and bytes of one where a table has rows that may be large. */
const pageRowsMax = 500;
const pageBytesMax = 4 * 1024 * 1024;
/** Rows of one statement. Few numbers, since each is a statement of its own that a database prepares. */
const insertedAtOnce = [64, 8, 1] as const;

/** The rows after `after` in the order of the key; none at the end. */
export async function readPage(
  reads: Reads,
  table: NamedTable,
  after: AnyRow | null,
): Promise<AnyRow[]> {
  const { sizedBy } = table;
  if (sizedBy === undefined) return await select(reads, table, sql`*`, after, null);
  const columns = sql.join([...table.key, sizedBy].map((name) => sql.ref(name)));
  const sizes = await select(reads, table, columns, after, null);
  let bytes = 0;
  const fitting = sizes.findIndex((row) => {
    bytes += Number(row[sizedBy]);
    return bytes > pageBytesMax;
  });
  // One row is a page, however large it is.
  const last = fitting === -1 ? sizes.at(-1) : sizes[Math.max(0, fitting - 1)];
  return last === undefined ? [] : await select(reads, table, sql`*`, after, last);
}

async function select(
  reads: Reads,
  { name, key }: NamedTable,
  columns: RawBuilder<unknown>,
  after: AnyRow | null,
  upTo: AnyRow | null,
): Promise<AnyRow[]> {
  const keys = keysOf({ key });
  const place = (row: AnyRow) => sql.join(key.map((column) => row[column]));
  const bounds = [
    ...(after === null ? [] : [sql`(${keys}) > (${place(after)})`]),
    ...(upTo === null ? [] : [sql`(${keys}) <= (${place(upTo)})`]),
  ];
  const where = bounds.length === 0 ? sql`` : sql`where ${sql.join(bounds, sql` and `)}`;
  const { rows } = await sql<AnyRow>`select ${columns} from ${sql.table(name)} ${where}
    order by ${keys} limit ${sql.lit(pageRowsMax)}`.execute(reads);
  return rows;
}

function keysOf({ key }: Pick<NamedTable, "key">): RawBuilder<unknown> {
  return sql.join(key.map((column) => sql.ref(column)));
}

/** The last row by its key: what lies before it was copied. */
export async function lastRow(reads: Reads, { name, key }: NamedTable): Promise<AnyRow | null> {
  const keys = keysOf({ key });
  const downwards = sql.join(key.map((column) => sql`${sql.ref(column)} desc`));
  const { rows } = await sql<AnyRow>`select ${keys} from ${sql.table(name)}
    order by ${downwards} limit 1`.execute(reads);
  return rows[0] ?? null;
}

/** Writes rows; where `replacing`, in place of those that have their keys. */
export async function insertRows(
  tx: Tx,
  table: NamedTable,
  rows: readonly AnyRow[],
  replacing = false,
): Promise<void> {
  const columns = Object.keys(rows[0] ?? {});
  const names = sql.join(columns.map((column) => sql.ref(column)));
  const others = columns.filter((column) => !table.key.includes(column));
  const set = others.map((column) => sql`${sql.ref(column)} = excluded.${sql.ref(column)}`);
  const conflict = replacing
    ? sql`on conflict (${keysOf(table)}) do update set ${sql.join(set)}`
    : sql``;
  let at = 0;
  for (const size of insertedAtOnce) {
    for (; rows.length - at >= size; at += size) {
      const values = rows
        .slice(at, at + size)
        .map((row) => sql`(${sql.join(columns.map((column) => row[column]))})`);
      await sql`insert into ${sql.table(table.name)} (${names})
        values ${sql.join(values)} ${conflict}`.execute(tx);
    }
  }
}

export async function countRows(reads: Reads, { name }: NamedTable): Promise<number> {
  const { rows } = await sql<{ count: number }>`select count(*) as count
    from ${sql.table(name)}`.execute(reads);
  return Number(rows[0]?.count ?? 0);
}

/** Removes a page of rows; returns how many. Nothing may refer to them. */
export async function removePage(tx: Tx, table: NamedTable): Promise<number> {
  const rows = await select(tx, table, keysOf(table), null, null);
  const last = rows.at(-1);
  if (last === undefined) return 0;
  const place = sql.join(table.key.map((column) => last[column]));
  await sql`delete from ${sql.table(table.name)}
    where (${keysOf(table)}) <= (${place})`.execute(tx);
  return rows.length;
}

/** Tables that hold what somebody put there: seeded rows are as the migrations made them. */
export async function tablesWithRows(
  reads: Reads,
  among: readonly string[],
): Promise<{ name: string; rows: number }[]> {
  const found: { name: string; rows: number }[] = [];
  for (const table of movedTables) {
    if (!among.includes(table.name)) continue;
    const rows = (await countRows(reads, table)) - (table.isSeeded ? 1 : 0);
    if (rows > 0) found.push({ name: table.name, rows });
  }
  return found;
}

/** Names of all tables where those of Berth are or would be, of whatever program. */
export async function listTables(reads: Reads): Promise<string[]> {
  const tables = await reads.introspection.getTables();
  if (tables.every(({ schema }) => schema === undefined)) return tables.map(({ name }) => name);
  // PostgreSQL tells of every schema.
  const { rows } = await sql<{ name: string }>`select current_schema() as name`.execute(reads);
  return tables.filter(({ schema }) => schema === rows[0]?.name).map(({ name }) => name);
}
