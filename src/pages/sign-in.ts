import { openSession, type SessionProof } from "../accounts/sessions.ts";
import type { KnownPrincipal } from "../auth/principal.ts";
import { callOf, sessionCookie, type Visit } from "./visit.ts";

/** Opens a session for the user of that password. Returns its cookie; throws what `tell` can tell. */
export async function signIn(
  visit: Visit,
  name: string,
  password: string,
  proof: SessionProof = { with: "password" },
): Promise<string> {
  return await openFor(visit, await userOf(visit, name, password), proof);
}

/** Whose password it is: whether that is enough, somebody has still to ask. */
export async function userOf(
  { deps, context }: Visit,
  name: string,
  password: string,
): Promise<KnownPrincipal> {
  return await deps.authenticator.checkPassword(name, password, context.client);
}

/** Opens a session, and ends the one that the same browser had. Returns its cookie. */
export async function openFor(
  visit: Visit,
  user: KnownPrincipal,
  proof: SessionProof,
): Promise<string> {
  const secret = await openSession(visit.management, callOf(visit), user, {
    proof,
    earlier: visit.user,
    userAgent: visit.context.request.headers.get("user-agent") ?? "",
  });
  return sessionCookie(visit, secret);
}
