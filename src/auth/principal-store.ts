import { sql } from "kysely";
import { compiled, perDatabase } from "../db/compiled.ts";
import type { Reads, Tx } from "../db/database.ts";
import type { PrincipalRow } from "../db/tables.ts";
import { uuidv7 } from "../lib/random.ts";

/** Names of robots begin with it, those of users never do. */
export const robotPrefix = "robot.";
/** Behind every name that begins with the prefix: "/" follows "." in ASCII. */
const behindRobots = "robot/";

/** What a new principal is given; everything else has its default. */
export interface NewPrincipal {
  readonly kind: PrincipalRow["kind"];
  readonly name: string;
  readonly now: number;
  readonly createdBy: string | null;
  readonly projectId?: string | null;
  readonly administrator?: boolean;
  readonly email?: string | null;
  readonly description?: string;
  /** Of `hashPassword`. */
  readonly passwordHash?: string | null;
  readonly cidrs?: readonly string[];
  readonly expiresAt?: number | null;
}

/** The name must be free among those that are not deleted: see `findPrincipalByName`. */
export async function insertPrincipal(tx: Tx, principal: NewPrincipal): Promise<PrincipalRow> {
  const row: PrincipalRow = {
    id: uuidv7(),
    kind: principal.kind,
    name: principal.name,
    project_id: principal.projectId ?? null,
    state: "active",
    kept_state: null,
    generation: 1,
    administrator: principal.administrator === true ? 1 : 0,
    email: principal.email ?? null,
    description: principal.description ?? "",
    password_hash: principal.passwordHash ?? null,
    second_factor: 0,
    cidrs: JSON.stringify(principal.cidrs ?? []),
    expires_at: principal.expiresAt ?? null,
    expiry_told_at: null,
    last_used_at: null,
    created_at: principal.now,
    created_by: principal.createdBy,
    version: 1,
  };
  await tx.insertInto("principals").values(row).execute();
  return row;
}

export async function findPrincipal(reads: Reads, id: string): Promise<PrincipalRow | null> {
  const [row] = await selectById(reads, id);
  return row ?? null;
}

const selectById = compiled((db, id: string) =>
  db.selectFrom("principals").selectAll().where("id", "=", id),
);

/** Active or disabled: nobody is found by the name of a deleted one. */
export async function findPrincipalByName(
  reads: Reads,
  name: string,
): Promise<PrincipalRow | null> {
  const [row] = await selectByName(reads, name);
  return row ?? null;
}

const selectByName = compiled((db, name: string) =>
  db.selectFrom("principals").selectAll().where("name", "=", name).where("state", "<>", deleted),
);

// As a literal: SQLite uses the partial index only where the statement itself rules deleted rows out.
const deleted = sql.lit<"deleted">("deleted");

