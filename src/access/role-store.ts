import { sql } from "kysely";
import type { Reads, Tx } from "../db/database.ts";
import type { RoleRow } from "../db/tables.ts";
import { assert } from "../lib/assert.ts";
import { uuidv7 } from "../lib/random.ts";
import { type GrantableAction, isBuiltInRole } from "./roles.ts";

export interface NewRole {
  readonly name: string;
  readonly description: string;
  readonly actions: readonly GrantableAction[];
  readonly now: number;
  readonly createdBy: string | null;
}

/** The name must be free, and none of the built-in roles'. */
export async function insertRole(tx: Tx, role: NewRole): Promise<RoleRow> {
  assert(!isBuiltInRole(role.name), `the role ${role.name} is built in`);
  const row: RoleRow = {
    id: uuidv7(),
    name: role.name,
    description: role.description,
    actions: JSON.stringify([...new Set(role.actions)]),
    created_at: role.now,
    created_by: role.createdBy,
    version: 1,
  };
  await tx.insertInto("roles").values(row).execute();
  return row;
}

export async function findRoleByName(reads: Reads, name: string): Promise<RoleRow | null> {
  const row = await reads
    .selectFrom("roles")
    .selectAll()
    .where("name", "=", name)
    .executeTakeFirst();
  return row ?? null;
}

/** Custom ones by name, after one, in byte order. */
export async function listRoles(
  reads: Reads,
  page: { readonly after: string; readonly limit: number },
): Promise<RoleRow[]> {
  return await reads
    .selectFrom("roles")
    .selectAll()
    .where("name", ">", page.after)
    .orderBy("name")
    .limit(page.limit)
    .execute();
}

/** What it gives changes for everybody who has it. Null when there is none of this id. */
export async function updateRole(
  tx: Tx,
  id: string,
  changes: { readonly description?: string; readonly actions?: readonly GrantableAction[] },
): Promise<RoleRow | null> {
  const { description, actions } = changes;
  const row = await tx
    .updateTable("roles")
    .set({
      ...(description === undefined ? {} : { description }),
      ...(actions === undefined ? {} : { actions: JSON.stringify([...new Set(actions)]) }),
      version: sql`version + 1`,
    })
    .where("id", "=", id)
    .returningAll()
    .executeTakeFirst();
  return row ?? null;
}

/** Whether a grant names it: then it must not be deleted, or a deny that names it would say nothing. */
export async function isRoleInUse(reads: Reads, name: string): Promise<boolean> {
  const row = await reads
    .selectFrom("grants")
    .select("id")
    .where("role", "=", name)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** No grant may name it: see `isRoleInUse`, to be asked in the same transaction. */
export async function deleteRole(tx: Tx, id: string): Promise<void> {
  await tx.deleteFrom("roles").where("id", "=", id).execute();
}
