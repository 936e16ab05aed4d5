import { afterAll, expect, test } from "bun:test";
import { leftDevices } from "../faults/support/loop-image.ts";
import { createRandom } from "../faults/support/random.ts";
import { describeFaults, numberFrom } from "../faults/support/requirements.ts";
import { expectNothingLost, losePowerRepeatedly } from "./grounds.ts";

// All that there is to do, on the real program and a disk of which only what was synced is left.

const times = numberFrom("BERTH_TEST_POWER_LOSSES", 5);
const seed = numberFrom("BERTH_TEST_SEED", Math.floor(performance.timeOrigin % 2 ** 31));

describeFaults("all operations, and power losses", ["linux", "loop devices"], () => {
  afterAll(() => expect(leftDevices()).toEqual([]));

  test(
    `${times} power losses lose nothing that was acknowledged (BERTH_TEST_SEED=${seed})`,
    async () => {
      const name = `power-losses-of-all-${seed}`;
      const run = await losePowerRepeatedly({ name, times, random: createRandom(seed) });
      expectNothingLost("power losses", [run]);
    },
    60_000 + times * 20_000,
  );
});
