import { sql } from "kysely";
import { keepRobotsOf } from "../auth/principal-store.ts";
import type { Tx } from "../db/database.ts";
import { insertTrash } from "../registry/trash-store.ts";

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
