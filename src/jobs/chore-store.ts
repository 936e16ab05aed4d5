import { type RawBuilder, sql } from "kysely";
import type { Reads, Tx } from "../db/database.ts";
import type { ChoreRow } from "../db/tables.ts";

/** Makes the rows that are not there yet: their chores are due at once. */
export async function addChores(tx: Tx, names: readonly string[]): Promise<void> {
  if (names.length === 0) return;
  await tx
    .insertInto("chores")
    .values(
      names.map((name) => ({
        name,
        holder: null,
        epoch: 0,
        lease_until: 0,
        due_at: 0,
        started_at: null,
        finished_at: null,
        outcome: null,
      })),
    )
    .onConflict((conflict) => conflict.column("name").doNothing())
    .execute();
}

/** Names of the chores that are due and that nobody does; `now` is the database's. */
export async function listDueChores(reads: Reads, now: RawBuilder<number>): Promise<string[]> {
  const rows = await reads
    .selectFrom("chores")
    .select("name")
    .where("due_at", "<=", now)
    .where("lease_until", "<=", now)
    .execute();
  return rows.map((row) => row.name);
}

/**
 * Takes the chore for one run, if it is due and nobody has it. Returns the epoch of that run; null
 * where another node was faster: it holds the row until its commit, and then this finds it taken.
 */
export async function takeChore(
  tx: Tx,
  { name, holder, leaseMs }: { name: string; holder: string; leaseMs: number },
  now: RawBuilder<number>,
): Promise<number | null> {
  const row = await tx
    .updateTable("chores")
    .set({
      holder,
      epoch: sql`epoch + 1`,
      lease_until: sql`${now} + ${sql.lit(leaseMs)}`,
      started_at: now,
    })
    .where("name", "=", name)
    .where("due_at", "<=", now)
    .where("lease_until", "<=", now)
    .returning("epoch")
    .executeTakeFirst();
  return row?.epoch ?? null;
}

/**
 * One run of a chore: whoever takes it over has a greater epoch, or the same one as another holder where
 * the database forgot in a crash that this one took it.
 */
export interface ChoreRun {
  readonly name: string;
  readonly holder: string;
  readonly epoch: number;
}

/**
 * Holds the lease for longer, and in a transaction keeps others from taking it over before its end.
 * False when somebody else has it.
 */
export async function renewLease(
  tx: Tx,
  { name, holder, epoch }: ChoreRun,
  leaseMs: number,
  now: RawBuilder<number>,
): Promise<boolean> {
  const row = await tx
    .updateTable("chores")
    .set({ lease_until: sql`${now} + ${sql.lit(leaseMs)}` })
    .where("name", "=", name)
    .where("holder", "=", holder)
    .where("epoch", "=", epoch)
    .returning("epoch")
    .executeTakeFirst();
  return row !== undefined;
}

/** Makes chores due at once, wherever they are done; those that run now, once more when that ends. */
export async function hastenChores(
  tx: Tx,
  names: readonly string[],
  now: RawBuilder<number>,
): Promise<void> {
  await tx
    .updateTable("chores")
    .set({
      due_at: sql`case when lease_until > ${now} and started_at >= ${now} then started_at + 1 else ${now} end`,
    })
    .where("name", "in", names)
    .execute();
}

/** Ends the run, unless somebody else has the chore. One that was hastened since it began stays due. */
export async function endChore(
  tx: Tx,
  { name, holder, epoch }: ChoreRun,
  { outcome, dueInMs }: { outcome: string; dueInMs: number },
  now: RawBuilder<number>,
): Promise<void> {
  await tx
    .updateTable("chores")
    .set({
      lease_until: 0,
      due_at: sql`case when due_at > started_at then due_at else ${now} + ${sql.lit(dueInMs)} end`,
      finished_at: now,
      outcome,
    })
    .where("name", "=", name)
    .where("holder", "=", holder)
    .where("epoch", "=", epoch)
    .execute();
}

/** Gives a run up that was stopped before its end: it is due as before. */
export async function giveChoreBack(tx: Tx, { name, holder, epoch }: ChoreRun): Promise<void> {
  await tx
    .updateTable("chores")
    .set({ lease_until: 0 })
    .where("name", "=", name)
    .where("holder", "=", holder)
    .where("epoch", "=", epoch)
    .execute();
}

/** For the only server of a database: whoever held something before is dead. */
export async function endAllLeases(tx: Tx): Promise<void> {
  await tx.updateTable("chores").set({ lease_until: 0 }).where("lease_until", ">", 0).execute();
}

export type ChoreStatus = ChoreRow & { readonly holder_name: string | null };

export async function listChores(
  reads: Reads,
  { after, limit }: { after: string; limit: number },
): Promise<ChoreStatus[]> {
  return await reads
    .selectFrom("chores")
    .leftJoin("nodes", "nodes.id", "chores.holder")
    .selectAll("chores")
    .select("nodes.name as holder_name")
    .where("chores.name", ">", after)
    .orderBy("chores.name")
    .limit(limit)
    .execute();
}
