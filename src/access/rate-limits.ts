import { LRUCache } from "lru-cache";
import { createAccessVersion } from "../auth/access-version-store.ts";
import { networkOf } from "../auth/network.ts";
import type { Principal } from "../auth/principal.ts";
import type { Database } from "../db/database.ts";
import type { Clock } from "../lib/clock.ts";
import type { MaybePromise } from "../lib/maybe-promise.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { type Counted, prepareRateLimits, type RateLimit } from "./rate-limit-store.ts";

/** Networks and principals whose use is remembered, for pulls and requests each; some 150 bytes apiece. */
const networksMax = 40_000;
const principalsMax = 10_000;

/** As Docker Hub has them: `ratelimit-limit: 100;w=21600`. */
type LimitHeaders = Record<string, string>;

/**
 * How often who may pull and ask, by the table rate_limits: a limit of the user or robot itself, else
 * that of all users, all robots, or of an anonymous client's network. Each is a bucket of `amount`
 * that refills evenly over its window, kept in memory: a restart fills them all. The operator and
 * who has no limit pass.
 */
export interface RateLimits {
  /** Counts one. Throws TOOMANYREQUESTS with Retry-After. Returns headers for the answer, or null. */
  take(
    what: Counted,
    principal: Principal,
    address: () => string,
  ): MaybePromise<LimitHeaders | null>;
  /** What `take` would tell without counting: for a HEAD. */
  look(
    what: Counted,
    principal: Principal,
    address: () => string,
  ): MaybePromise<LimitHeaders | null>;
  /** Something was changed on this node: it holds from the next request on. Elsewhere within a second. */
  changed(): void;
  /** Buckets in memory. */
  readonly buckets: number;
}

export function createRateLimits(deps: {
  readonly db: Database;
  readonly clock: Clock;
}): RateLimits {
  const { db, clock } = deps;
  const accessVersion = createAccessVersion(db, clock);
  const readAll = prepareRateLimits(db);
  const counters = {
    pulls: createCounter("pulls", clock),
    requests: createCounter("requests", clock),
  };
  let version = -1;

  /** Null where the limits are those of now. */
  function refresh(): Promise<void> | null {
    const current = accessVersion.current();
    if (current instanceof Promise) return current.then(readIfChanged);
    return current === version ? null : readIfChanged(current);
  }

  /** The version was read before the limits: of a change in between the next look will know. */
  async function readIfChanged(current: number): Promise<void> {
    if (current === version) return;
    const limits = await readAll();
    counters.pulls.configure(limits);
    counters.requests.configure(limits);
    version = current;
  }

  function ask(
    what: Counted,
    principal: Principal,
    address: () => string,
    count: 0 | 1,
  ): MaybePromise<LimitHeaders | null> {
    const stale = refresh();
    if (stale === null) return counters[what].ask(principal, address, count);
    return stale.then(() => counters[what].ask(principal, address, count));
  }

  return {
    take: (what, principal, address) => ask(what, principal, address, 1),
    look: (what, principal, address) => ask(what, principal, address, 0),
    changed: accessVersion.changed,
    get buckets() {
      return counters.pulls.buckets + counters.requests.buckets;
    },
  };
}

/** What was used of a limit, as of a time on the monotonic clock, ms. */
interface Bucket {
  used: number;
  at: number;
}

/** Who a limit counts: `key` in memory, `source` for people. */
interface Subject {
  readonly limit: RateLimit;
  readonly buckets: LRUCache<string, Bucket>;
  readonly key: string;
  readonly source: string;
}

/** The pulls, or the requests, of everybody. */
function createCounter(what: Counted, clock: Clock) {
  let limits: ReadonlyMap<string, RateLimit> = new Map();
  // Apart, so that a flood from many addresses makes nobody forget what a user has used. Made once
  // they are needed: they take their place at once.
  let networks: LRUCache<string, Bucket> | null = null;
  let principals: LRUCache<string, Bucket> | null = null;

  function subjectOf(principal: Principal, address: () => string): Subject | null {
    switch (principal.kind) {
      case "operator":
        return null;
      case "anonymous": {
        const limit = limits.get("anonymous");
        if (limit === undefined) return null;
        networks ??= new LRUCache({ max: networksMax });
        const source = sourceOf(address());
        return { limit, buckets: networks, key: source, source };
      }
      case "user":
      case "robot": {
        const limit = limits.get(principal.id) ?? limits.get(principal.kind);
        if (limit === undefined) return null;
        principals ??= new LRUCache({ max: principalsMax });
        return { limit, buckets: principals, key: principal.id, source: principal.name };
      }
    }
  }

  return {
    configure(all: readonly RateLimit[]): void {
      limits = new Map(
        all
          .filter(({ counts }) => counts === what)
          .map((limit) => [limit.subjectId ?? limit.subject, limit]),
      );
    },
    ask(principal: Principal, address: () => string, count: 0 | 1): LimitHeaders | null {
      if (limits.size === 0) return null;
      const subject = subjectOf(principal, address);
      return subject === null ? null : use(what, subject, count, clock.monotonic());
    },
    get buckets() {
      return (networks?.size ?? 0) + (principals?.size ?? 0);
    },
  };
}

/** An IPv4 address counts for itself: behind it is a network already, more often than not. */
function sourceOf(address: string): string {
  if (!address.includes(":")) return address;
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? networkOf(address);
}

function use(what: Counted, subject: Subject, count: 0 | 1, now: number): LimitHeaders | null {
  const { limit, buckets, key } = subject;
  const perMs = limit.amount / (limit.windowSeconds * 1000);
  let bucket = buckets.get(key);
  if (bucket === undefined) {
    bucket = { used: 0, at: now };
    if (count > 0) buckets.set(key, bucket);
  }
  // Never more than full: the limit may be lower than it was.
  const used = Math.min(limit.amount, Math.max(0, bucket.used - (now - bucket.at) * perMs));
  // Sums of fractions fall a hair short of the whole number that they are.
  const remaining = Math.floor(limit.amount - used + 1e-9);
  if (remaining < count) throw tooMany(what, subject, (1 - (limit.amount - used)) / perMs);
  bucket.used = used + count;
  bucket.at = now;
  return what === "pulls" ? headersOf(subject, remaining - count) : null;
}

function headersOf({ limit, source }: Subject, remaining: number): LimitHeaders {
  const window = `;w=${limit.windowSeconds}`;
  return {
    "ratelimit-limit": `${limit.amount}${window}`,
    "ratelimit-remaining": `${remaining}${window}`,
    "docker-ratelimit-source": source,
  };
}

function tooMany(what: Counted, subject: Subject, waitMs: number): RegistryError {
  const { limit, source } = subject;
  const seconds = Math.max(1, Math.ceil(waitMs / 1000));
  return new RegistryError("TOOMANYREQUESTS", {
    message: `${source} has used up its ${limit.amount} ${what} in ${limit.windowSeconds} s: the next may come in ${seconds} s`,
    detail: { counts: what, amount: limit.amount, windowSeconds: limit.windowSeconds, source },
    headers: { ...headersOf(subject, 0), "retry-after": `${seconds}` },
  });
}
