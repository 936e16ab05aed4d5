import type { Reads, Tx } from "../db/database.ts";
import type { SigningKeyRow } from "../db/tables.ts";

export async function insertSigningKey(tx: Tx, row: SigningKeyRow): Promise<void> {
  await tx.insertInto("signing_keys").values(row).execute();
}

/** Oldest first. */
export async function listSigningKeys(reads: Reads): Promise<SigningKeyRow[]> {
  return await reads.selectFrom("signing_keys").selectAll().orderBy("retires_at").execute();
}

/** Removes those that retired before then. */
export async function deleteRetiredKeys(tx: Tx, before: number): Promise<void> {
  await tx.deleteFrom("signing_keys").where("retires_at", "<", before).execute();
}
