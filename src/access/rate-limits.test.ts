import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { bumpAccessVersion } from "../auth/access-version-store.ts";
import { anonymous, operator, type Principal } from "../auth/principal.ts";
import type { Database } from "../db/database.ts";
import { migrate } from "../db/migrations/migrate.ts";
import { openSqlite } from "../db/sqlite.ts";
import { systemClock } from "../lib/clock.ts";
import type { RegistryError } from "../oci/registry-error.ts";
import {
  deleteRateLimit,
  deleteRateLimitsOf,
  findRateLimit,
  insertRateLimit,
  listRateLimits,
  type RateLimit,
  updateRateLimit,
} from "./rate-limit-store.ts";
import { createRateLimits, type RateLimits } from "./rate-limits.ts";

let folder: string;
let db: Database;
let now = 0;
const clock = { now: () => now, monotonic: () => now };
let limits: RateLimits;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "berth-limits-"));
  db = openSqlite({ file: join(folder, "berth.db"), onFailure() {} });
  await migrate(db, systemClock);
});
afterAll(async () => {
  await db.close();
  rmSync(folder, { recursive: true });
});
beforeEach(async () => {
  await db.transaction((tx) => tx.deleteFrom("rate_limits").execute());
  now = 1e9;
  limits = createRateLimits({ db, clock });
});

const named = (kind: "user" | "robot", name: string): Principal => ({
  kind,
  id: `id-${name}`,
  name,
  generation: 1,
  administrator: name === "root",
  credentialId: null,
  credentialKind: "password",
  scope: null,
});
const alice = named("user", "alice");
const limit = (fields: Partial<RateLimit> = {}) => ({
  subject: "user" as const,
  subjectId: null,
  counts: "pulls" as const,
  amount: 3,
  windowSeconds: 60,
  actor: null,
  now: 0,
  ...fields,
});
const setLimit = (fields: Partial<RateLimit> = {}) =>
  db.transaction(async (tx) => {
    const made = await insertRateLimit(tx, limit(fields));
    await bumpAccessVersion(tx);
    return made;
  });
const nowhere = () => {
  throw new Error("the address was asked for");
};

async function take(
  principal: Principal,
  address = "10.0.0.1",
  what: "pulls" | "requests" = "pulls",
) {
  try {
    return await limits.take(what, principal, () => address);
  } catch (error) {
    const { status, headers, message } = error as RegistryError;
    return { status, message, ...headers };
  }
}

describe("a limit", () => {
  test("lets its amount through, and no more until time has passed", async () => {
    await setLimit();
    for (const remaining of [2, 1, 0]) {
      expect(await take(alice)).toEqual({
        "ratelimit-limit": "3;w=60",
        "ratelimit-remaining": `${remaining};w=60`,
        "docker-ratelimit-source": "alice",
      });
    }
    expect(await take(alice)).toEqual({
      status: 429,
      message: "alice has used up its 3 pulls in 60 s: the next may come in 20 s",
      "ratelimit-limit": "3;w=60",
      "ratelimit-remaining": "0;w=60",
      "docker-ratelimit-source": "alice",
      "retry-after": "20",
    });
    now += 19_999;
    expect(await take(alice)).toMatchObject({ status: 429, "retry-after": "1" });
    now += 1;
    expect(await take(alice)).toMatchObject({ "ratelimit-remaining": "0;w=60" });
    expect(await take(alice)).toMatchObject({ status: 429 });
    now += 3_600_000;
    expect(await take(alice)).toMatchObject({ "ratelimit-remaining": "2;w=60" });
  });

  test("is looked at without counting", async () => {
    await setLimit();
    const look = () => limits.look("pulls", alice, nowhere);
    for (let k = 0; k < 5; k++)
      expect(await look()).toMatchObject({ "ratelimit-remaining": "3;w=60" });
    for (let k = 0; k < 4; k++) await take(alice);
    for (let k = 0; k < 5; k++)
      expect(await look()).toMatchObject({ "ratelimit-remaining": "0;w=60" });
    expect(limits.buckets).toBe(1);
  });

  test("after which nobody waits in vain: the time in Retry-After is enough, a second less is not", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 5_000 }),
        fc.integer({ min: 1, max: 100_000 }),
        fc.array(fc.integer({ min: 0, max: 5_000 }), { maxLength: 30 }),
        async (amount, windowSeconds, pauses) => {
          await db.transaction((tx) => tx.deleteFrom("rate_limits").execute());
          await setLimit({ amount, windowSeconds });
          limits = createRateLimits({ db, clock });
          let refused = await take(alice);
          for (const pause of pauses) {
            now += pause;
            refused = await take(alice);
          }
          for (let k = 0; k <= amount && refused?.status === undefined; k++)
            refused = await take(alice);
          if (refused?.status === undefined) return;
          const wait = Number((refused as Record<string, unknown>)["retry-after"]) * 1000;
          now += Math.max(0, wait - 1000 - 1);
          if (wait > 1000) expect(await take(alice)).toMatchObject({ status: 429 });
          now += 1001;
          expect(await take(alice)).not.toMatchObject({ status: 429 });
        },
      ),
      { numRuns: 50 },
    );
  });

  test("never lets more through than its amount and what refilled meanwhile", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 30 }),
        fc.array(fc.integer({ min: 0, max: 3_000 }), { minLength: 1, maxLength: 200 }),
        async (amount, windowSeconds, pauses) => {
          await db.transaction((tx) => tx.deleteFrom("rate_limits").execute());
          await setLimit({ amount, windowSeconds });
          limits = createRateLimits({ db, clock });
          const passed: number[] = [];
          for (const pause of pauses) {
            now += pause;
            if ((await take(alice))?.["status" as never] === undefined) passed.push(now);
          }
          for (let i = 0; i < passed.length; i++) {
            for (let j = i; j < passed.length; j++) {
              const ms = (passed[j] ?? 0) - (passed[i] ?? 0);
              const most = amount + (ms * amount) / (windowSeconds * 1000);
              expect(j - i + 1).toBeLessThanOrEqual(most + 1e-3);
            }
          }
        },
      ),
      { numRuns: 50 },
    );
  });
});

