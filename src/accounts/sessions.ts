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

/**
 * Opens a session of the pages for who just proved who they are. `earlier` is who they were before in
 * the same browser: that session ends, so that nobody goes on with one that somebody else planted.
 * Returns its secret, for the cookie.
 */
export async function openSession(
  deps: Management,
  call: ApiCall,
  user: KnownPrincipal,
  { earlier, userAgent }: { earlier: KnownPrincipal | null; userAgent: string },
): Promise<string> {
  const { text, hash } = makeSecret("berth_session_");
  const now = deps.clock.now();
  const entry = { action: "session.opened", resource: `user ${user.name}` };
  await change(deps, { ...call, principal: user }, entry, async (tx) => {
    // The password may have been replaced since it was compared: its sessions have ended then.
    const row = await findPrincipal(tx, user.id);
    const isSame = row?.state === "active" && row.generation === user.generation;
    if (!isSame) throw new RegistryError("UNAUTHORIZED");
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
