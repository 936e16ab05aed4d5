import type { Tx } from "../db/database.ts";
import { SealError, type SecretBox, sealedFor, sealedPrefix } from "./secret-box.ts";

/**
 * Seals at most `limit` rows again that an earlier key sealed, and returns how many: 0 when none is
 * left. Throws SealError when a signing key, or a secret of a webhook or a client, was sealed with a key that the
 * box does not have.
 */
export async function resealSome(tx: Tx, box: SecretBox, limit: number): Promise<number> {
  for (const reseal of [resealSigningKeys, resealWebhooks, resealClientSecrets, resealAnswers]) {
    const rows = await reseal(tx, box, limit);
    if (rows > 0) return rows;
  }
  return 0;
}

async function resealSigningKeys(tx: Tx, box: SecretBox, limit: number): Promise<number> {
  const rows = await tx
    .selectFrom("signing_keys")
    .select(["id", "private_key"])
    .where("private_key", "not like", `${sealedPrefix(box)}%`)
    .limit(limit)
    .execute();
  for (const { id, private_key } of rows) {
    const purpose = sealedFor.signingKey(id);
    const sealed = box.seal(box.open(private_key, purpose), purpose);
    await tx
      .updateTable("signing_keys")
      .set({ private_key: sealed })
      .where("id", "=", id)
      .execute();
  }
  return rows.length;
}

async function resealWebhooks(tx: Tx, box: SecretBox, limit: number): Promise<number> {
  const rows = await tx
    .selectFrom("webhooks")
    .select(["id", "secret"])
    .where("secret", "not like", `${sealedPrefix(box)}%`)
    .limit(limit)
    .execute();
  for (const { id, secret } of rows) {
    const purpose = sealedFor.webhook(id);
    const sealed = box.seal(box.open(secret, purpose), purpose);
    await tx.updateTable("webhooks").set({ secret: sealed }).where("id", "=", id).execute();
  }
  return rows.length;
}

async function resealClientSecrets(tx: Tx, box: SecretBox, limit: number): Promise<number> {
  const rows = await tx
    .selectFrom("providers")
    .select(["id", "client_secret"])
    .where("client_secret", "is not", null)
    .where("client_secret", "not like", `${sealedPrefix(box)}%`)
    .limit(limit)
    .execute();
  for (const { id, client_secret } of rows) {
    const purpose = sealedFor.clientSecret(id);
    const sealed = box.seal(box.open(client_secret ?? "", purpose), purpose);
    await tx.updateTable("providers").set({ client_secret: sealed }).where("id", "=", id).execute();
  }
  return rows.length;
}

async function resealAnswers(tx: Tx, box: SecretBox, limit: number): Promise<number> {
  const rows = await tx
    .selectFrom("idempotency_keys")
    .select(["principal_id", "key", "answer"])
    .where("answer", "not like", `${sealedPrefix(box)}%`)
    .limit(limit)
    .execute();
  for (const { principal_id, key, answer } of rows) {
    const row = { principal_id, key };
    const sealed = resealAnswer(box, answer);
    if (sealed === null) await deleteAnswer(tx, row);
    else await updateAnswer(tx, row, sealed);
  }
  return rows.length;
}

/** Null for what cannot be opened: an answer is kept for a day as a convenience, and may be forgotten. */
function resealAnswer(box: SecretBox, answer: string): string | null {
  const purpose = sealedFor.idempotencyAnswer;
  try {
    return box.seal(box.open(answer, purpose), purpose);
  } catch (error) {
    if (error instanceof SealError) return null;
    throw error;
  }
}

interface AnswerKey {
  readonly principal_id: string;
  readonly key: string;
}

async function deleteAnswer(tx: Tx, { principal_id, key }: AnswerKey): Promise<void> {
  await tx
    .deleteFrom("idempotency_keys")
    .where("principal_id", "=", principal_id)
    .where("key", "=", key)
    .execute();
}

async function updateAnswer(tx: Tx, row: AnswerKey, answer: string): Promise<void> {
  await tx
    .updateTable("idempotency_keys")
    .set({ answer })
    .where("principal_id", "=", row.principal_id)
    .where("key", "=", row.key)
    .execute();
}
