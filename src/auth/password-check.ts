import type { Database } from "../db/database.ts";
import type { PrincipalRow } from "../db/tables.ts";
import type { Clock } from "../lib/clock.ts";
import type { MaybePromise } from "../lib/maybe-promise.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { Log } from "../platform/log.ts";
import { createLoginThrottle } from "./login-throttle.ts";
import { hashPassword, isOutdated, verifyPassword } from "./passwords.ts";
import { replacePasswordHash, robotPrefix } from "./principal-store.ts";

export interface CheckedPassword {
  /** As of after the check; null where nobody has that name. */
  readonly row: PrincipalRow | null;
  readonly matches: boolean;
}

/**
 * Compares passwords, slowly and not too often. Takes as long for names that nobody has, and for
 * users without a password, as for the others.
 */
export interface PasswordCheck {
  /** Throws TOOMANYREQUESTS. */
  check(name: string, password: string, address: string): Promise<CheckedPassword>;
  /** Throws TOOMANYREQUESTS while there have been too many wrong ones. */
  assertNoWait(name: string, address: string): void;
}

export function createPasswordCheck(deps: {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Log;
  readonly find: (name: string) => MaybePromise<PrincipalRow | null>;
}): PasswordCheck {
  const { db, log } = deps;
  const throttle = createLoginThrottle(deps);

  async function find(name: string): Promise<PrincipalRow | null> {
    try {
      return await deps.find(name);
    } catch (cause) {
      throw new RegistryError("UNAVAILABLE", { cause });
    }
  }

  /** Passwords get stronger hashes as their owners come by: only they know them. */
  async function strengthen(row: PrincipalRow, password: string): Promise<void> {
    const { id, password_hash } = row;
    if (password_hash === null || !isOutdated(password_hash)) return;
    try {
      const hash = await hashPassword(password);
      await db.transaction((tx) => replacePasswordHash(tx, id, password_hash, hash));
    } catch (error) {
      log.warn("Cannot strengthen the hash of a password", { principal: id, error });
    }
  }

  return {
    assertNoWait: throttle.assertNoWait,
    async check(name, password, address) {
      // Robots have no passwords, whichever there are: nothing is told by leaving argon2 out.
      if (name.startsWith(robotPrefix)) return { row: await find(name), matches: false };
      const attempt = throttle.begin(name, address);
      let matches: boolean;
      let row: PrincipalRow | null;
      try {
        const before = await find(name);
        const hash = before?.password_hash ?? null;
        const isRight = await verifyPassword(password, hash);
        // It took a while: the password may have been changed, the user may have gone.
        row = await find(name);
        matches = isRight && row?.id === before?.id && row?.password_hash === hash;
      } catch (error) {
        attempt.withdrawn();
        throw error;
      }
      if (matches && row !== null) {
        attempt.succeeded();
        void strengthen(row, password);
      }
      return { row, matches };
    },
  };
}
