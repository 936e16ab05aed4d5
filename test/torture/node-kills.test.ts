import { test } from "bun:test";
import { createRandom } from "../faults/support/random.ts";
import { describeFaults, numberFrom } from "../faults/support/requirements.ts";
import { expectNothingLost, killNodes } from "./grounds.ts";

// All that there is to do, on three nodes that share a PostgreSQL and an S3: one is killed, another goes on.

const times = 10 * numberFrom("BERTH_TEST_ROUNDS", 1);
const seed = numberFrom("BERTH_TEST_SEED", Math.floor(performance.timeOrigin % 2 ** 31));

describeFaults("all operations, on three nodes", ["linux", "PostgreSQL"], () => {
  test(
    `${times} times the one that is asked is killed (BERTH_TEST_SEED=${seed})`,
    async () => {
      const name = `node-kills-of-all-${seed}`;
      expectNothingLost("kills of nodes", [
        await killNodes({ name, times, random: createRandom(seed) }),
      ]);
    },
    60_000 + times * 30_000,
  );
});