/** Whether somebody of this name was deleted: it is given again only to who asks for that. */
export async function wasNameUsed(reads: Reads, name: string): Promise<boolean> {
  const row = await reads
    .selectFrom("principals")
    .select("id")
    .where("name", "=", name)
    .where("state", "=", "deleted")
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

export async function isAnyAdministrator(reads: Reads): Promise<boolean> {
  return (await countAdministrators(reads, 1)) > 0;
}

/** Active administrators that are users, counted up to `max`: the last one is neither deleted nor disabled. */
export async function countAdministrators(reads: Reads, max: number): Promise<number> {
  const rows = await reads
    .selectFrom("principals")
    .select("id")
    .where("administrator", "=", 1)
    .where("state", "=", "active")
    .where("kind", "=", "user")
    .limit(max)
    .execute();
  return rows.length;
}

export interface PrincipalPage {
  readonly kind: PrincipalRow["kind"];
  /** Robots of this project alone. */
  readonly projectId?: string;
  /** Names behind this one, in byte order. */
  readonly after: string | null;
  readonly limit: number;
}

/** Those that are not deleted, by name. */
export async function listPrincipals(reads: Reads, page: PrincipalPage): Promise<PrincipalRow[]> {
  let query = reads
    .selectFrom("principals")
    .selectAll()
    .where("state", "<>", deleted)
    .where("kind", "=", page.kind)
    .where("name", ">", page.after ?? "");
  if (page.kind === "robot") {
    query = query.where("name", ">=", robotPrefix).where("name", "<", behindRobots);
  }
  if (page.projectId !== undefined) query = query.where("project_id", "=", page.projectId);
  return await query.orderBy("name").limit(page.limit).execute();
}

/** Columns that may change; for `generation` see `endEverythingIssued`. */
export type PrincipalChanges = Partial<
  Pick<
    PrincipalRow,
    | "state"
    | "administrator"
    | "email"
    | "description"
    | "password_hash"
    | "second_factor"
    | "cidrs"
    | "expires_at"
    | "expiry_told_at"
  >
>;

/** Null when there is none of this id, or it was deleted. */
export async function updatePrincipal(
  tx: Tx,
  id: string,
  changes: PrincipalChanges,
): Promise<PrincipalRow | null> {
  const row = await tx
    .updateTable("principals")
    .set({ ...changes, version: sql`version + 1` })
    .where("id", "=", id)
    .where("state", "<>", "deleted")
    .returningAll()
    .executeTakeFirst();
  return row ?? null;
}

/**
 * Registry tokens, sessions and refresh tokens of the principal end; tokens and secrets that were
 * made by hand stay. For a new password, and for who was disabled.
 */
export async function endEverythingIssued(tx: Tx, id: string): Promise<void> {
  await tx
    .updateTable("principals")
    .set({ generation: sql`generation + 1` })
    .where("id", "=", id)
    .execute();
  await tx
    .deleteFrom("credentials")
    .where("principal_id", "=", id)
    .where("kind", "in", ["session", "refresh"])
    .execute();
}

/**
 * What came of the password alone ends: registry tokens, refresh tokens, and the sessions besides this one.
 * Tokens that were made by hand stay, with what was refreshed of them. For a first passkey.
 */
export async function endIssuedByPassword(
  tx: Tx,
  id: string,
  keptSession: string | null,
): Promise<void> {
  await tx
    .updateTable("principals")
    .set({ generation: sql`generation + 1` })
    .where("id", "=", id)
    .execute();
  await tx
    .deleteFrom("credentials")
    .where("principal_id", "=", id)
    .where("kind", "=", "session")
    .where("id", "<>", keptSession ?? "")
    .execute();
  await tx
    .deleteFrom("credentials")
    .where("principal_id", "=", id)
    .where("kind", "=", "refresh")
    // Families that came of a credential have its id in front of a dot.
    .where("family", "not like", "%.%")
    .execute();
}

/** The same password under another hash: nothing that was issued ends. Nothing where it was changed meanwhile. */
export async function replacePasswordHash(
  tx: Tx,
  id: string,
  from: string,
  to: string,
): Promise<void> {
  await tx
    .updateTable("principals")
    .set({ password_hash: to })
    .where("id", "=", id)
    .where("password_hash", "=", from)
    .execute();
}

/**
 * The row stays, without anything that could be signed in with. Credentials, grants, memberships,
 * stars and rules for identity tokens go in the same transaction, so that whoever gets the name later inherits nothing.
 */
export async function deletePrincipal(tx: Tx, id: string): Promise<void> {
  await tx.deleteFrom("credentials").where("principal_id", "=", id).execute();
  await tx.deleteFrom("group_members").where("principal_id", "=", id).execute();
  await tx.deleteFrom("trusts").where("principal_id", "=", id).execute();
  await tx.deleteFrom("identities").where("principal_id", "=", id).execute();
  await tx.deleteFrom("passkeys").where("principal_id", "=", id).execute();
  await tx.deleteFrom("recovery_codes").where("principal_id", "=", id).execute();
  await tx.deleteFrom("passkey_questions").where("principal_id", "=", id).execute();
  await tx.deleteFrom("stars").where("principal_id", "=", id).execute();
  await tx
    .deleteFrom("grants")
    .where("subject_id", "=", id)
    .where("subject_kind", "=", "principal")
    .execute();
  await tx
    .updateTable("principals")
    .set({
      state: "deleted",
      password_hash: null,
      second_factor: 0,
      administrator: 0,
      generation: sql`generation + 1`,
      version: sql`version + 1`,
    })
    .where("id", "=", id)
    .execute();
}

/**
 * The robots of a project that goes to the trash are deleted for as long as it lies there: their names
 * are free, nothing signs in, and what was issued to them ends. Secrets and grants stay with their rows.
 */
export async function keepRobotsOf(tx: Tx, projectId: string): Promise<void> {
  const robots = tx.selectFrom("principals").select("id").where("project_id", "=", projectId);
  await tx
    .deleteFrom("credentials")
    .where("principal_id", "in", robots.where("state", "<>", "deleted"))
    .where("kind", "in", ["session", "refresh"])
    .execute();
  await tx
    .updateTable("principals")
    .set({
      kept_state: sql<"active" | "disabled">`state`,
      state: "deleted",
      generation: sql`generation + 1`,
      version: sql`version + 1`,
    })
    .where("project_id", "=", projectId)
    .where("state", "<>", "deleted")
    .execute();
}

/** The robots come back as they were. None of their names may be somebody else's by now. */
export async function bringBackRobotsOf(tx: Tx, projectId: string): Promise<void> {
  await tx
    .updateTable("principals")
    .set({
      state: sql<"active" | "disabled">`kept_state`,
      kept_state: null,
      version: sql`version + 1`,
    })
    .where("project_id", "=", projectId)
    .where("kept_state", "is not", null)
    .execute();
}

/** Names of a trashed project's robots that others have by now, at most `limit`. */
export async function takenRobotNames(
  reads: Reads,
  projectId: string,
  limit: number,
): Promise<string[]> {
  const rows = await reads
    .selectFrom("principals as r")
    .innerJoin("principals as o", "o.name", "r.name")
    .select("r.name")
    .where("r.project_id", "=", projectId)
    .where("r.kept_state", "is not", null)
    .where("o.state", "<>", deleted)
    .orderBy("r.name")
    .limit(limit)
    .execute();
  return rows.map((row) => row.name);
}

/** Robots whose end lies before `before`, in the order of their names. */
export async function listExpiringRobots(
  reads: Reads,
  page: { now: number; before: number; after: string; limit: number },
): Promise<PrincipalRow[]> {
  return await reads
    .selectFrom("principals")
    .selectAll()
    .where("state", "<>", deleted)
    .where("name", ">", page.after)
    .where("name", ">=", robotPrefix)
    .where("name", "<", behindRobots)
    .where("kind", "=", "robot")
    .where("state", "=", "active")
    .where("expires_at", ">", page.now)
    .where("expires_at", "<=", page.before)
    .orderBy("name")
    .limit(page.limit)
    .execute();
}

/** Not a change of the robot: its version stays. */
export async function setExpiryTold(tx: Tx, id: string, at: number): Promise<void> {
  await tx.updateTable("principals").set({ expiry_told_at: at }).where("id", "=", id).execute();
}

/** By id and by name; null where there is none, or it was deleted. For the path of every request. */
export const preparePrincipalReads = perDatabase((db) => ({
  byId: db.prepare<PrincipalRow>("select * from principals where id = ?1 and state <> 'deleted'"),
  byName: db.prepare<PrincipalRow>(
    "select * from principals where name = ?1 and state <> 'deleted'",
  ),
}));
