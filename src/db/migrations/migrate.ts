import type { Clock } from "../../lib/clock.ts";
import type { Database } from "../database.ts";
import * as registry from "./0001-registry.ts";
import * as access from "./0002-access.ts";
import * as uploads from "./0004-uploads.ts";
import * as nodes from "./0005-nodes.ts";
import * as moves from "./0006-moves.ts";

/** In the order in which they run. A migration that was released is never edited. */
const migrations = [registry, access, uploads, nodes, moves];

/** The schema has what this release does not know. */
export class NewerDatabaseError extends Error {
  override name = "NewerDatabaseError";
}

/** Brings the schema up to date. Each migration is one transaction, so a kill in between is harmless. */
export async function migrate(db: Database, clock: Clock): Promise<void> {
  await db.transaction(async (tx) => {
    await tx.schema
      .createTable("migrations")
      .ifNotExists()
      .addColumn("name", "text", (c) => c.primaryKey())
      .addColumn("applied_at", db.facts.integer as never, (c) => c.notNull())
      .execute();
  });
  const rows = await db.reads.selectFrom("migrations").select("name").execute();
  const applied = new Set(rows.map((row) => row.name));
  const known = new Set<string>(migrations.map((migration) => migration.name));
  const unknown = rows.map((row) => row.name).filter((name) => !known.has(name));
  if (unknown.length > 0) {
    throw new NewerDatabaseError(
      `The database was written by a newer Berth, which applied ${unknown.join(", ")}: start that release`,
    );
  }
  for (const migration of migrations) {
    if (applied.has(migration.name)) continue;
    await db.transaction(async (tx) => {
      await migration.up(tx, db.facts);
      await tx
        .insertInto("migrations")
        .values({ name: migration.name, applied_at: clock.now() })
        .execute();
    });
  }
}
