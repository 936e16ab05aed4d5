import { type RawBuilder, sql } from "kysely";
import type { Reads, Tx } from "../db/database.ts";
import type { NodeRow } from "../db/tables.ts";

/** What a node says of itself; its times are the database's. */
type NodeReport = Omit<NodeRow, "started_at" | "seen_at">;

/** Notes that the node lives. Its first word is its start. */
export async function noteNode(tx: Tx, report: NodeReport, now: RawBuilder<number>): Promise<void> {
  const { id, ...rest } = report;
  await tx
    .insertInto("nodes")
    .values({ id, ...rest, started_at: now, seen_at: now })
    .onConflict((conflict) => conflict.column("id").doUpdateSet({ ...rest, seen_at: now }))
    .execute();
}

/** Removes nodes that were last seen longer ago than `ms`. */
export async function forgetNodes(tx: Tx, ms: number, now: RawBuilder<number>): Promise<void> {
  await tx
    .deleteFrom("nodes")
    .where("seen_at", "<", sql<number>`${now} - ${sql.lit(ms)}`)
    .execute();
}

export async function removeNode(tx: Tx, id: string): Promise<void> {
  await tx.deleteFrom("nodes").where("id", "=", id).execute();
}

export async function removeNodes(tx: Tx): Promise<void> {
  await tx.deleteFrom("nodes").execute();
}

export async function wasAnyNodeSeen(reads: Reads, since: number): Promise<boolean> {
  const row = await reads
    .selectFrom("nodes")
    .select("id")
    .where("seen_at", ">=", since)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** In the order of their start, beginning behind `after`. */
export async function listNodes(
  reads: Reads,
  { after, limit }: { after: string; limit: number },
): Promise<NodeRow[]> {
  return await reads
    .selectFrom("nodes")
    .selectAll()
    .where("id", ">", after)
    .orderBy("id")
    .limit(limit)
    .execute();
}
