import { sql } from "kysely";
import { compiled } from "../db/compiled.ts";
import type { Reads } from "../db/database.ts";
import type { AuditRow } from "../db/tables.ts";

/** What the audit tells of backups. */
export const backupActions = {
  began: "backup.began",
  made: "backup.made",
  restored: "backup.restored",
} as const;

export type BackupAction = (typeof backupActions)[keyof typeof backupActions];

/** Lines of the audit, newest first, from those whose number is less than `before`. */
export function listBackupLines(
  reads: Reads,
  action: BackupAction,
  before: number | null,
  limit: number,
): Promise<AuditRow[]> {
  return selectLines(reads, action, before ?? Number.MAX_SAFE_INTEGER, limit);
}

/** With the condition by which SQLite knows the index: see 0021-backup-lines. */
export function backupLinesQuery(reads: Reads, action: BackupAction, to: number, limit: number) {
  return reads
    .selectFrom("audit")
    .selectAll()
    .where("action", "in", Object.values(backupActions).map(literal))
    .where("action", "=", action)
    .where("seq", "<", to)
    .orderBy("seq", "desc")
    .limit(limit);
}

const selectLines = compiled(backupLinesQuery);

function literal(action: BackupAction) {
  return sql.lit(action);
}
