import type { Tx } from "../db/database.ts";
import type { CredentialRow } from "../db/tables.ts";
import { makeSecret } from "../lib/secret-text.ts";
import { insertCredential } from "./credential-store.ts";

/** A session of the pages ends when it was not used for so long, */
export const sessionIdleMs = 12 * 60 * 60 * 1000;
/** and after so long whatever happens. */
export const sessionLongestMs = 7 * 24 * 60 * 60 * 1000;

export interface OpenedSession {
  /** For the cookie; it is not kept. */
  readonly text: string;
  readonly credential: CredentialRow;
}

/** `usedAt`: a use that is not in the row yet. */
export function isSessionOver(row: CredentialRow, now: number, usedAt: number | null): boolean {
  const lastUse = Math.max(row.created_at, row.last_used_at ?? 0, usedAt ?? 0);
  return now - lastUse >= sessionIdleMs || now - row.created_at >= sessionLongestMs;
}

/** A new secret at each sign-in, so that one planted before is worth nothing. Ended by `deleteCredential`. */
export async function openSession(
  tx: Tx,
  session: { principalId: string; description: string; now: number },
): Promise<OpenedSession> {
  const { principalId, description, now } = session;
  const { text, hash } = makeSecret("berth_session_");
  const credential = await insertCredential(tx, {
    principalId,
    kind: "session",
    hash,
    description,
    expiresAt: now + sessionLongestMs,
    createdBy: principalId,
    now,
  });
  return { text, credential };
}
