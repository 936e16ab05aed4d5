import { sql } from "kysely";
import { keepRobotsOf } from "../auth/principal-store.ts";
import type { Tx } from "../db/database.ts";
import type { Visibility } from "../db/tables.ts";
import { insertTrash } from "../registry/trash-store.ts";

export interface ProjectChanges {
  readonly visibility?: Visibility | undefined;
  readonly description?: string | undefined;
  readonly cidrs?: readonly string[] | undefined;
  readonly trashDays?: number | undefined;
  readonly untaggedDays?: number | null | undefined;
}

export async function updateProject(
  tx: Tx,
  id: string,
  { visibility, description, cidrs, trashDays, untaggedDays }: ProjectChanges,
): Promise<void> {
  await tx
    .updateTable("projects")
    .set({
      ...(visibility === undefined ? {} : { visibility }),
      ...(description === undefined ? {} : { description }),
      ...(cidrs === undefined ? {} : { cidrs: JSON.stringify(cidrs) }),
      ...(trashDays === undefined ? {} : { trash_days: trashDays }),
      ...(untaggedDays === undefined ? {} : { untagged_days: untaggedDays }),
      version: sql`version + 1`,
    })
    .where("id", "=", id)
    .execute();
}

/** What lies in it stays as it is, out of sight; its robots are nobody until it comes back. */
export async function trashProject(
  tx: Tx,
  id: string,
  { actor, now }: { readonly actor: string | null; readonly now: number },
): Promise<void> {
  await insertTrash(tx, { kind: "project", projectId: id, deletedBy: actor }, now);
  await keepRobotsOf(tx, id);
  await tx
    .updateTable("projects")
    .set({ state: "trashed", trashed_at: now, trashed_by: actor, version: sql`version + 1` })
    .where("id", "=", id)
    .execute();
}
