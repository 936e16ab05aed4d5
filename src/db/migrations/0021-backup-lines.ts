import { type Kysely, sql } from "kysely";
import type { Tables } from "../tables.ts";

export const name = "0021-backup-lines";

/** For the few lines of the audit that tell of backups, among millions of others. */
export async function up(db: Kysely<Tables>): Promise<void> {
  await sql`create index audit_of_backups on audit (action, seq)
    where action in ('backup.began', 'backup.made', 'backup.restored')`.execute(db);
}
