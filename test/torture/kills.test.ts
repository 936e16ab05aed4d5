import { test } from "bun:test";
import { createRandom } from "../faults/support/random.ts";
import { describeFaults, inCi, numberFrom } from "../faults/support/requirements.ts";
import { expectNothingLost, killRepeatedly } from "./grounds.ts";

// All that there is to do, on the real program and real files, whose process is killed.

const kills = numberFrom("BERTH_TEST_KILLS", inCi ? 25 : 6);
const seed = numberFrom("BERTH_TEST_SEED", Math.floor(performance.timeOrigin % 2 ** 31));
/** Two at a time, each on its own folder: most of a round is waiting for a process to start. */
const folders = 2;

describeFaults("all operations, and kill -9", ["linux"], () => {
  test(
    `${kills} kills lose nothing that was acknowledged (BERTH_TEST_SEED=${seed})`,
    async () => {
      const random = createRandom(seed);
      const runs = Array.from({ length: folders }, (_, number) =>
        killRepeatedly({
          name: `kills-of-all-${seed}-${number}`,
          times: Math.floor((kills + number) / folders),
          random: random.fork(),
        }),
      );
      expectNothingLost("kills", await Promise.all(runs));
    },
    60_000 + kills * 10_000,
  );
});
