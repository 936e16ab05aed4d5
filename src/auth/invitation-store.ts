import type { Reads, Tx } from "../db/database.ts";
import type { InvitationRow } from "../db/tables.ts";
import { uuidv7 } from "../lib/random.ts";

export interface NewInvitation {
  /** Of `makeSecret("berth_invite_")`. */
  readonly hash: string;
  readonly description: string;
  readonly expiresAt: number;
  readonly now: number;
  readonly createdBy: string | null;
}

export async function insertInvitation(tx: Tx, invitation: NewInvitation): Promise<InvitationRow> {
  const row: InvitationRow = {
    id: uuidv7(),
    hash: invitation.hash,
    description: invitation.description,
    expires_at: invitation.expiresAt,
    used_by: null,
    created_at: invitation.now,
    created_by: invitation.createdBy,
  };
  await tx.insertInto("invitations").values(row).execute();
  return row;
}

/** Used and expired ones too: `useInvitation` decides. */
export async function findInvitationByHash(
  reads: Reads,
  hash: string,
): Promise<InvitationRow | null> {
  const row = await reads
    .selectFrom("invitations")
    .selectAll()
    .where("hash", "=", hash)
    .executeTakeFirst();
  return row ?? null;
}

/** In the order in which they were made. */
export async function listInvitations(
  reads: Reads,
  page: { after: string | null; limit: number },
): Promise<InvitationRow[]> {
  return await reads
    .selectFrom("invitations")
    .selectAll()
    .where("id", ">", page.after ?? "")
    .orderBy("id")
    .limit(page.limit)
    .execute();
}

/** False when there is none. */
export async function deleteInvitation(tx: Tx, id: string): Promise<boolean> {
  const row = await tx
    .deleteFrom("invitations")
    .where("id", "=", id)
    .returning("id")
    .executeTakeFirst();
  return row !== undefined;
}

/** True when this use was the first and came in time: an invitation makes one user. */
export async function useInvitation(
  tx: Tx,
  use: { hash: string; userId: string; now: number },
): Promise<boolean> {
  const row = await tx
    .updateTable("invitations")
    .set({ used_by: use.userId })
    .where("hash", "=", use.hash)
    .where("used_by", "is", null)
    .where("expires_at", ">", use.now)
    .returning("id")
    .executeTakeFirst();
  return row !== undefined;
}

/** Removes at most `limit` whose time was over before then; returns how many. */
export async function deleteOldInvitations(tx: Tx, before: number, limit: number): Promise<number> {
  const ids = tx
    .selectFrom("invitations")
    .select("id")
    .where("expires_at", "<", before)
    .limit(limit);
  const rows = await tx.deleteFrom("invitations").where("id", "in", ids).returning("id").execute();
  return rows.length;
}
