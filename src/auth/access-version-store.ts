import { sql } from "kysely";
import { perDatabase } from "../db/compiled.ts";
import type { Database, Tx } from "../db/database.ts";
import { isAway } from "../db/database-away.ts";
import type { Clock } from "../lib/clock.ts";
import type { MaybePromise } from "../lib/maybe-promise.ts";

/** How long another process's change may go unnoticed here. */
const staleMsMax = 500;
/** While the database is away what is remembered holds for so long: the life of a registry token. */
const awayMsMax = 5 * 60_000;
/** A database that is away is looked for this often, and nobody waits for it in between. */
const lookAgainMs = 500;

/** Tells caches of who may do what whether they still hold. */
export interface AccessVersion {
  /** Goes up with each change; reads the database at most twice a second. Throws when it cannot. */
  current(): MaybePromise<number>;
  /** This process changed something: the next `current` reads the database. */
  changed(): void;
}

export function createAccessVersion(db: Database, clock: Clock): AccessVersion {
  const read = selectVersion(db);
  let version = 0;
  /** When the look began that found it. */
  let readAt = Number.NEGATIVE_INFINITY;
  let awayUntil = Number.NEGATIVE_INFINITY;
  let holdsUntil = Number.NEGATIVE_INFINITY;
  let looking: Promise<number> | null = null;

  function current(): MaybePromise<number> {
    const now = clock.monotonic();
    if (now - readAt < staleMsMax || now < awayUntil) return version;
    if (looking !== null) return looking;
    const row = read();
    if (!(row instanceof Promise)) return keep(row, now);
    const look: Promise<number> = row.then(
      // A change of this process since it began: it may have seen the rows of before.
      (found) => (looking === look ? keep(found, now) : current()),
      (error: unknown) => (looking === look ? remember(error) : current()),
    );
    looking = look;
    return look;
  }

  function keep(row: { readonly version: number } | null, now: number): number {
    if (row === null) throw new Error("the table access_version is empty");
    looking = null;
    version = row.version;
    readAt = now;
    holdsUntil = now + awayMsMax;
    return version;
  }

  /** Nothing new comes of a database that is away: what was allowed stays so, for a while. */
  function remember(error: unknown): number {
    looking = null;
    const now = clock.monotonic();
    if (!isAway(error) || now >= holdsUntil) throw error;
    awayUntil = now + lookAgainMs;
    return version;
  }

  return {
    current,
    changed() {
      readAt = Number.NEGATIVE_INFINITY;
      awayUntil = Number.NEGATIVE_INFINITY;
      looking = null;
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
