import type { Reads, Tx } from "../db/database.ts";
import type { GroupRuleRow } from "../db/tables.ts";
import { uuidv7 } from "../lib/random.ts";

/** Rules of one provider: each sign-in reads them. */
export const groupRulesMax = 1_000;

export interface NamedGroupRule extends GroupRuleRow {
  readonly group: string;
}

/** The same rule must not be there. */
export async function insertGroupRule(
  tx: Tx,
  rule: {
    readonly providerId: string;
    readonly value: string;
    readonly groupId: string;
    readonly now: number;
    readonly createdBy: string | null;
  },
): Promise<GroupRuleRow> {
  const row: GroupRuleRow = {
    id: uuidv7(),
    provider_id: rule.providerId,
    value: rule.value,
    group_id: rule.groupId,
    created_at: rule.now,
    created_by: rule.createdBy,
  };
  await tx.insertInto("group_rules").values(row).execute();
  return row;
}

/** After an id, in the order in which they were made. */
export async function listGroupRules(
  reads: Reads,
  providerId: string,
  page: { readonly after: string; readonly limit: number },
): Promise<NamedGroupRule[]> {
  return await reads
    .selectFrom("group_rules as r")
    .innerJoin("groups as g", "g.id", "r.group_id")
    .selectAll("r")
    .select("g.name as group")
    .where("r.provider_id", "=", providerId)
    .where("r.id", ">", page.after)
    .orderBy("r.id")
    .limit(page.limit)
    .execute();
}

export async function deleteGroupRule(
  tx: Tx,
  id: string,
  providerId: string,
): Promise<GroupRuleRow | null> {
  const row = await tx
    .deleteFrom("group_rules")
    .where("id", "=", id)
    .where("provider_id", "=", providerId)
    .returningAll()
    .executeTakeFirst();
  return row ?? null;
}
