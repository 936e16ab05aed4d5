import type { Database } from "../db/database.ts";
import { fencedTables } from "./moved-tables.ts";

/**
 * The database itself refuses every change from then on, on all nodes and after a restart: what is
 * copied afterwards is all there is. Table by table, so that it never waits for a writer that waits
 * for it; a transaction that meets only some of the fences fails as a whole.
 */
export async function raiseFence(db: Database): Promise<void> {
  await eachTable(db, db.facts.fence);
}

export async function lowerFence(db: Database): Promise<void> {
  await eachTable(db, db.facts.unfence);
}

async function eachTable(db: Database, statementsOf: Database["facts"]["fence"]): Promise<void> {
  for (const table of fencedTables) {
    await db.transaction(async (tx) => {
      for (const statement of statementsOf(table)) await statement.execute(tx);
    });
  }
}