describe("whom a limit counts", () => {
  test("each user for themselves, robots by their own limit, nobody else", async () => {
    await setLimit({ amount: 1 });
    await setLimit({ subject: "robot", amount: 2 });
    expect(await take(alice)).toMatchObject({ "ratelimit-remaining": "0;w=60" });
    expect(await take(named("user", "bob"))).toMatchObject({ "ratelimit-remaining": "0;w=60" });
    expect(await take(named("robot", "ci"))).toMatchObject({ "ratelimit-remaining": "1;w=60" });
    expect(await take(named("user", "root"))).toMatchObject({ "ratelimit-remaining": "0;w=60" });
    expect(await take(named("user", "root"))).toMatchObject({ status: 429 });
    expect(await limits.take("pulls", anonymous, nowhere)).toBeNull();
    expect(await limits.take("pulls", operator, nowhere)).toBeNull();
  });

  test("the limit of a user or robot alone counts before that of all", async () => {
    await setLimit({ amount: 1 });
    await setLimit({ subject: "principal", subjectId: "id-alice", amount: 100 });
    await setLimit({ subject: "principal", subjectId: "id-ci", amount: 7 });
    expect(await take(alice)).toMatchObject({ "ratelimit-limit": "100;w=60" });
    expect(await take(named("robot", "ci"))).toMatchObject({ "ratelimit-limit": "7;w=60" });
    expect(await take(named("user", "bob"))).toMatchObject({ "ratelimit-limit": "1;w=60" });
  });

  test("anonymous clients by IPv4 address or IPv6 /64", async () => {
    await setLimit({ subject: "anonymous", amount: 1 });
    expect(await take(anonymous, "10.0.0.1")).toMatchObject({
      "docker-ratelimit-source": "10.0.0.1",
    });
    expect(await take(anonymous, "10.0.0.2")).not.toMatchObject({ status: 429 });
    expect(await take(anonymous, "::ffff:10.0.0.2")).toMatchObject({ status: 429 });
    expect(await take(anonymous, "2001:db8::1")).toMatchObject({
      "docker-ratelimit-source": "2001:db8:0:0::/64",
    });
    expect(await take(anonymous, "2001:db8::ffff:1")).toMatchObject({ status: 429 });
    expect(await take(anonymous, "2001:db8:0:1::1")).not.toMatchObject({ status: 429 });
    expect(await take(alice, "10.0.0.1")).toBeNull();
  });

  test("requests and pulls apart; headers tell of pulls alone", async () => {
    await setLimit({ counts: "requests", amount: 1 });
    expect(await take(alice, "", "requests")).toBeNull();
    expect(await take(alice, "", "requests")).toMatchObject({ status: 429, "retry-after": "60" });
    expect(await take(alice)).toBeNull();
    await setLimit({ amount: 5 });
    limits.changed();
    expect(await take(alice)).toMatchObject({ "ratelimit-remaining": "4;w=60" });
  });
});

