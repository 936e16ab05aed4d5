import type { Reads, Tx } from "../db/database.ts";
import type { StorageDayRow } from "../db/tables.ts";

/** In place of what was counted earlier on that day. */
export async function putStorageDay(tx: Tx, row: StorageDayRow): Promise<void> {
  const { day: _, ...counted } = row;
  await tx
    .insertInto("storage_days")
    .values(row)
    .onConflict((conflict) => conflict.column("day").doUpdateSet(counted))
    .execute();
}

export async function deleteStorageDaysBefore(tx: Tx, day: string): Promise<void> {
  await tx.deleteFrom("storage_days").where("day", "<", day).execute();
}

/** From the latest back, before a day; `before` is empty for the latest. */
export async function listStorageDays(
  reads: Reads,
  page: { readonly before: string; readonly limit: number },
): Promise<StorageDayRow[]> {
  let query = reads.selectFrom("storage_days").selectAll();
  if (page.before !== "") query = query.where("day", "<", page.before);
  return await query.orderBy("day", "desc").limit(page.limit).execute();
}
