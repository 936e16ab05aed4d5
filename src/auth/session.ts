import type { CredentialRow } from "../db/tables.ts";

/** A session of the pages ends when it was not used for so long, */
const sessionIdleMs = 12 * 60 * 60 * 1000;
/** and after so long whatever happens. */
export const sessionLongestMs = 7 * 24 * 60 * 60 * 1000;

/** `usedAt`: a use that is not in the row yet. */
export function isSessionOver(row: CredentialRow, now: number, usedAt: number | null): boolean {
  const lastUse = Math.max(row.created_at, row.last_used_at ?? 0, usedAt ?? 0);
  return now - lastUse >= sessionIdleMs || now - row.created_at >= sessionLongestMs;
}
