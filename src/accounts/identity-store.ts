import type { Reads, Tx } from "../db/database.ts";
import type { IdentityRow } from "../db/tables.ts";
import { uuidv7 } from "../lib/random.ts";

/** Ways of one account to sign in that are looked at. */
const waysInMax = 100;

/** Characters (OpenID Connect Core §2); of a directory as many. */
export const subjectLengthMax = 255;

/** Somebody at a provider: the two together never mean another person (OpenID Connect Core §2). */
export interface Subject {
  readonly issuer: string;
  readonly subject: string;
}

export async function findIdentity(reads: Reads, of: Subject): Promise<IdentityRow | null> {
  const row = await reads
    .selectFrom("identities")
    .selectAll()
    .where("issuer", "=", of.issuer)
    .where("subject", "=", of.subject)
    .executeTakeFirst();
  return row ?? null;
}

/** It must be nobody's. */
export async function insertIdentity(
  tx: Tx,
  identity: Subject & {
    readonly principalId: string;
    readonly now: number;
    readonly createdBy: string | null;
  },
): Promise<IdentityRow> {
  const row: IdentityRow = {
    id: uuidv7(),
    issuer: identity.issuer,
    subject: identity.subject,
    principal_id: identity.principalId,
    gone_at: null,
    created_at: identity.now,
    created_by: identity.createdBy,
  };
  await tx.insertInto("identities").values(row).execute();
  return row;
}

/** After an id, in the order in which they came. */
export async function listIdentities(
  reads: Reads,
  principalId: string,
  page: { readonly after: string; readonly limit: number },
): Promise<IdentityRow[]> {
  return await reads
    .selectFrom("identities")
    .selectAll()
    .where("principal_id", "=", principalId)
    .where("id", ">", page.after)
    .orderBy("id")
    .limit(page.limit)
    .execute();
}

/** Of one issuer, after an id. */
export async function listIdentitiesOf(
  reads: Reads,
  issuer: string,
  page: { readonly after: string; readonly limit: number },
): Promise<IdentityRow[]> {
  return await reads
    .selectFrom("identities")
    .selectAll()
    .where("issuer", "=", issuer)
    .where("id", ">", page.after)
    .orderBy("id")
    .limit(page.limit)
    .execute();
}

/** By which a principal signs in, the oldest first. */
export async function listWaysIn(reads: Reads, principalId: string): Promise<IdentityRow[]> {
  return await listIdentities(reads, principalId, { after: "", limit: waysInMax });
}

/** In place of a time: an administrator enabled the account since, so no directory disables it. */
export const goneButEnabled = 0;

/** When it was found that a directory has them no more. */
export async function setGone(tx: Tx, id: string, at: number): Promise<void> {
  await tx.updateTable("identities").set({ gone_at: at }).where("id", "=", id).execute();
}

/** A directory has them again. False where it is not gone as it was read: somebody was faster. */
export async function setThere(tx: Tx, { id, gone_at }: IdentityRow): Promise<boolean> {
  const row = await tx
    .updateTable("identities")
    .set({ gone_at: null })
    .where("id", "=", id)
    .where("gone_at", "=", gone_at)
    .returning("id")
    .executeTakeFirst();
  return row !== undefined;
}

/** An administrator has said whether the account is to be used: no directory says otherwise later. */
export async function settleGone(
  tx: Tx,
  principalId: string,
  said: "enabled" | "disabled",
): Promise<void> {
  await tx
    .updateTable("identities")
    .set({ gone_at: said === "enabled" ? goneButEnabled : null })
    .where("principal_id", "=", principalId)
    .where("gone_at", "is not", null)
    .execute();
}

/** Null when the principal has none of this id. */
export async function deleteIdentity(
  tx: Tx,
  id: string,
  principalId: string,
): Promise<IdentityRow | null> {
  const row = await tx
    .deleteFrom("identities")
    .where("id", "=", id)
    .where("principal_id", "=", principalId)
    .returningAll()
    .executeTakeFirst();
  return row ?? null;
}
