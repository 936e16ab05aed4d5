import type { Reads, Tx } from "../db/database.ts";
import type { IdempotencyKeyRow } from "../db/tables.ts";

export async function findKey(
  reads: Reads,
  principalId: string,
  key: string,
): Promise<IdempotencyKeyRow | null> {
  const row = await reads
    .selectFrom("idempotency_keys")
    .selectAll()
    .where("principal_id", "=", principalId)
    .where("key", "=", key)
    .executeTakeFirst();
  return row ?? null;
}

/** False when the key is taken by a request that came after `expiredAt`. */
export async function insertKey(
  tx: Tx,
  row: IdempotencyKeyRow,
  expiredAt: number,
): Promise<boolean> {
  await tx
    .deleteFrom("idempotency_keys")
    .where("principal_id", "=", row.principal_id)
    .where("key", "=", row.key)
    .where("created_at", "<=", expiredAt)
    .execute();
  const { numInsertedOrUpdatedRows } = await tx
    .insertInto("idempotency_keys")
    .values(row)
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirstOrThrow();
  return numInsertedOrUpdatedRows === 1n;
}

/** Removes up to `limit` of those made until `time`; returns how many. */
export async function deleteKeysBefore(tx: Tx, time: number, limit: number): Promise<number> {
  const old = await tx
    .selectFrom("idempotency_keys")
    .select(["principal_id", "key"])
    .where("created_at", "<=", time)
    .orderBy("created_at")
    .limit(limit)
    .execute();
  for (const { principal_id, key } of old) {
    await tx
      .deleteFrom("idempotency_keys")
      .where("principal_id", "=", principal_id)
      .where("key", "=", key)
      .execute();
  }
  return old.length;
}
