import type { Reads, Tx } from "../db/database.ts";
import type { MoveRow } from "../db/tables.ts";

/** The move that this database is the source of and that was not cancelled; null for none. */
export async function findSourceMark(reads: Reads): Promise<MoveRow | null> {
  const row = await reads
    .selectFrom("moves")
    .selectAll()
    .where("side", "=", "source")
    .where("state", "<>", "cancelled")
    .executeTakeFirst();
  return row ?? null;
}

/** A move by its id, where this database is the source. */
export async function findSourceMarkById(reads: Reads, id: string): Promise<MoveRow | null> {
  const row = await reads
    .selectFrom("moves")
    .selectAll()
    .where("side", "=", "source")
    .where("id", "=", id)
    .executeTakeFirst();
  return row ?? null;
}

/** The move that this database came of; null where it did not. */
export async function findTargetMark(reads: Reads): Promise<MoveRow | null> {
  const row = await reads
    .selectFrom("moves")
    .selectAll()
    .where("side", "=", "target")
    .executeTakeFirst();
  return row ?? null;
}

/** Puts the mark there, or in place of an earlier one of the same move. */
export async function putMark(tx: Tx, mark: MoveRow): Promise<void> {
  await tx
    .insertInto("moves")
    .values(mark)
    .onConflict((conflict) => conflict.column("id").doUpdateSet(mark))
    .execute();
}

export async function setMarkState(
  tx: Tx,
  id: string,
  state: MoveRow["state"],
  now: number,
): Promise<void> {
  await tx.updateTable("moves").set({ state, ended_at: now }).where("id", "=", id).execute();
}
