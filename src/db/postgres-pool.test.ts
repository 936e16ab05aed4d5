import { describe, expect, test } from "bun:test";
import { systemClock } from "../lib/clock.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { PostgresConnection } from "./postgres-connection.ts";
import { connectionsOfOne, createPostgresPool } from "./postgres-pool.ts";

describe("the processes of a node share its connections", () => {
  const processes = Array.from({ length: 65 }, (_, index) => index + 1);

  test.each([
    [1, 8],
    [3, 8],
    [4, 6],
    [8, 3],
    [12, 2],
    [65, 2],
  ])("of %d each has %d for reads, and as many for transactions", (count, each) => {
    expect(connectionsOfOne(count)).toBe(each);
  });

  test("24 at most, while there are two for each; and more processes never have more", () => {
    for (const count of processes) {
      const each = connectionsOfOne(count);
      expect(each).toBeGreaterThanOrEqual(2);
      expect(each).toBeLessThanOrEqual(8);
      if (count <= 12) expect(each * count).toBeLessThanOrEqual(24);
      expect(connectionsOfOne(count + 1)).toBeLessThanOrEqual(each);
    }
  });
});

/** A pool whose connections lead nowhere. */
function makePool(options: { readonly connectionsMax: number; readonly waitMsMax: number }) {
  let opened = 0;
  const pool = createPostgresPool({
    ...options,
    clock: systemClock,
    async connect() {
      opened += 1;
      return { broken: null, onLost: null, async close() {} } as PostgresConnection;
    },
  });
  return { pool, opened: () => opened };
}

/** Takes all connections until it is told to give them back. */
async function takeAll({ pool }: ReturnType<typeof makePool>, count: number) {
  const end = Promise.withResolvers<void>();
  const taken = Array.from({ length: count }, () => Promise.withResolvers<void>());
  const users = taken.map(({ resolve }) =>
    pool.use(async () => {
      resolve();
      await end.promise;
    }),
  );
  await Promise.all(taken.map(({ promise }) => promise));
  return async () => {
    end.resolve();
    await Promise.all(users);
  };
}

async function refusalOf(work: Promise<unknown>): Promise<RegistryError> {
  const error = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(RegistryError);
  return error as RegistryError;
}

const comeAgain = { code: "UNAVAILABLE", status: 503, headers: { "retry-after": "5" } };

describe("while all connections are in use", () => {
  test("whoever waits for long is told to come again, and then there is one", async () => {
    const made = makePool({ connectionsMax: 2, waitMsMax: 30 });
    const giveBack = await takeAll(made, 2);
    expect(await refusalOf(made.pool.use(async () => {}))).toMatchObject(comeAgain);
    expect(made.opened()).toBe(2);
    await giveBack();
    expect(await made.pool.use(async () => "served")).toBe("served");
    expect(made.opened()).toBe(2);
    await made.pool.close();
  });

  test("whoever came first is served first", async () => {
    const made = makePool({ connectionsMax: 1, waitMsMax: 10_000 });
    const giveBack = await takeAll(made, 1);
    const served: number[] = [];
    const waiting = [1, 2, 3].map((number) => made.pool.use(async () => served.push(number)));
    await giveBack();
    await Promise.all(waiting);
    expect(served).toEqual([1, 2, 3]);
    await made.pool.close();
  });

  test("4,000 wait at most: the next one is told at once", async () => {
    const made = makePool({ connectionsMax: 1, waitMsMax: 60_000 });
    const giveBack = await takeAll(made, 1);
    let served = 0;
    const waiting = Array.from({ length: 4_000 }, () =>
      made.pool.use(async () => {
        served += 1;
      }),
    );
    const began = performance.now();
    expect(await refusalOf(made.pool.use(async () => {}))).toMatchObject(comeAgain);
    expect(performance.now() - began).toBeLessThan(1_000);
    expect(served).toBe(0);
    await giveBack();
    await Promise.all(waiting);
    expect(served).toBe(4_000);
    await made.pool.close();
  });
});
