import type { Compilable, CompiledQuery } from "kysely";
import { assert } from "../lib/assert.ts";
import type { Database, Reads } from "./database.ts";

/**
 * A query that Kysely builds once and that is then only given its values: building costs some
 * 10 us, more than most queries take to run. `build` gets a stand-in for each argument, which it may
 * only pass on as a value. Returns the rows; none for a statement that only writes.
 */
export function compiled<Args extends readonly unknown[], Row>(
  build: (db: Reads, ...args: Args) => Compilable<Row>,
): (db: Reads, ...args: Args) => Promise<Row[]> {
  const texts = new WeakMap<Reads, CompiledQuery<Row>>();
  return async (db, ...args) => {
    let text = texts.get(db);
    if (text === undefined) {
      text = compile(db, build, args.length);
      texts.set(db, text);
    }
    const parameters = text.parameters.map((parameter) =>
      parameter instanceof StandIn ? args[parameter.index] : parameter,
    );
    const { rows } = await db.executeQuery<Row>({ ...text, parameters });
    return rows;
  };
}

class StandIn {
  readonly index: number;

  constructor(index: number) {
    this.index = index;
  }
}

function compile<Args extends readonly unknown[], Row>(
  db: Reads,
  build: (db: Reads, ...args: Args) => Compilable<Row>,
  count: number,
): CompiledQuery<Row> {
  const standIns = Array.from({ length: count }, (_, index) => new StandIn(index));
  const query = build(db, ...(standIns as unknown as Args)).compile();
  const used = new Set(query.parameters.filter((parameter) => parameter instanceof StandIn));
  assert(used.size === count, `a compiled query does not pass on all its arguments: ${query.sql}`);
  return query;
}

/** What is made once for each database: for queries that depend on its dialect. */
export function perDatabase<Value>(make: (db: Database) => Value): (db: Database) => Value {
  const values = new WeakMap<Database, Value>();
  return (db) => {
    let value = values.get(db);
    if (value === undefined) {
      value = make(db);
      values.set(db, value);
    }
    return value;
  };
}
