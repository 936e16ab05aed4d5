import type { Tx } from "../db/database.ts";
import type { TrashRow } from "../db/tables.ts";
import { uuidv7 } from "../lib/random.ts";

/** How long a deleted thing can be restored. */
export const trashHorizonMs = 7 * 24 * 60 * 60 * 1000;

/** Opens a unit of trash and returns its id. */
export async function insertTrash(
  tx: Tx,
  unit: Omit<TrashRow, "id" | "until" | "deleted_at">,
  now: number,
): Promise<string> {
  const id = uuidv7();
  await tx
    .insertInto("trash")
    .values({ id, ...unit, deleted_at: now, until: now + trashHorizonMs })
    .execute();
  return id;
}
