import { sql } from "kysely";
import { perDatabase } from "../db/compiled.ts";
import type { Database, Tx } from "../db/database.ts";
import type { Clock } from "../lib/clock.ts";

/** How long another process's change may go unnoticed here. */
const staleMsMax = 1_000;

/** Tells caches of who may do what whether they still hold. */
export interface AccessVersion {
  /** Goes up with each change; reads the database at most once a second. Throws when it cannot. */
  current(): number;
  /** This process changed something: the next `current` reads the database. */
  changed(): void;
}

export function createAccessVersion(db: Database, clock: Clock): AccessVersion {
  const read = selectVersion(db);
  let version = 0;
  let readAt = Number.NEGATIVE_INFINITY;
  return {
    current() {
      const now = clock.monotonic();
      if (now - readAt < staleMsMax) return version;
      const row = read();
      if (row === null) throw new Error("the table access_version is empty");
      version = row.version;
      readAt = now;
      return version;
    },
    changed() {
      readAt = Number.NEGATIVE_INFINITY;
    },
  };
}

const selectVersion = perDatabase((db) =>
  db.prepare<{ version: number }>("select version from access_version where id = 1"),
);

/** To be part of every transaction that changes who may do what. */
export async function bumpAccessVersion(tx: Tx): Promise<void> {
  await tx
    .updateTable("access_version")
    .set({ version: sql`version + 1` })
    .where("id", "=", 1)
    .execute();
}
