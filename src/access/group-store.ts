import { sql } from "kysely";
import type { Reads, Tx } from "../db/database.ts";
import type { GroupRow } from "../db/tables.ts";
import { uuidv7 } from "../lib/random.ts";

export interface NewGroup {
  readonly name: string;
  readonly description: string;
  readonly now: number;
  readonly createdBy: string | null;
}

/** The name must be free: see `findGroupByName`. */
export async function insertGroup(tx: Tx, group: NewGroup): Promise<GroupRow> {
  const row: GroupRow = {
    id: uuidv7(),
    name: group.name,
    description: group.description,
    created_at: group.now,
    created_by: group.createdBy,
    version: 1,
  };
  await tx.insertInto("groups").values(row).execute();
  return row;
}

export async function findGroupByName(reads: Reads, name: string): Promise<GroupRow | null> {
  const row = await reads
    .selectFrom("groups")
    .selectAll()
    .where("name", "=", name)
    .executeTakeFirst();
  return row ?? null;
}

/** By name, after one, in byte order. */
export async function listGroups(
  reads: Reads,
  page: { readonly after: string; readonly limit: number },
): Promise<GroupRow[]> {
  return await reads
    .selectFrom("groups")
    .selectAll()
    .where("name", ">", page.after)
    .orderBy("name")
    .limit(page.limit)
    .execute();
}

/** Null when there is none of this id. */
export async function updateGroup(
  tx: Tx,
  id: string,
  changes: { readonly description: string },
): Promise<GroupRow | null> {
  const row = await tx
    .updateTable("groups")
    .set({ ...changes, version: sql`version + 1` })
    .where("id", "=", id)
    .returningAll()
    .executeTakeFirst();
  return row ?? null;
}

/** With its memberships and what was granted to it: a group made again under the name has none of it. */
export async function deleteGroup(tx: Tx, id: string): Promise<void> {
  await tx.deleteFrom("group_members").where("group_id", "=", id).execute();
  await tx
    .deleteFrom("grants")
    .where("subject_id", "=", id)
    .where("subject_kind", "=", "group")
    .execute();
  await tx.deleteFrom("group_rules").where("group_id", "=", id).execute();
  await tx.deleteFrom("groups").where("id", "=", id).execute();
}

/** False when it was a member before. */
export async function addGroupMember(
  tx: Tx,
  groupId: string,
  principalId: string,
): Promise<boolean> {
  const row = await tx
    .insertInto("group_members")
    .values({ group_id: groupId, principal_id: principalId })
    .onConflict((conflict) => conflict.doNothing())
    .returning("group_id")
    .executeTakeFirst();
  return row !== undefined;
}

/** False when it was no member. */
export async function removeGroupMember(
  tx: Tx,
  groupId: string,
  principalId: string,
): Promise<boolean> {
  const row = await tx
    .deleteFrom("group_members")
    .where("group_id", "=", groupId)
    .where("principal_id", "=", principalId)
    .returning("group_id")
    .executeTakeFirst();
  return row !== undefined;
}

/** Ids of the groups that somebody is in. */
export async function listGroupsOf(reads: Reads, principalId: string): Promise<string[]> {
  const rows = await reads
    .selectFrom("group_members")
    .select("group_id")
    .where("principal_id", "=", principalId)
    .execute();
  return rows.map((row) => row.group_id);
}

export interface GroupMember {
  readonly id: string;
  readonly kind: "user" | "robot";
  readonly name: string;
}

/** After an id, in the order in which the members themselves were made. */
export async function listGroupMembers(
  reads: Reads,
  groupId: string,
  page: { readonly after: string; readonly limit: number },
): Promise<GroupMember[]> {
  return await reads
    .selectFrom("group_members as m")
    .innerJoin("principals as p", "p.id", "m.principal_id")
    .select(["p.id", "p.kind", "p.name"])
    .where("m.group_id", "=", groupId)
    .where("m.principal_id", ">", page.after)
    .orderBy("m.principal_id")
    .limit(page.limit)
    .execute();
}
