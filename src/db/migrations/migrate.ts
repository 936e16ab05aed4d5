import { sql } from "kysely";
import type { Clock } from "../../lib/clock.ts";
import type { Database, Reads, Tx } from "../database.ts";
import * as registry from "./0001-registry.ts";
import * as access from "./0002-access.ts";
import * as releases from "./0003-releases.ts";
import * as uploads from "./0004-uploads.ts";
import * as nodes from "./0005-nodes.ts";
import * as moves from "./0006-moves.ts";
import * as gc from "./0007-gc.ts";
import * as trash from "./0008-trash.ts";
import * as asof from "./0009-asof.ts";
import * as verify from "./0010-verify.ts";
import * as absences from "./0011-absences.ts";
import * as issuers from "./0012-issuers.ts";
import * as images from "./0013-images.ts";
import * as webhooks from "./0014-webhooks.ts";
import * as providers from "./0015-providers.ts";
import * as directories from "./0016-directories.ts";
import * as deviceSignIns from "./0017-device-sign-ins.ts";
import * as passkeys from "./0018-passkeys.ts";
import * as starsAndDays from "./0019-stars-and-days.ts";
import * as untagged from "./0020-untagged.ts";
import * as backupLines from "./0021-backup-lines.ts";
import * as webhookBegin from "./0022-webhook-begin.ts";

/**
 * Which release this is, counted from 1: it goes up by one with each release whose migrations the one
 * before it does not have.
 */
const release = 3;

interface Migration {
  readonly name: string;
  up(db: Tx, facts: Database["facts"]): Promise<void>;
  readonly release: number;
  /** It makes indexes alone, which takes long, and keeps nobody from reading. */
  readonly readsGoOn?: true;
}

/** In the order in which they run, with the release that brings them. A released one is never edited. */
const migrations: readonly Migration[] = [
  { ...registry, release: 1 },
  { ...access, release: 2 },
  { ...releases, release: 3 },
  { ...uploads, release: 3 },
  { ...nodes, release: 3 },
  { ...moves, release: 3 },
  { ...gc, release: 3 },
  { ...trash, release: 3 },
  { ...asof, release: 3 },
  { ...verify, release: 3 },
  { ...absences, release: 3 },
  { ...issuers, release: 3 },
  { ...images, release: 3 },
  { ...webhooks, release: 3 },
  { ...providers, release: 3 },
  { ...directories, release: 3 },
  { ...deviceSignIns, release: 3 },
  { ...passkeys, release: 3 },
  { ...starsAndDays, release: 3 },
  { ...untagged, release: 3, readsGoOn: true },
  { ...backupLines, release: 3, readsGoOn: true },
  { ...webhookBegin, release: 3 },
];

/** The tables are too new for this release. */
export class NewerDatabaseError extends Error {
  override name = "NewerDatabaseError";
}

/**
 * Brings the schema up to date. Each migration is one transaction that runs alone, so a kill in between
 * is harmless, and of several nodes one does each. What the next release added is no hindrance: it
 * takes nothing away that this one needs.
 */
export async function migrate(db: Database, clock: Clock): Promise<void> {
  await db.transaction(async (tx) => {
    await tx.schema
      .createTable("migrations")
      .ifNotExists()
      .addColumn("name", "text", (c) => c.primaryKey())
      .addColumn("applied_at", db.facts.integer as never, (c) => c.notNull())
      .execute();
  });
  assertNotTooNew(await readApplied(db.reads));
  for (const migration of migrations) {
    await db.transaction(async (tx) => {
      const applied = await readApplied(tx);
      if (applied.has(migration.name)) return;
      if (migration.readsGoOn !== true) await db.facts.takeTables(tx);
      await migration.up(tx, db.facts);
      await db.facts.orderBytewise(tx);
      await note(tx, migration, applied.has(releases.name), clock.now());
    }, "long");
  }
}

/** Names of the migrations that were applied, with their releases; null where nothing says which. */
async function readApplied(reads: Reads): Promise<ReadonlyMap<string, number | null>> {
  const rows = await reads.selectFrom("migrations").select("name").execute();
  const names = rows.map((row) => row.name);
  if (!names.includes(releases.name)) return new Map(names.map((name) => [name, null]));
  const known = await reads.selectFrom("migrations").select(["name", "release"]).execute();
  return new Map(known.map((row) => [row.name, row.release]));
}

function assertNotTooNew(applied: ReadonlyMap<string, number | null>): void {
  const known = new Set<string>(migrations.map((migration) => migration.name));
  const tooNew = [...applied]
    .filter(([name, from]) => !known.has(name) && (from === null || from > release + 1))
    .map(([name]) => name);
  if (tooNew.length === 0) return;
  throw new NewerDatabaseError(
    `The database was written by a Berth more than one release newer, which applied ${tooNew.join(", ")}: start that release`,
  );
}

async function note(
  tx: Tx,
  migration: Migration,
  hasReleases: boolean,
  now: number,
): Promise<void> {
  const { name } = migration;
  await tx.insertInto("migrations").values({ name, applied_at: now }).execute();
  // The migration that adds the column is the first that it can be set for.
  if (!hasReleases && name !== releases.name) return;
  await sql`update migrations set release = ${migration.release} where name = ${name}`.execute(tx);
}
