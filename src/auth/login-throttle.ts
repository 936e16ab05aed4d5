import { LRUCache } from "lru-cache";
import type { Clock } from "../lib/clock.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { networkOf } from "./network.ts";

/** Wrong passwords for one account from one network before anybody has to wait. */
const freeFailures = 5;
const firstWaitMs = 1_000;
const longestWaitMs = 15 * 60 * 1_000;
/** After so long without a wrong password they are forgotten. */
const forgetAfterMs = 60 * 60 * 1_000;
/** Wrong passwords from one network, whatever the accounts. */
const networkFailuresMax = 30;
const networkWindowMs = 60_000;
/** Accounts and networks that are remembered: some 5 MB at most. */
const rememberedMax = 20_000;

/**
 * Slows down guessing. Only passwords are counted, and an account only for the network that guesses
 * at it: nobody can lock out somebody else, nor any token or robot.
 */
export interface LoginThrottle {
  /**
   * Throws TOOMANYREQUESTS with Retry-After, in the same words for accounts that do not exist. Else
   * the attempt counts as wrong until it is told otherwise, so that many at once do not slip through.
   */
  begin(account: string, address: string): Attempt;
  /** Throws the same while the account has to wait in that network. Counts nothing. */
  assertNoWait(account: string, address: string): void;
}

export interface Attempt {
  /** The password was right: earlier wrong ones of this account and network are forgotten. */
  succeeded(): void;
  /** It was not looked at. */
  withdrawn(): void;
}

interface Failures {
  count: number;
  /** Monotonic milliseconds of the last one. */
  lastAt: number;
  /** Monotonic milliseconds, before which there is no next attempt. */
  waitUntil: number;
}

interface Window {
  startedAt: number;
  count: number;
}

/** `what` is guessed at, in words. Default: a password. */
export function createLoginThrottle({
  clock,
  what = "password",
}: {
  readonly clock: Clock;
  readonly what?: string;
}): LoginThrottle {
  const accounts = new LRUCache<string, Failures>({ max: rememberedMax });
  const networks = new LRUCache<string, Window>({ max: rememberedMax });

  function windowOf(network: string, now: number): Window {
    const found = networks.get(network);
    if (found !== undefined && now - found.startedAt < networkWindowMs) return found;
    const window = { startedAt: now, count: 0 };
    networks.set(network, window);
    return window;
  }

  function failuresOf(key: string, now: number): Failures {
    const found = accounts.get(key);
    if (found !== undefined && now - found.lastAt < forgetAfterMs) return found;
    return { count: 0, lastAt: now, waitUntil: 0 };
  }

  function keyOf(account: string, network: string): string {
    return `${network} ${folded(account).slice(0, accountLengthMax)}`;
  }

  return {
    assertNoWait(account, address) {
      if (accounts.size === 0) return;
      const waitUntil = accounts.get(keyOf(account, networkOf(address)))?.waitUntil ?? 0;
      const now = clock.monotonic();
      if (waitUntil > now) throw wait(what, waitUntil - now);
    },
    begin(account, address) {
      const now = clock.monotonic();
      const network = networkOf(address);
      const key = keyOf(account, network);
      const failures = failuresOf(key, now);
      if (failures.waitUntil > now) throw wait(what, failures.waitUntil - now);
      const window = windowOf(network, now);
      if (window.count >= networkFailuresMax) {
        throw wait(what, window.startedAt + networkWindowMs - now);
      }
      window.count += 1;
      failures.count += 1;
      failures.lastAt = now;
      failures.waitUntil = now + waitAfter(failures.count);
      accounts.set(key, failures);
      return {
        succeeded() {
          window.count -= 1;
          accounts.delete(key);
        },
        withdrawn() {
          window.count -= 1;
          failures.count -= 1;
          failures.waitUntil = 0;
        },
      };
    },
  };
}

/** Names are at most 64 characters long; what is longer is nobody, and fills no memory. */
const accountLengthMax = 64;

/**
 * Directories compare names without case, marks, characters that nobody sees, and spaces beside others or
 * outside (RFC 4518 §2): else each spelling of one could be guessed at anew.
 */
function folded(account: string): string {
  return account
    .normalize("NFKD")
    .replace(/[\p{M}\p{C}\ufffc]/gu, "")
    .replace(/\s+/g, " ")
    .trim()
    .toLowerCase();
}

function waitAfter(failures: number): number {
  if (failures < freeFailures) return 0;
  return Math.min(longestWaitMs, firstWaitMs * 2 ** Math.min(failures - freeFailures, 20));
}

function wait(what: string, ms: number): RegistryError {
  const seconds = Math.max(1, Math.ceil(ms / 1000));
  return new RegistryError("TOOMANYREQUESTS", {
    message: `too many sign-ins with a wrong ${what}: try again in ${seconds} s`,
    headers: { "retry-after": String(seconds) },
  });
}
