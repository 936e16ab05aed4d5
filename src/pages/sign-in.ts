import { openSession } from "../accounts/sessions.ts";
import { callOf, sessionCookie, type Visit } from "./visit.ts";

/** Opens a session for the user of that password. Returns its cookie; throws what `tell` can tell. */
export async function signIn(visit: Visit, name: string, password: string): Promise<string> {
  const { deps, management, context } = visit;
  const user = await deps.authenticator.checkPassword(name, password, context.client);
  const secret = await openSession(management, callOf(visit), user, {
    earlier: visit.user,
    userAgent: context.request.headers.get("user-agent") ?? "",
  });
  return sessionCookie(visit, secret);
}
