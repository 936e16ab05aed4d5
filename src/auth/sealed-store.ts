import type { Tx } from "../db/database.ts";
import { SealError, type SecretBox, sealedFor, sealedPrefix } from "./secret-box.ts";

/**
 * Seals at most `limit` rows again that an earlier key sealed, and returns how many: 0 when none is
 * left. Throws SealError when a signing key was sealed with a key that the box does not have.
 */
export async function resealSome(tx: Tx, box: SecretBox, limit: number): Promise<number> {
  const keys = await resealSigningKeys(tx, box, limit);
  return keys > 0 ? keys : await resealAnswers(tx, box, limit);
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
