import { sql } from "kysely";
import type { Reads, Tx } from "../db/database.ts";
import type { GcStateRow } from "../db/tables.ts";
import type { Amount } from "./condemn.ts";

export type Pause = NonNullable<GcStateRow["paused"]>;

export async function readState(reads: Reads): Promise<GcStateRow> {
  return await reads.selectFrom("gc_state").selectAll().executeTakeFirstOrThrow();
}

/** Notes that garbage collection looked at a clock that is right. */
export async function noteSeen(tx: Tx, now: number): Promise<void> {
  await tx
    .updateTable("gc_state")
    .set({ seen_at: sql<number>`case when seen_at > ${now} then seen_at else ${now} end` })
    .execute();
  await endPause(tx, "clock");
}

/** From now on nothing is collected until a person says so. */
export async function notePause(tx: Tx, paused: Pause, now: number): Promise<void> {
  await tx
    .updateTable("gc_state")
    .set({ paused, paused_at: now })
    .where(sql<boolean>`paused is null or paused <> ${paused}`)
    .execute();
}

/** A person says that the clock is right. */
export async function acceptClock(tx: Tx, now: number): Promise<void> {
  await tx.updateTable("gc_state").set({ seen_at: now }).execute();
  await endPause(tx, "clock");
}

/** A person says that any amount may go until then. */
export async function acceptAmount(tx: Tx, until: number): Promise<void> {
  await tx.updateTable("gc_state").set({ amount_accepted_until: until }).execute();
  await endPause(tx, "amount");
}

async function endPause(tx: Tx, paused: Pause): Promise<void> {
  await tx
    .updateTable("gc_state")
    .set({ paused: null, paused_at: null })
    .where("paused", "=", paused)
    .execute();
}

export async function addRemoved(tx: Tx, { blobs, bytes }: Amount): Promise<void> {
  await tx
    .updateTable("gc_state")
    .set({
      removed_blobs: sql`removed_blobs + ${blobs}`,
      removed_bytes: sql`removed_bytes + ${bytes}`,
    })
    .execute();
}

/** All blobs that there are, and those that were condemned later than `since`. */
export async function countStore(
  reads: Reads,
  since: number,
): Promise<{ readonly all: Amount; readonly condemned: Amount }> {
  const all = await reads
    .selectFrom("blobs")
    .select(({ fn }) => [fn.countAll().as("blobs"), fn.sum("size").as("bytes")])
    .executeTakeFirstOrThrow();
  const condemned = await reads
    .selectFrom("blobs")
    .select(({ fn }) => [fn.countAll().as("blobs"), fn.sum("size").as("bytes")])
    .where("collect_after", "is not", null)
    .where("condemned_at", ">", since)
    .executeTakeFirstOrThrow();
  return { all: amountOf(all), condemned: amountOf(condemned) };
}

/** What waits for the end of its grace, and when the first of it may go. */
export async function countCondemned(
  reads: Reads,
): Promise<Amount & { readonly firstAt: number | null }> {
  const row = await reads
    .selectFrom("blobs")
    .select(({ fn }) => [
      fn.countAll().as("blobs"),
      fn.sum("size").as("bytes"),
      fn.min("collect_after").as("first_at"),
    ])
    .where("collect_after", "is not", null)
    .executeTakeFirstOrThrow();
  return { ...amountOf(row), firstAt: row.first_at === null ? null : Number(row.first_at) };
}

/** What is on the list of bytes to remove, and that of it which the store did not let go. */
export async function countDeletions(reads: Reads): Promise<Amount & { readonly failing: number }> {
  const row = await reads
    .selectFrom("blob_deletions")
    .select(({ fn }) => [
      fn.countAll().as("blobs"),
      fn.sum("size").as("bytes"),
      fn.sum<number>(sql<number>`case when attempts > 0 then 1 else 0 end`).as("failing"),
    ])
    .executeTakeFirstOrThrow();
  return { ...amountOf(row), failing: Number(row.failing ?? 0) };
}

function amountOf(row: { readonly blobs: unknown; readonly bytes: unknown }): Amount {
  return { blobs: Number(row.blobs), bytes: Number(row.bytes ?? 0) };
}
