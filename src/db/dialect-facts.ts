import { type Kysely, type RawBuilder, sql } from "kysely";
import { fenceText } from "./fence.ts";
import type { Tables } from "./tables.ts";

/** What differs between the databases, by name. Everything else is written once. */
export interface DialectFacts {
  /** Ends `create table` for tables that live in their primary key's tree. */
  readonly clustered: RawBuilder<unknown>;
  /** Column type for bytes. */
  readonly bytes: RawBuilder<unknown>;
  /** Column type that holds integers up to 2^53. */
  readonly integer: RawBuilder<unknown>;
  /** The aggregate that joins texts with a separator. */
  readonly joinNames: string;
  /** A table with one column `value`: the texts of an array, given as JSON. One statement for any number. */
  values(json: string): RawBuilder<{ value: string }>;
  /** The text of one field of such a `value` that is an object; null where it has none. */
  field(name: string): RawBuilder<string>;
  /** The function that makes a JSON array of its arguments, null included. */
  readonly jsonArray: string;
  /** SQL for one text: a JSON array of what `item` gives for each row, which is JSON itself. */
  jsonList(item: string): string;
  /** SQL for one text: what `item` gives for each row, which is JSON itself, a line each. */
  lines(item: string): string;
  /** Keeps everybody from the tables until the transaction ends: for one that changes them. */
  takeTables(tx: Kysely<Tables>): Promise<void>;
  /** Makes the texts of all tables compare by their bytes, whatever the database was made with. */
  orderBytewise(tx: Kysely<Tables>): Promise<void>;
  /** Whether only one server at a time has the database open. */
  readonly oneServer: boolean;
  /** Epoch milliseconds by the clock that all nodes of the database go by; `here`: the program's own. */
  now(here: number): RawBuilder<number>;
  /**
   * From then on no row of the table comes, changes or goes, whoever asks: the transaction that tries
   * fails with `fencedError`, and none that began before is under way any more. May be repeated.
   */
  fence(table: string): readonly RawBuilder<unknown>[];
  /** Lifts that. May be repeated. */
  unfence(table: string): readonly RawBuilder<unknown>[];
}

export const sqliteFacts: DialectFacts = {
  clustered: sql`without rowid`,
  bytes: sql`blob`,
  integer: sql`integer`,
  joinNames: "group_concat",
  values: (json) => sql`json_each(${bound(json)})`,
  field: (name) => sql`value ->> ${sql.lit(name)}`,
  jsonArray: "json_array",
  jsonList: (item) => `json_group_array(${item})`,
  lines: (item) => `coalesce(group_concat(${item}, char(10)), '')`,
  async takeTables() {},
  async orderBytewise() {},
  oneServer: true,
  now: (here) => sql`${here}`,
  fence: (table) =>
    changes.map(
      (change) =>
        sql`create trigger if not exists ${fenceOf(table, change)}
          before ${sql.raw(change)} on ${sql.table(table)}
          begin select raise(abort, ${sql.lit(fenceText)}); end`,
    ),
  unfence: (table) =>
    changes.map((change) => sql`drop trigger if exists ${fenceOf(table, change)}`),
};

const changes = ["insert", "update", "delete"] as const;

function fenceOf(table: string, change: string): RawBuilder<unknown> {
  return sql.id(`fence_${table}_${change}`);
}

export const postgresFacts: DialectFacts = {
  clustered: sql.raw(""),
  bytes: sql`bytea`,
  integer: sql`bigint`,
  joinNames: "string_agg",
  values: (json) => sql`json_array_elements_text(cast(${json} as json))`,
  field: (name) => sql`cast(value as json) ->> ${sql.lit(name)}`,
  jsonArray: "json_build_array",
  jsonList: (item) => `coalesce(json_agg(${item}), '[]')::text`,
  lines: (item) => `coalesce(string_agg(${item}::text, chr(10)), '')`,
  takeTables: lockTables,
  orderBytewise: collateC,
  oneServer: false,
  now: () => sql`(extract(epoch from clock_timestamp()) * 1000)::bigint`,
  fence: (table) => [
    sql`create or replace function berth_fenced() returns trigger language plpgsql as
        ${sql.lit(`begin raise exception '${fenceText}'; end`)}`,
    sql`create or replace trigger fence before insert or update or delete or truncate
        on ${sql.table(table)} for each statement execute function berth_fenced()`,
  ],
  unfence: (table) => [sql`drop trigger if exists fence on ${sql.table(table)}`],
};

/**
 * All at once, before anything is changed: who reads takes the tables in an order of their own. Who has one and waits
 * for another is let through by giving up, sooner than the server ends them for a deadlock (after a second).
 */
async function lockTables(tx: Kysely<Tables>): Promise<void> {
  await sql`do ${sql.lit(`
    declare
      tables text := (
        select string_agg(format('%I', relname), ', ') from pg_class
         where relnamespace = current_schema()::regnamespace and relkind = 'r'
           and pg_has_role(relowner, 'usage'));
      patience text := current_setting('lock_timeout');
    begin
      perform set_config('lock_timeout', '300ms', true);
      for attempt in 1..40 loop
        begin
          execute 'lock table ' || tables;
          perform set_config('lock_timeout', patience, true);
          return;
        exception when lock_not_available or deadlock_detected then
          if attempt = 40 then raise; end if;
        end;
        perform pg_sleep(0.1 + random() * 0.2);
      end loop;
    end`)}`.execute(tx);
}

/**
 * A column of an empty or new table costs nothing; of others, its indexes are made again. What an
 * extension has put beside the tables stays as it is.
 */
async function collateC(tx: Kysely<Tables>): Promise<void> {
  const { rows } = await sql<{ table: string; column: string }>`
    select table_name as table, column_name as column
      from information_schema.columns
     where table_schema = current_schema() and data_type = 'text'
       and collation_name is distinct from 'C'
       and exists (
         select from pg_class c
          where c.oid = format('%I.%I', table_schema, table_name)::regclass and c.relkind = 'r'
            and not exists (
              select from pg_depend d
               where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'))`.execute(
    tx,
  );
  for (const { table, column } of rows) {
    const name = sql.ref(column);
    await sql`alter table ${sql.table(table)} alter column ${name} type text collate "C"`.execute(
      tx,
    );
  }
}

/** The state of rows that are neither in the trash nor set aside, as a literal: see `bound`. */
export const live = sql.lit<"live">("live");

/**
 * A parameter in a statement with a join. SQLite plans such a statement again whenever a bare
 * parameter is bound anew that may decide whether a partial index (`where state = 'live'`) serves it:
 * 30 us against 4 us for the four tables of a pull by tag.
 */
export function bound<Text extends string>(text: Text): RawBuilder<Text> {
  return sql<Text>`cast(${text} as text)`;
}
