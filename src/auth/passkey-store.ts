import { sql } from "kysely";
import type { Reads, Tx } from "../db/database.ts";
import type { PasskeyQuestionRow, PasskeyRow } from "../db/tables.ts";

/** Rows that an insert removes: more than one that is over for each that comes. */
const batchRows = 100;

export async function insertPasskey(tx: Tx, row: PasskeyRow): Promise<void> {
  await tx.insertInto("passkeys").values(row).execute();
}

/** Of one user, in the order in which they were added. */
export async function listPasskeys(
  reads: Reads,
  principalId: string,
  limit: number,
): Promise<PasskeyRow[]> {
  return await reads
    .selectFrom("passkeys")
    .selectAll()
    .where("principal_id", "=", principalId)
    .orderBy("id")
    .limit(limit)
    .execute();
}

/** By what the device calls it. */
export async function findPasskey(reads: Reads, credentialId: string): Promise<PasskeyRow | null> {
  const row = await reads
    .selectFrom("passkeys")
    .selectAll()
    .where("credential_id", "=", credentialId)
    .executeTakeFirst();
  return row ?? null;
}

/** Notes a use. False where the passkey is gone, or was used meanwhile with this count or a later one. */
export async function usePasskey(
  tx: Tx,
  { id, counter: before }: Pick<PasskeyRow, "id" | "counter">,
  counter: number,
  now: number,
): Promise<boolean> {
  const row = await tx
    .updateTable("passkeys")
    .set({ counter, last_used_at: now })
    .where("id", "=", id)
    .where("counter", "=", before)
    .returning("id")
    .executeTakeFirst();
  return row !== undefined;
}

/** Whether the user had one of this id. */
export async function deletePasskey(tx: Tx, principalId: string, id: string): Promise<boolean> {
  const row = await tx
    .deleteFrom("passkeys")
    .where("id", "=", id)
    .where("principal_id", "=", principalId)
    .returning("id")
    .executeTakeFirst();
  return row !== undefined;
}

/** Returns how many there were. */
export async function deletePasskeysOf(tx: Tx, principalId: string): Promise<number> {
  const rows = await tx
    .deleteFrom("passkeys")
    .where("principal_id", "=", principalId)
    .returning("id")
    .execute();
  return rows.length;
}

/** In place of those that there were. */
export async function replaceRecoveryCodes(
  tx: Tx,
  principalId: string,
  hashes: readonly string[],
  now: number,
): Promise<void> {
  await tx.deleteFrom("recovery_codes").where("principal_id", "=", principalId).execute();
  if (hashes.length === 0) return;
  const rows = hashes.map((hash) => ({ hash, principal_id: principalId, created_at: now }));
  await tx.insertInto("recovery_codes").values(rows).execute();
}

export async function countRecoveryCodes(reads: Reads, principalId: string): Promise<number> {
  const { count } = await reads
    .selectFrom("recovery_codes")
    .select(({ fn }) => fn.countAll<number>().as("count"))
    .where("principal_id", "=", principalId)
    .executeTakeFirstOrThrow();
  return Number(count);
}

/** Whether it was there: it is good once. */
export async function takeRecoveryCode(
  tx: Tx,
  principalId: string,
  hash: string,
): Promise<boolean> {
  const row = await tx
    .deleteFrom("recovery_codes")
    .where("hash", "=", hash)
    .where("principal_id", "=", principalId)
    .returning("hash")
    .executeTakeFirst();
  return row !== undefined;
}

/** In place of an earlier one of the same hash. */
export async function insertQuestion(tx: Tx, row: PasskeyQuestionRow): Promise<void> {
  await deleteOldQuestions(tx, row.created_at, batchRows);
  await deleteQuestion(tx, row.hash);
  await tx.insertInto("passkey_questions").values(row).execute();
}

/** Ends the oldest of the user's above `most`. */
export async function deleteSurplusQuestions(
  tx: Tx,
  principalId: string,
  most: number,
): Promise<void> {
  const surplus = tx
    .selectFrom("passkey_questions")
    .select("hash")
    .where("principal_id", "=", principalId)
    .where("kind", "=", "second")
    .orderBy("created_at", "desc")
    .limit(batchRows)
    .offset(most);
  await tx.deleteFrom("passkey_questions").where("hash", "in", surplus).execute();
}

/** Whether as many wait already of who has not said who they are: of that network, or in all. */
export async function isFullOfQuestions(
  reads: Reads,
  { network, now }: { readonly network: string; readonly now: number },
  { perNetworkMax, openMax }: { readonly perNetworkMax: number; readonly openMax: number },
): Promise<boolean> {
  const open = reads
    .selectFrom("passkey_questions")
    .select("hash")
    .where("kind", "=", "alone")
    .where("expires_at", ">", now);
  const ofNetwork = await open.where("network", "=", network).limit(perNetworkMax).execute();
  if (ofNetwork.length >= perNetworkMax) return true;
  const inAll = await reads
    .selectFrom(open.limit(openMax).as("open"))
    .select(({ fn }) => fn.countAll<number>().as("count"))
    .executeTakeFirstOrThrow();
  return Number(inAll.count) >= openMax;
}

/** Those whose time is over too. */
export async function findQuestion(reads: Reads, hash: string): Promise<PasskeyQuestionRow | null> {
  const row = await reads
    .selectFrom("passkey_questions")
    .selectAll()
    .where("hash", "=", hash)
    .executeTakeFirst();
  return row ?? null;
}

/** Asks anew: the earlier challenge counts no more. */
export async function askAgain(tx: Tx, hash: string, challenge: string): Promise<void> {
  await tx.updateTable("passkey_questions").set({ challenge }).where("hash", "=", hash).execute();
}

/** Whether it was still unanswered: a challenge is good for one answer, a wrong one too. */
export async function takeChallenge(tx: Tx, hash: string, challenge: string): Promise<boolean> {
  const row = await tx
    .updateTable("passkey_questions")
    .set({ challenge: sql<null>`null` })
    .where("hash", "=", hash)
    .where("challenge", "=", challenge)
    .returning("hash")
    .executeTakeFirst();
  return row !== undefined;
}

/** Whether it was there. */
export async function deleteQuestion(tx: Tx, hash: string): Promise<boolean> {
  const row = await tx
    .deleteFrom("passkey_questions")
    .where("hash", "=", hash)
    .returning("hash")
    .executeTakeFirst();
  return row !== undefined;
}

/** Removes at most `limit` whose time was over before then; returns how many. */
export async function deleteOldQuestions(tx: Tx, before: number, limit: number): Promise<number> {
  const old = tx
    .selectFrom("passkey_questions")
    .select("hash")
    .where("expires_at", "<", before)
    .limit(limit);
  const query = tx.deleteFrom("passkey_questions").where("hash", "in", old);
  return (await query.returning("hash").execute()).length;
}
