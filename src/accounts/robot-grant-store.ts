import type { Reads } from "../db/database.ts";
import type { GrantRow } from "../db/tables.ts";

/** Everything that was given to one robot itself, in the order in which it was given. */
export async function listGrantsOf(
  reads: Reads,
  principalId: string,
  limit: number,
): Promise<GrantRow[]> {
  return await reads
    .selectFrom("grants")
    .selectAll()
    .where("subject_id", "=", principalId)
    .where("subject_kind", "=", "principal")
    .orderBy("id")
    .limit(limit)
    .execute();
}
