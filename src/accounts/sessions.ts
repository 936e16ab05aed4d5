import { change } from "../access/change.ts";
import type { ApiCall, Management } from "../access/endpoint.ts";
import { deleteCredential, insertCredential, listCredentials } from "../auth/credential-store.ts";
import { sessionLongestMs } from "../auth/session.ts";
import type { Tx } from "../db/database.ts";
import { makeSecret } from "../lib/secret-text.ts";

/** Of one user: whoever signs in once more ends the oldest. */
const sessionsMax = 50;
/** Characters of a User-Agent. */
const agentLengthMax = 200;

/** Who just proved who they are. */
export interface SignedIn {
  readonly id: string;
  readonly name: string;
  /** Of the session that they had before, which ends: nobody goes on with what somebody else planted. */
  readonly earlierSessionId: string | null;
}

/** Opens a session of the pages. Returns its secret, for the cookie. */
export async function openSession(
  deps: Management,
  call: ApiCall,
  { id, name, earlierSessionId }: SignedIn,
  userAgent: string,
): Promise<string> {
  const { text, hash } = makeSecret("berth_session_");
  const now = deps.clock.now();
  await change(deps, call, { action: "session.opened", resource: `user ${name}` }, async (tx) => {
    if (earlierSessionId !== null) await deleteCredential(tx, earlierSessionId, id);
    await makeRoom(tx, id);
    await insertCredential(tx, {
      principalId: id,
      kind: "session",
      hash,
      description: plain(userAgent),
      expiresAt: now + sessionLongestMs,
      now,
      createdBy: id,
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
