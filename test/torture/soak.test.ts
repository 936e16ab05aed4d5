import { expect, setDefaultTimeout, test } from "bun:test";
import { inCi, numberFrom } from "../faults/support/requirements.ts";
import { runSoak, tellSoak } from "./run-soak.ts";

// The real program on real files, its garbage collection beside requests all the time. Longer: npm run torture.

setDefaultTimeout(900_000);

const operations = numberFrom("BERTH_TEST_SOAK_OPERATIONS", inCi ? 4_000 : 1_000);
const seconds = numberFrom("BERTH_TEST_SOAK_SECONDS", inCi ? 180 : 0);
const seed = numberFrom("BERTH_TEST_SEED", 1);

test(`${operations} operations beside garbage collection (BERTH_TEST_SEED=${seed})`, async () => {
  const { run, failure } = await runSoak({ seed, operations, seconds });
  expect(failure).toBeNull();
  expect(run.operations).toBeGreaterThanOrEqual(operations);
  console.log(tellSoak(run));
});
