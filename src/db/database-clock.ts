import { type RawBuilder, sql } from "kysely";
import type { Clock } from "../lib/clock.ts";
import type { Database, Reads } from "./database.ts";

/** The time of the database, as part of a query: nodes whose own clocks differ agree on it. */
export function nowOf({ facts }: Pick<Database, "facts">, clock: Clock): RawBuilder<number> {
  return facts.now(clock.now());
}

export async function readNow(reads: Reads, now: RawBuilder<number>): Promise<number> {
  const { rows } = await sql<{ now: number }>`select ${now} as now`.execute(reads);
  return Number(rows[0]?.now);
}
