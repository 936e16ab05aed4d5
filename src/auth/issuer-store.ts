import { sql } from "kysely";
import { perDatabase } from "../db/compiled.ts";
import type { Reads, Tx } from "../db/database.ts";
import type { IssuerRow } from "../db/tables.ts";
import { uuidv7 } from "../lib/random.ts";

export interface NewIssuer {
  readonly name: string;
  readonly url: string;
  readonly audiences: readonly string[];
  /** A JSON Web Key Set; null: what the issuer publishes. */
  readonly jwks: object | null;
  readonly inner: boolean;
  readonly description: string;
  readonly now: number;
  readonly createdBy: string | null;
}

/** Name and URL must be free. */
export async function insertIssuer(tx: Tx, issuer: NewIssuer): Promise<IssuerRow> {
  const row: IssuerRow = {
    id: uuidv7(),
    name: issuer.name,
    url: issuer.url,
    audiences: JSON.stringify(issuer.audiences),
    jwks: issuer.jwks === null ? null : JSON.stringify(issuer.jwks),
    allows_inner: issuer.inner ? 1 : 0,
    description: issuer.description,
    created_at: issuer.now,
    created_by: issuer.createdBy,
    version: 1,
  };
  await tx.insertInto("issuers").values(row).execute();
  return row;
}

export async function findIssuerByName(reads: Reads, name: string): Promise<IssuerRow | null> {
  const row = await reads
    .selectFrom("issuers")
    .selectAll()
    .where("name", "=", name)
    .executeTakeFirst();
  return row ?? null;
}

export async function findIssuerByUrl(reads: Reads, url: string): Promise<IssuerRow | null> {
  const row = await reads
    .selectFrom("issuers")
    .selectAll()
    .where("url", "=", url)
    .executeTakeFirst();
  return row ?? null;
}

/** By name, after one, in byte order. */
export async function listIssuers(
  reads: Reads,
  page: { readonly after: string; readonly limit: number },
): Promise<IssuerRow[]> {
  return await reads
    .selectFrom("issuers")
    .selectAll()
    .where("name", ">", page.after)
    .orderBy("name")
    .limit(page.limit)
    .execute();
}

export interface IssuerChanges {
  readonly audiences?: readonly string[] | undefined;
  readonly jwks?: object | null | undefined;
  readonly inner?: boolean | undefined;
  readonly description?: string | undefined;
}

/** Null when there is none of this id. */
export async function updateIssuer(
  tx: Tx,
  id: string,
  changes: IssuerChanges,
): Promise<IssuerRow | null> {
  const { audiences, jwks, inner, description } = changes;
  const row = await tx
    .updateTable("issuers")
    .set({
      ...(audiences === undefined ? {} : { audiences: JSON.stringify(audiences) }),
      ...(jwks === undefined ? {} : { jwks: jwks === null ? null : JSON.stringify(jwks) }),
      ...(inner === undefined ? {} : { allows_inner: inner ? 1 : 0 }),
      ...(description === undefined ? {} : { description }),
      version: sql`version + 1`,
    })
    .where("id", "=", id)
    .returningAll()
    .executeTakeFirst();
  return row ?? null;
}

/** With the rules for its tokens, and whatever signed in by them. */
export async function deleteIssuer(tx: Tx, id: string): Promise<void> {
  await endWorkloads(tx, { issuerId: id });
  await tx.deleteFrom("trusts").where("issuer_id", "=", id).execute();
  await tx.deleteFrom("issuers").where("id", "=", id).execute();
}

/** Ends what came of sign-ins with tokens of the issuer, as one robot or as any. */
export async function endWorkloads(
  tx: Tx,
  of: { readonly issuerId: string; readonly principalId?: string },
): Promise<void> {
  let query = tx.deleteFrom("credentials").where("issuer_id", "=", of.issuerId);
  if (of.principalId !== undefined) query = query.where("principal_id", "=", of.principalId);
  await query.execute();
}

/** For each sign-in with an identity token. */
export const prepareIssuerReads = perDatabase((db) => ({
  byUrl: db.prepare<IssuerRow>("select * from issuers where url = ?1"),
}));