describe("changes", () => {
  test("hold within a second, at once on the node that was told, and forget nothing", async () => {
    const { id } = await setLimit({ amount: 2 });
    expect([await take(alice), await take(alice)]).toHaveLength(2);
    expect(await take(alice)).toMatchObject({ status: 429 });
    await db.transaction(async (tx) => {
      await updateRateLimit(tx, id, { amount: 4 });
      await bumpAccessVersion(tx);
    });
    expect(await take(alice)).toMatchObject({ status: 429 });
    limits.changed();
    expect(await take(alice)).toMatchObject({ "ratelimit-remaining": "1;w=60" });
    await db.transaction(async (tx) => {
      await deleteRateLimit(tx, id);
      await bumpAccessVersion(tx);
    });
    now += 1_000;
    expect(await take(alice)).toBeNull();
    expect(await limits.take("pulls", anonymous, nowhere)).toBeNull();
  });

  test("a lower limit counts what was used before, up to the whole of it", async () => {
    const { id } = await setLimit({ amount: 1_000 });
    for (let k = 0; k < 1_000; k++) await take(alice);
    await db.transaction(async (tx) => {
      await updateRateLimit(tx, id, { amount: 2 });
      await bumpAccessVersion(tx);
    });
    limits.changed();
    expect(await take(alice)).toMatchObject({ status: 429, "retry-after": "30" });
  });
});

describe("the table", () => {
  test("holds one limit of a kind for a subject", async () => {
    const made = await setLimit();
    await setLimit({ counts: "requests" });
    await setLimit({ subject: "principal", subjectId: "id-alice" });
    await setLimit({ subject: "principal", subjectId: "id-bob" });
    const twice = setLimit();
    expect(twice).rejects.toMatchObject({ status: 409, detail: { id: made.id } });
    await twice.catch(() => {});
    const alone = setLimit({ subject: "principal", subjectId: "id-bob" });
    expect(alone).rejects.toMatchObject({ status: 409 });
    await alone.catch(() => {});
    expect(await listRateLimits(db.reads, { after: "", limit: 2 })).toHaveLength(2);
    const rest = await listRateLimits(db.reads, { after: made.id, limit: 10 });
    expect(rest).toHaveLength(3);
    expect(await findRateLimit(db.reads, made.id)).toEqual(made);
    await db.transaction((tx) => deleteRateLimitsOf(tx, "id-bob"));
    expect(await listRateLimits(db.reads, { after: made.id, limit: 10 })).toHaveLength(2);
    expect(await db.transaction((tx) => deleteRateLimit(tx, "nothing"))).toBe(false);
    expect(await db.transaction((tx) => updateRateLimit(tx, "nothing", {}))).toBeNull();
  });
});

describe("cost", () => {
  test("a flood from 120,000 addresses takes some megabytes, and users are not forgotten", async () => {
    await setLimit({ subject: "anonymous", amount: 100, windowSeconds: 21_600 });
    await setLimit({ subject: "anonymous", counts: "requests", amount: 1_000 });
    await setLimit({ amount: 1 });
    await take(alice);
    Bun.gc(true);
    const before = process.memoryUsage().heapUsed;
    for (let k = 0; k < 120_000; k++) {
      const address = k % 2 === 0 ? `10.${k >> 16}.${(k >> 8) & 255}.${k & 255}` : v6(k);
      await limits.take("requests", anonymous, () => address);
      await limits.take("pulls", anonymous, () => address);
    }
    Bun.gc(true);
    const grown = process.memoryUsage().heapUsed - before;
    expect(limits.buckets).toBeLessThanOrEqual(100_000);
    expect(limits.buckets).toBeGreaterThan(50_000);
    expect(grown).toBeLessThan(40e6);
    expect(await take(alice)).toMatchObject({ status: 429 });
  });

  test("without limits nothing is counted and no address is asked for", async () => {
    for (let k = 0; k < 1_000; k++) {
      expect(await limits.take("requests", anonymous, nowhere)).toBeNull();
      expect(await limits.take("pulls", alice, nowhere)).toBeNull();
    }
    expect(limits.buckets).toBe(0);
  });

  const v6 = (k: number) => `2001:db8:${(k >> 16).toString(16)}:${(k & 0xffff).toString(16)}::1`;
});
