import { expect, setDefaultTimeout, test } from "bun:test";
import { inCi, numberFrom } from "../faults/support/requirements.ts";
import { runSeeds } from "./run-seeds.ts";

// The real program on a simulated machine: clients at once, in an order that the seed decides, power cuts,
// restarts, days that pass. Longer: npm run torture.

setDefaultTimeout(900_000);

const seeds = numberFrom("BERTH_TEST_SEEDS", inCi ? 500 : 100);
const first = numberFrom("BERTH_TEST_SEED", 1);

test(`${seeds} seeds lose nothing that was acknowledged (BERTH_TEST_SEED=${first})`, async () => {
  const { runs, failure } = await runSeeds({ first, count: seeds, workers: 2 });
  expect(failure).toBeNull();
  expect(runs.length).toBe(seeds);
  const sum = (of: "operations" | "crashes") => runs.reduce((total, run) => total + run[of], 0);
  console.log(`${seeds} seeds, ${sum("operations")} operations, ${sum("crashes")} crashes`);
  expect(sum("crashes")).toBeGreaterThan(seeds / 2);
});

test("a seed decides everything, in whichever process it runs", async () => {
  const runOne = async (seed: number) => {
    const { runs } = await runSeeds({ first: seed, count: 1, workers: 1 });
    return runs[0]?.hash;
  };
  const { runs } = await runSeeds({ first: 1, count: 4, workers: 1 });
  const [one, , , last] = runs.map(({ hash }) => hash);
  // Alone, and after others.
  expect(await runOne(1)).toBe(one);
  expect(await runOne(4)).toBe(last);
  expect(last).not.toBe(one);
});
