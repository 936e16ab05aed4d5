import type { Reads, Tx } from "../db/database.ts";
import { live } from "../db/dialect-facts.ts";
import type { VerifyPassRow } from "../db/tables.ts";

/** The only row. */
const id = 1;

export async function findPass(reads: Reads): Promise<VerifyPassRow | null> {
  const row = await reads
    .selectFrom("verify_pass")
    .selectAll()
    .where("id", "=", id)
    .executeTakeFirst();
  return row ?? null;
}

/** Makes the row where it is not there yet. */
export async function addPass(tx: Tx, dueAt: number): Promise<void> {
  await tx
    .insertInto("verify_pass")
    .values({
      ...{ id, after: "", due_at: dueAt, started_at: null, finished_at: null },
      ...{ blobs: 0, bytes: 0, findings: 0, last_finding: null, stopped: null },
    })
    .onConflict((conflict) => conflict.column("id").doNothing())
    .execute();
}

export async function changePass(
  tx: Tx,
  values: Partial<Omit<VerifyPassRow, "id">>,
): Promise<void> {
  await tx.updateTable("verify_pass").set(values).where("id", "=", id).execute();
}

/** All that a pass reads. */
export async function sumLiveBlobs(reads: Reads): Promise<{ blobs: number; bytes: number }> {
  const row = await reads
    .selectFrom("blobs")
    .select(({ fn }) => [fn.countAll().as("blobs"), fn.sum("size").as("bytes")])
    .where("state", "=", live)
    .executeTakeFirstOrThrow();
  return { blobs: Number(row.blobs), bytes: Number(row.bytes ?? 0) };
}
