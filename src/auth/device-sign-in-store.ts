import type { Reads, Tx } from "../db/database.ts";
import type { DeviceSignInRow } from "../db/tables.ts";

/** Rows that an insert removes: more than one that is over for each that comes. */
const batchRows = 100;

/** False where as many are open already, of that network or in all. */
export async function insertDeviceSignIn(
  tx: Tx,
  row: DeviceSignInRow,
  { perNetworkMax, openMax }: { readonly perNetworkMax: number; readonly openMax: number },
): Promise<boolean> {
  await deleteOldDeviceSignIns(tx, row.created_at, batchRows);
  const open = tx
    .selectFrom("device_sign_ins")
    .select("hash")
    .where("expires_at", ">", row.created_at);
  const ofNetwork = await open.where("network", "=", row.network).limit(perNetworkMax).execute();
  if (ofNetwork.length >= perNetworkMax) return false;
  const inAll = await tx
    .selectFrom(open.limit(openMax).as("open"))
    .select(({ fn }) => fn.countAll<number>().as("count"))
    .executeTakeFirstOrThrow();
  if (Number(inAll.count) >= openMax) return false;
  await tx.insertInto("device_sign_ins").values(row).execute();
  return true;
}

/** Those whose time is over too. */
export async function findDeviceSignIn(
  reads: Reads,
  by: { readonly hash: string } | { readonly userCode: string },
): Promise<DeviceSignInRow | null> {
  const query = reads.selectFrom("device_sign_ins").selectAll();
  const found =
    "hash" in by ? query.where("hash", "=", by.hash) : query.where("user_code", "=", by.userCode);
  return (await found.executeTakeFirst()) ?? null;
}

/** False where somebody decided already, or its time is over. */
export async function decideDeviceSignIn(
  tx: Tx,
  { userCode, decision, principalId, generation, now }: DeviceDecision,
): Promise<boolean> {
  const row = await tx
    .updateTable("device_sign_ins")
    .set({ decision, principal_id: principalId, generation })
    .where("user_code", "=", userCode)
    .where("decision", "is", null)
    .where("expires_at", ">", now)
    .returning("hash")
    .executeTakeFirst();
  return row !== undefined;
}

export interface DeviceDecision {
  readonly userCode: string;
  readonly decision: NonNullable<DeviceSignInRow["decision"]>;
  readonly principalId: string;
  readonly generation: number;
  readonly now: number;
}

/** Whether it was there: what was decided only the first who asks is told. */
export async function takeDeviceSignIn(tx: Tx, hash: string): Promise<boolean> {
  const row = await tx
    .deleteFrom("device_sign_ins")
    .where("hash", "=", hash)
    .returning("hash")
    .executeTakeFirst();
  return row !== undefined;
}

/** Removes at most `limit` whose time was over before then; returns how many. */
export async function deleteOldDeviceSignIns(
  tx: Tx,
  before: number,
  limit: number,
): Promise<number> {
  const old = tx
    .selectFrom("device_sign_ins")
    .select("hash")
    .where("expires_at", "<", before)
    .limit(limit);
  const query = tx.deleteFrom("device_sign_ins").where("hash", "in", old);
  return (await query.returning("hash").execute()).length;
}
