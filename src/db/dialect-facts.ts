import { type RawBuilder, sql } from "kysely";
import { fenceText } from "./fence.ts";

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
