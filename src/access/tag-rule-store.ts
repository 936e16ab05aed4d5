import { compiled } from "../db/compiled.ts";
import type { Reads, Tx } from "../db/database.ts";
import { bound } from "../db/dialect-facts.ts";
import type { TagRuleRow } from "../db/tables.ts";
import { uuidv7 } from "../lib/random.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { compileTagRule, type TagRulePatterns } from "./tag-rule.ts";

/** Rules of one project: each move of a tag looks at all of them. */
export const tagRulesPerProjectMax = 100;

/** Tags that never move nor go once they are there. */
export interface TagRule extends TagRulePatterns {
  readonly id: string;
  readonly projectId: string;
  /** Whether retention may remove such a tag all the same. */
  readonly retentionMayExpire: boolean;
  readonly createdAt: number;
  readonly createdBy: string | null;
  readonly version: number;
}

/** What of a rule can be changed. */
export type TagRuleFields = Pick<TagRule, "pattern" | "tags" | "exceptTags" | "retentionMayExpire">;

/**
 * Throws a 400 for patterns that `compileTagRule` refuses, and DENIED 409 where the project has as
 * many rules as it may.
 */
export async function insertTagRule(
  tx: Tx,
  rule: TagRuleFields & {
    readonly projectId: string;
    readonly actor: string | null;
    readonly now: number;
  },
): Promise<TagRule> {
  const { projectId, actor, now } = rule;
  const present = await tx
    .selectFrom("tag_rules")
    .select("id")
    .where("project_id", "=", projectId)
    .limit(tagRulesPerProjectMax)
    .execute();
  if (present.length >= tagRulesPerProjectMax) {
    throw new RegistryError("DENIED", {
      status: 409,
      message: `the project has ${tagRulesPerProjectMax} tag rules, as many as it may: put several patterns into one`,
      detail: { max: tagRulesPerProjectMax },
    });
  }
  const row: TagRuleRow = {
    id: uuidv7(),
    project_id: projectId,
    ...columnsOf(rule),
    created_at: now,
    created_by: actor,
    version: 1,
  };
  await tx.insertInto("tag_rules").values(row).execute();
  return ruleOf(row);
}

/** The rule as it is now, or null where the project has none with this id. */
export async function updateTagRule(
  tx: Tx,
  projectId: string,
  id: string,
  changes: Partial<TagRuleFields>,
): Promise<TagRule | null> {
  const found = await findTagRule(tx, projectId, id);
  if (found === null) return null;
  const changed: TagRule = { ...found, ...changes, version: found.version + 1 };
  await tx
    .updateTable("tag_rules")
    .set({ ...columnsOf(changed), version: changed.version })
    .where("id", "=", id)
    .execute();
  return changed;
}

/** False where the project has no rule with this id. */
export async function deleteTagRule(tx: Tx, projectId: string, id: string): Promise<boolean> {
  const [{ numDeletedRows } = { numDeletedRows: 0n }] = await tx
    .deleteFrom("tag_rules")
    .where("id", "=", id)
    .where("project_id", "=", projectId)
    .execute();
  return numDeletedRows > 0n;
}

export async function findTagRule(
  reads: Reads,
  projectId: string,
  id: string,
): Promise<TagRule | null> {
  const row = await reads
    .selectFrom("tag_rules")
    .selectAll()
    .where("id", "=", id)
    .where("project_id", "=", projectId)
    .executeTakeFirst();
  return row === undefined ? null : ruleOf(row);
}

/** Rules of the project in the order in which they were made, after the id `after`. */
export async function listTagRules(
  reads: Reads,
  projectId: string,
  { after, limit }: { readonly after: string; readonly limit: number },
): Promise<TagRule[]> {
  const rows = await reads
    .selectFrom("tag_rules")
    .selectAll()
    .where("project_id", "=", projectId)
    .where("id", ">", after)
    .orderBy("id")
    .limit(limit)
    .execute();
  return rows.map(ruleOf);
}

/** All rules of the project that the repository lies in, in the order in which they were made. */
export async function tagRulesOfRepository(reads: Reads, repositoryId: string): Promise<TagRule[]> {
  const rows = await selectOfRepository(reads, repositoryId);
  return rows.map(ruleOf);
}

const selectOfRepository = compiled((db, repositoryId: string) =>
  db
    .selectFrom("repositories as r")
    .innerJoin("tag_rules as t", "t.project_id", "r.project_id")
    .selectAll("t")
    .where("r.id", "=", bound(repositoryId))
    .orderBy("t.id"),
);

function columnsOf({ pattern, tags, exceptTags, retentionMayExpire }: TagRuleFields) {
  compileTagRule({ pattern, tags, exceptTags });
  return {
    pattern,
    tags: JSON.stringify(tags),
    except_tags: JSON.stringify(exceptTags),
    retention_may_expire: retentionMayExpire ? 1 : 0,
  };
}

function ruleOf(row: TagRuleRow): TagRule {
  return {
    id: row.id,
    projectId: row.project_id,
    pattern: row.pattern,
    tags: JSON.parse(row.tags) as string[],
    exceptTags: JSON.parse(row.except_tags) as string[],
    retentionMayExpire: row.retention_may_expire === 1,
    createdAt: row.created_at,
    createdBy: row.created_by,
    version: row.version,
  };
}
