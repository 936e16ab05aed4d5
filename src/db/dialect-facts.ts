import { type RawBuilder, sql } from "kysely";

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
  /** A table with one column `value`: the texts of a JSON array. One statement for any number. */
  values(texts: readonly string[]): RawBuilder<{ value: string }>;
}

export const sqliteFacts: DialectFacts = {
  clustered: sql`without rowid`,
  bytes: sql`blob`,
  integer: sql`integer`,
  joinNames: "group_concat",
  values: (texts) => sql`json_each(${JSON.stringify(texts)})`,
};
