import { change } from "../access/change.ts";
import type { ApiCall, Management } from "../access/endpoint.ts";
import { conflict } from "../access/unknown.ts";
import { createLoginThrottle, type LoginThrottle } from "../auth/login-throttle.ts";
import { hashPassword, verifyPassword } from "../auth/passwords.ts";
import type { KnownPrincipal } from "../auth/principal.ts";
import { endEverythingIssued, findPrincipal, updatePrincipal } from "../auth/principal-store.ts";
import type { PrincipalRow } from "../db/tables.ts";
import { RegistryError } from "../oci/registry-error.ts";

/**
 * The user whose account the caller manages. Throws DENIED for whoever has none, and for a token:
 * what one may do with it must not outlive it.
 */
export function ownUser({ principal }: ApiCall): KnownPrincipal {
  if (principal.kind !== "user") {
    throw new RegistryError("DENIED", {
      message: "only a user has an account of their own: name the user instead",
    });
  }
  if (principal.credentialKind !== "password" && principal.credentialKind !== "session") {
    throw new RegistryError("DENIED", {
      message: "an account is managed with its password or a session, not with a token",
    });
  }
  return principal;
}

/**
 * Changes one's own password: who sits at somebody else's open browser does not know the current one.
 * All sessions end, the caller's too. Throws DENIED when the current one is wrong, and 429 for who
 * guesses at it.
 */
export async function changeOwnPassword(
  deps: Management,
  call: ApiCall,
  user: KnownPrincipal,
  { current, next }: { current: string; next: string },
): Promise<undefined> {
  const before = await assertOwnPassword(deps, call, user, current);
  const passwordHash = await hashPassword(next);
  const entry = {
    action: "user.password_set",
    resource: `user ${user.name}`,
    detail: { own: true },
  };
  return await change(deps, call, entry, async (tx) => {
    // An administrator may have set another one, or sent the user away, while this one was hashed.
    const row = await findPrincipal(tx, user.id);
    const isSame = row?.state === "active" && row.password_hash === before.password_hash;
    if (!isSame) throw conflict("the account was changed meanwhile: sign in again");
    await updatePrincipal(tx, user.id, { password_hash: passwordHash });
    await endEverythingIssued(tx, user.id);
    return undefined;
  });
}

/**
 * Asks for the password once more, for what would outlive the session of an open browser. Returns the user as
 * they were before. Throws DENIED when it is another one, and 429 for who guesses at it.
 */
export async function assertOwnPassword(
  deps: Management,
  call: ApiCall,
  user: KnownPrincipal,
  current: string,
): Promise<PrincipalRow> {
  const row = await findPrincipal(deps.db.reads, user.id);
  const attempt = throttleOf(deps).begin(user.name, call.address);
  if (!(await verifyPassword(current, row?.password_hash ?? null)) || row === null) {
    throw new RegistryError("DENIED", { message: "the current password is another one" });
  }
  attempt.succeeded();
  return row;
}

function throttleOf(deps: Management): LoginThrottle {
  let throttle = throttles.get(deps);
  if (throttle === undefined) {
    throttle = createLoginThrottle(deps);
    throttles.set(deps, throttle);
  }
  return throttle;
}

const throttles = new WeakMap<Management, LoginThrottle>();
