import { createBoundedMap } from "../lib/bounded-map.ts";
import type { Database, PreparedRead } from "./database.ts";

interface Remembered<Row> {
  readonly version: number;
  readonly row: Row | null;
}

/**
 * A prepared read that gives a row again from memory for as long as nothing was committed since. Unsynced
 * transactions do not count: they come every second, and write no such rows. `max`: rows that are
 * remembered. Where it is not known what others commit, each read goes to the database.
 */
export function rememberedRead<Row>(
  { version }: Pick<Database, "version">,
  read: PreparedRead<Row>,
  max: number,
): PreparedRead<Row> {
  if (version === null) return read;
  const remembered = createBoundedMap<string, Remembered<Row>>(max);
  return (...params) => {
    const key = params.join(" ");
    const known = remembered.get(key);
    const asOf = version();
    if (known?.version === asOf) return known.row;
    const row = read(...params);
    if (!(row instanceof Promise)) remembered.set(key, { version: asOf, row });
    return row;
  };
}
