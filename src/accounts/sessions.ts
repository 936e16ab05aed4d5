import { change } from "../access/change.ts";
import type { ApiCall, Management } from "../access/endpoint.ts";
import { deleteCredential, insertCredential, listCredentials } from "../auth/credential-store.ts";
import type { KnownPrincipal } from "../auth/principal.ts";
import { findPrincipal } from "../auth/principal-store.ts";
import { sessionLongestMs } from "../auth/session.ts";
import type { Tx } from "../db/database.ts";
import { makeSecret } from "../lib/secret-text.ts";
import { RegistryError } from "../oci/registry-error.ts";

/** Of one user: whoever signs in once more ends the oldest. */
const sessionsMax = 50;
/** Characters of a User-Agent. */
const agentLengthMax = 200;

/** What a session is opened by. */
export interface SessionProof {
  /** For the audit. `session`: one that ends with this, of who changed their password. */
  readonly with:
    | "password"
    | "provider"
    | "session"
    | "passkey"
    | "password and passkey"
    | "password and recovery code";
  /** Uses up what proves it, in the transaction of the session. What it returns goes into the audit. */
  readonly spend?: (tx: Tx) => Promise<Readonly<Record<string, unknown>>>;
}

/**
 * Opens a session of the pages for who just proved who they are. `earlier` is who they were before in
 * the same browser: that session ends, so that nobody goes on with one that somebody else planted.
 * Returns its secret, for the cookie.
 */
export async function openSession(
  deps: Management,
  call: ApiCall,
  user: KnownPrincipal,
  {
    earlier,
    userAgent,
    proof,
  }: { earlier: KnownPrincipal | null; userAgent: string; proof: SessionProof },
): Promise<string> {
  const { text, hash } = makeSecret("berth_session_");
  const now = deps.clock.now();
  const entry = (spent: Readonly<Record<string, unknown>>) => ({
    ...{ action: "session.opened", resource: `user ${user.name}` },
    detail: { with: proof.with, ...spent },
  });
  await change(deps, { ...call, principal: user }, entry, async (tx) => {
    // The password may have been replaced since it was compared: its sessions have ended then.
    const row = await findPrincipal(tx, user.id);
    const isSame = row?.state === "active" && row.generation === user.generation;
    const isEnough = proof.with !== "password" || row?.second_factor === 0;
    if (!isSame || !isEnough) throw new RegistryError("UNAUTHORIZED");
    const spent = (await proof.spend?.(tx)) ?? {};
    const before = earlier?.credentialId ?? null;
    if (earlier !== null && before !== null) await deleteCredential(tx, before, earlier.id);
    await makeRoom(tx, user.id);
    await insertCredential(tx, {
      principalId: user.id,
      kind: "session",
      hash,
      description: plain(userAgent),
      expiresAt: now + sessionLongestMs,
      now,
      createdBy: user.id,
    });
    return spent;
  });
  return text;
}

async function makeRoom(tx: Tx, principalId: string): Promise<void> {
  const open = await listCredentials(tx, principalId, { kinds: ["session"], limit: sessionsMax });
  const oldest = open.length < sessionsMax ? undefined : open[0];
  if (oldest !== undefined) await deleteCredential(tx, oldest.id, principalId);
}

/** What a header says, without what a terminal would obey. */
function plain(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, "").slice(0, agentLengthMax);
}
