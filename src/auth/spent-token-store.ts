import type { Reads, Tx } from "../db/database.ts";

/** False when a token of this hash was exchanged before: of two at once one hears so. */
export async function spendToken(tx: Tx, hash: string, expiresAt: number): Promise<boolean> {
  const row = await tx
    .insertInto("spent_tokens")
    .values({ hash, expires_at: expiresAt })
    .onConflict((conflict) => conflict.doNothing())
    .returning("hash")
    .executeTakeFirst();
  return row !== undefined;
}

export async function isSpent(reads: Reads, hash: string): Promise<boolean> {
  const row = await reads
    .selectFrom("spent_tokens")
    .select("hash")
    .where("hash", "=", hash)
    .executeTakeFirst();
  return row !== undefined;
}

/** Removes at most `limit` that nobody would take any more; returns how many. */
export async function deleteSpent(tx: Tx, before: number, limit: number): Promise<number> {
  const due = tx
    .selectFrom("spent_tokens")
    .select("hash")
    .where("expires_at", "<", before)
    .limit(limit);
  const rows = await tx
    .deleteFrom("spent_tokens")
    .where("hash", "in", due)
    .returning("hash")
    .execute();
  return rows.length;
}
