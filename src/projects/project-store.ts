import { sql } from "kysely";
import type { Tx } from "../db/database.ts";
import type { Visibility } from "../db/tables.ts";

export interface ProjectChanges {
  readonly visibility?: Visibility | undefined;
  readonly description?: string | undefined;
  readonly cidrs?: readonly string[] | undefined;
}

export async function updateProject(
  tx: Tx,
  id: string,
  { visibility, description, cidrs }: ProjectChanges,
): Promise<void> {
  await tx
    .updateTable("projects")
    .set({
      ...(visibility === undefined ? {} : { visibility }),
      ...(description === undefined ? {} : { description }),
      ...(cidrs === undefined ? {} : { cidrs: JSON.stringify(cidrs) }),
      version: sql`version + 1`,
    })
    .where("id", "=", id)
    .execute();
}

/** What lies in it stays as it is, out of sight. */
export async function trashProject(
  tx: Tx,
  id: string,
  { actor, now }: { readonly actor: string | null; readonly now: number },
): Promise<void> {
  await tx
    .updateTable("projects")
    .set({ state: "trashed", trashed_at: now, trashed_by: actor, version: sql`version + 1` })
    .where("id", "=", id)
    .execute();
}

/** Ids of the robots that are the project's own. */
export async function listRobotsOf(tx: Tx, projectId: string): Promise<string[]> {
  const rows = await tx
    .selectFrom("principals")
    .select("id")
    .where("project_id", "=", projectId)
    .where("state", "<>", "deleted")
    .execute();
  return rows.map((row) => row.id);
}
