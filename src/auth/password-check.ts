import type { Database } from "../db/database.ts";
import type { PrincipalRow } from "../db/tables.ts";
import { assertNever } from "../lib/assert.ts";
import { type Clock, systemClock } from "../lib/clock.ts";
import type { MaybePromise } from "../lib/maybe-promise.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { Log } from "../platform/log.ts";
import type { Directories } from "./directories.ts";
import { createLoginThrottle } from "./login-throttle.ts";
import { hashPassword, isOutdated, verifyPassword } from "./passwords.ts";
import { replacePasswordHash, robotPrefix } from "./principal-store.ts";

export interface CheckedPassword {
  /** As of after the check; null where nobody has that name. */
  readonly row: PrincipalRow | null;
  readonly matches: boolean;
  /** What `Directories.state` was, where one of them took it; null for a password that is kept here. */
  readonly directories: string | null;
}

/**
 * So long a refusal takes where there are directories: by how they answer it would be told who is in them,
 * and who has a password here.
 */
const refusalMs = 1_000;

/**
 * Compares passwords, slowly and not too often. Takes as long for names that nobody has, and for
 * users without a password, as for the others.
 */
export interface PasswordCheck {
  /** Throws TOOMANYREQUESTS, and UNAVAILABLE while who may know the password cannot be asked. */
  check(name: string, password: string, address: string): Promise<CheckedPassword>;
  /** Throws TOOMANYREQUESTS while there have been too many wrong ones. */
  assertNoWait(name: string, address: string): void;
  /** Does what ends in a sign-in or in UNAUTHORIZED, whichever of its reasons that has: see `refusalMs`. */
  refusingLate<T>(work: () => Promise<T>): Promise<T>;
}

/** `isWrong`: somebody said no already. */
interface Unchecked {
  readonly isWrong: boolean;
  readonly error: RegistryError;
}

export function createPasswordCheck(deps: {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Log;
  readonly find: (name: string) => MaybePromise<PrincipalRow | null>;
  readonly directories: Directories;
}): PasswordCheck {
  const { db, log, directories } = deps;
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

  async function compare(
    name: string,
    password: string,
    address: string,
  ): Promise<CheckedPassword | Unchecked> {
    const before = await find(name);
    const hash = before?.password_hash ?? null;
    const state = await directories.state();
    const isRight = (hash !== null || state === "") && (await verifyPassword(password, hash));
    // It took a while: the password may have been changed, the user may have gone.
    const row = await find(name);
    const matches = isRight && row?.id === before?.id && row?.password_hash === hash;
    if (matches || state === "" || row?.kind === "robot") {
      return { row, matches, directories: null };
    }
    const answer = await directories.check({ name, known: row, password, address });
    switch (answer.kind) {
      case "right":
        return { row: answer.row, matches: true, directories: state };
      case "wrong":
        return { row, matches: false, directories: null };
      case "away":
        return { isWrong: answer.isWrong || hash !== null, error: answer.error };
      default:
        return assertNever(answer);
    }
  }

  async function isAnybodyAsked(): Promise<boolean> {
    return await directories.state().then(
      (state) => state !== "",
      () => true,
    );
  }

  return {
    assertNoWait: throttle.assertNoWait,
    async check(name, password, address) {
      // Robots have no passwords, whichever there are: nothing is told by leaving argon2 out.
      if (name.startsWith(robotPrefix)) {
        return { row: await find(name), matches: false, directories: null };
      }
      const attempt = throttle.begin(name, address);
      const checked = await compare(name, password, address).catch((error: unknown) => {
        attempt.withdrawn();
        throw error;
      });
      if ("error" in checked) {
        if (!checked.isWrong) attempt.withdrawn();
        throw checked.error;
      }
      const { row, matches, directories: state } = checked;
      if (matches && row !== null) {
        attempt.succeeded();
        if (state === null) void strengthen(row, password);
      }
      return checked;
    },
    async refusingLate(work) {
      const began = systemClock.monotonic();
      try {
        return await work();
      } catch (error) {
        const isRefusal = error instanceof RegistryError && error.code === "UNAUTHORIZED";
        if (isRefusal && (await isAnybodyAsked())) {
          const over = began + refusalMs - systemClock.monotonic();
          if (over > 0) await new Promise<void>((resolve) => setTimeout(resolve, over));
        }
        throw error;
      }
    },
  };
}
