import { sql } from "kysely";
import type { Tx } from "../db/database.ts";
import { bound, live } from "../db/dialect-facts.ts";
import { assertTagsMayMove } from "./tag-protection.ts";

/** Tags that are looked at together. */
const pageTags = 10_000;

/**
 * Throws DENIED where the project, or the one repository of it, has a tag that may not go: to be
 * asked in the transaction that deletes it, or a locked tag could be had again under another id.
 */
export async function assertTagsMayGo(
  tx: Tx,
  place: { readonly projectId: string; readonly repositoryId: string | null },
): Promise<void> {
  let after = { repositoryId: "", tag: "" };
  for (;;) {
    const page = await pageOf(tx, place, after);
    const byRepository = Map.groupBy(page, (row) => row.repositoryId);
    for (const [repositoryId, rows] of byRepository) {
      const changes = rows.map((current) => ({ tag: current.tag, current, next: null }));
      const repository = rows[0]?.repository;
      if (repository !== undefined) {
        await assertTagsMayMove(tx, { repositoryId, repository }, changes);
      }
    }
    const last = page.at(-1);
    if (last === undefined || page.length < pageTags) return;
    after = last;
  }
}

function pageOf(
  tx: Tx,
  place: { readonly projectId: string; readonly repositoryId: string | null },
  after: { readonly repositoryId: string; readonly tag: string },
) {
  let query = tx
    .selectFrom("repositories as r")
    .innerJoin("tags as t", "t.repository_id", "r.id")
    .select([
      "r.id as repositoryId",
      "r.name as repository",
      "t.name as tag",
      "t.digest",
      "t.locked_at as lockedAt",
    ])
    .where("r.project_id", "=", bound(place.projectId))
    .where("r.state", "=", live)
    .where(sql<boolean>`(t.repository_id, t.name) > (${after.repositoryId}, ${after.tag})`);
  if (place.repositoryId !== null) query = query.where("r.id", "=", bound(place.repositoryId));
  return query.orderBy("t.repository_id").orderBy("t.name").limit(pageTags).execute();
}
