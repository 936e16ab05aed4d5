import { compiled, perDatabase } from "../db/compiled.ts";
import type { Reads, Tx } from "../db/database.ts";
import type { CredentialRow } from "../db/tables.ts";
import { uuidv7 } from "../lib/random.ts";
import type { Scope } from "./principal.ts";

export interface NewCredential {
  readonly principalId: string;
  readonly kind: CredentialRow["kind"];
  /** Of `makeSecret`: the secret itself is never stored. */
  readonly hash: string;
  readonly now: number;
  readonly createdBy: string | null;
  readonly description?: string;
  readonly scopes?: Scope | null;
  readonly cidrs?: readonly string[];
  readonly family?: string | null;
  readonly expiresAt?: number | null;
  /** Of the identity tokens that it came of. */
  readonly issuerId?: string | null;
}

export async function insertCredential(tx: Tx, credential: NewCredential): Promise<CredentialRow> {
  const scopes = credential.scopes ?? null;
  const row: CredentialRow = {
    id: uuidv7(),
    principal_id: credential.principalId,
    kind: credential.kind,
    hash: credential.hash,
    description: credential.description ?? "",
    scopes: scopes === null ? null : JSON.stringify(scopes),
    cidrs: JSON.stringify(credential.cidrs ?? []),
    family: credential.family ?? null,
    expires_at: credential.expiresAt ?? null,
    last_used_at: null,
    used_at: null,
    created_at: credential.now,
    created_by: credential.createdBy,
    issuer_id: credential.issuerId ?? null,
  };
  await tx.insertInto("credentials").values(row).execute();
  return row;
}

export async function findCredentialByHash(
  reads: Reads,
  hash: string,
): Promise<CredentialRow | null> {
  const [row] = await selectByHash(reads, hash);
  return row ?? null;
}

const selectByHash = compiled((db, hash: string) =>
  db.selectFrom("credentials").selectAll().where("hash", "=", hash),
);

export async function findCredential(reads: Reads, id: string): Promise<CredentialRow | null> {
  const [row] = await selectById(reads, id);
  return row ?? null;
}

const selectById = compiled((db, id: string) =>
  db.selectFrom("credentials").selectAll().where("id", "=", id),
);

export interface CredentialPage {
  /** Default: those that are made by hand, tokens and secrets. */
  readonly kinds?: readonly CredentialRow["kind"][];
  /** Ids behind this one: in the order in which they were made. */
  readonly after?: string | null;
  readonly limit?: number;
}

/** What the principal has, expired ones too. */
export async function listCredentials(
  reads: Reads,
  principalId: string,
  page: CredentialPage = {},
): Promise<CredentialRow[]> {
  return await reads
    .selectFrom("credentials")
    .selectAll()
    .where("principal_id", "=", principalId)
    .where("kind", "in", page.kinds ?? ["token", "secret"])
    .where("id", ">", page.after ?? "")
    .orderBy("id")
    .limit(page.limit ?? listedMax)
    .execute();
}

const listedMax = 1_000;

/** With the refresh tokens that came of it. False when the principal has none of this id. */
export async function deleteCredential(tx: Tx, id: string, principalId: string): Promise<boolean> {
  const row = await tx
    .deleteFrom("credentials")
    .where("id", "=", id)
    .where("principal_id", "=", principalId)
    .returning("id")
    .executeTakeFirst();
  if (row === undefined) return false;
  // Families that came of a credential begin with its id and ".", behind which "/" comes in ASCII.
  await tx
    .deleteFrom("credentials")
    .where("family", ">=", `${id}.`)
    .where("family", "<", `${id}/`)
    .execute();
  return true;
}

/** Ends every refresh token that came of one sign-in. */
export async function deleteFamily(tx: Tx, family: string): Promise<void> {
  await tx.deleteFrom("credentials").where("family", "=", family).execute();
}

/** Of a refresh token: it was exchanged, and is worth nothing from now on. */
export async function markUsed(tx: Tx, id: string, now: number): Promise<void> {
  await tx
    .updateTable("credentials")
    .set({ used_at: now, last_used_at: now })
    .where("id", "=", id)
    .execute();
}

/** Removes at most `limit` that expired before then; returns how many. */
export async function deleteExpired(
  tx: Tx,
  kinds: readonly CredentialRow["kind"][],
  before: number,
  limit: number,
): Promise<number> {
  const ids = tx
    .selectFrom("credentials")
    .select("id")
    .where("expires_at", "<", before)
    .where("kind", "in", kinds)
    .limit(limit);
  const rows = await tx.deleteFrom("credentials").where("id", "in", ids).returning("id").execute();
  return rows.length;
}

/** Ends the oldest of the kind that the principal has above `most`. */
export async function deleteSurplus(
  tx: Tx,
  principalId: string,
  kind: CredentialRow["kind"],
  most: number,
): Promise<void> {
  const surplus = tx
    .selectFrom("credentials")
    .select("id")
    .where("principal_id", "=", principalId)
    .where("kind", "=", kind)
    .orderBy("id", "desc")
    .limit(surplusMax)
    .offset(most);
  await tx.deleteFrom("credentials").where("id", "in", surplus).execute();
}

/** Rows that one call removes: there is one too many each time. */
const surplusMax = 10;

export async function setExpiry(tx: Tx, id: string, expiresAt: number): Promise<void> {
  await tx.updateTable("credentials").set({ expires_at: expiresAt }).where("id", "=", id).execute();
}

/** Removes at most `limit` refresh tokens that were exchanged before then; returns how many. */
export async function deleteExchanged(tx: Tx, before: number, limit: number): Promise<number> {
  const ids = tx
    .selectFrom("credentials")
    .select("id")
    .where("family", "is not", null)
    .where("used_at", "<", before)
    .limit(limit);
  const rows = await tx.deleteFrom("credentials").where("id", "in", ids).returning("id").execute();
  return rows.length;
}

/** Removes at most `limit` workloads that were not seen since then; returns how many. */
export async function deleteUnseenWorkloads(
  tx: Tx,
  before: number,
  limit: number,
): Promise<number> {
  const ids = tx
    .selectFrom("credentials")
    .select("id")
    .where("issuer_id", "is not", null)
    .where("kind", "=", "workload")
    .where("created_at", "<", before)
    .where(({ eb, or }) => or([eb("last_used_at", "is", null), eb("last_used_at", "<", before)]))
    .limit(limit);
  const rows = await tx.deleteFrom("credentials").where("id", "in", ids).returning("id").execute();
  return rows.length;
}

/** When credentials and principals were last used. Times never go back. */
/** The latest of what several processes tell. */
export async function setLastUsed(
  tx: Tx,
  table: "credentials" | "principals",
  id: string,
  at: number,
): Promise<void> {
  await (table === "credentials" ? touchCredential : touchPrincipal)(tx, at, id);
}

const touchCredential = compiled((db, at: number, id: string) =>
  db
    .updateTable("credentials")
    .set({ last_used_at: at })
    .where("id", "=", id)
    .where(({ eb, or }) => or([eb("last_used_at", "is", null), eb("last_used_at", "<", at)])),
);
const touchPrincipal = compiled((db, at: number, id: string) =>
  db
    .updateTable("principals")
    .set({ last_used_at: at })
    .where("id", "=", id)
    .where(({ eb, or }) => or([eb("last_used_at", "is", null), eb("last_used_at", "<", at)])),
);

/** For the path of every request. */
export const prepareCredentialReads = perDatabase((db) => ({
  byId: db.prepare<CredentialRow>("select * from credentials where id = ?1"),
  byHash: db.prepare<CredentialRow>("select * from credentials where hash = ?1"),
}));
