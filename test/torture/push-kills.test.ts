import { expect, test } from "bun:test";
import { audit } from "../faults/support/audit.ts";
import {
  type Child,
  projectFolder,
  runCommand,
  spawnChild,
  startChild,
  temporaryFolder,
} from "../faults/support/child.ts";
import { createClient } from "../faults/support/client.ts";
import { createLedger, type Ledger } from "../faults/support/ledger.ts";
import { runLoad } from "../faults/support/load.ts";
import { createRandom, type Random } from "../faults/support/random.ts";
import { describeFaults, inCi, numberFrom } from "../faults/support/requirements.ts";
import { keepFailure } from "../support/failures.ts";

const kills = numberFrom("BERTH_TEST_KILLS", inCi ? 50 : 20);
const seed = numberFrom("BERTH_TEST_SEED", Math.floor(performance.timeOrigin % 2 ** 31));
/** Two at a time, each on its own folder: most of a round is waiting for a process to start. */
const folders = 2;
/** Requests after which the process is killed, at most; by their number, since machines differ in speed. */
const requestsMax = 150;
const roundMsMax = 3_000;
const startMsMax = 500;
/** Every so many rounds everything is read, not only what was written last. */
const wholeEvery = 25;

describeFaults("kill -9 under a mixed load", ["linux"], () => {
  test(
    `${kills} kills lose nothing that was acknowledged (BERTH_TEST_SEED=${seed})`,
    async () => {
      const random = createRandom(seed);
      const runs = Array.from({ length: folders }, (_, number) => {
        const rounds = Math.floor((kills + number) / folders);
        return killRepeatedly(rounds, random.fork());
      });
      const ledgers = await Promise.all(runs);
      const pushes = ledgers.reduce((sum, ledger) => sum + ledger.acknowledgedPushes, 0);
      console.log(`${kills} kills, ${pushes} acknowledged pushes, seed ${seed}`);
      expect(ledgers.flatMap((ledger) => ledger.violations)).toEqual([]);
      expect(pushes).toBeGreaterThan(kills);
    },
    60_000 + kills * 5_000,
  );
});

async function killRepeatedly(rounds: number, random: Random): Promise<Ledger> {
  const folder = temporaryFolder();
  const ledger = createLedger();
  const layers = random.below(1_000_000);
  let child: Child | null = null;
  try {
    child = await startChild({ data: folder.path });
    for (let round = 0; round < rounds && ledger.violations.length === 0; round++) {
      const client = createClient(child.url, ledger);
      const last = random.below(requestsMax);
      let over = false;
      const load = runLoad({
        client,
        random,
        clients: 4 + random.below(5),
        seed: layers,
        round,
        isOver: () => over,
      });
      await client.sent(last, roundMsMax);
      await child.kill();
      over = true;
      await load;
      if (random.chance(0.1)) await killWhileStarting(folder.path, random);
      child = await startChild({ data: folder.path });
      const whole = round % wholeEvery === wholeEvery - 1 || round === rounds - 1;
      await audit(createClient(child.url, ledger), { whole, sessions: "kept" });
    }
    const stopped = await child.stop();
    if (stopped !== 0) ledger.violations.push(`exit code ${stopped} after SIGTERM`);
    const verified = await runCommand(folder.path, "verify");
    if (verified.code !== 0) ledger.violations.push(`berth verify: ${verified.output}`);
    return ledger;
  } finally {
    await child?.kill();
    const { violations } = ledger;
    if (violations.length > 0) {
      const kept = { name: `kills-${seed}`, tree: projectFolder, data: folder.path };
      console.log(keepFailure({ ...kept, history: violations }));
    }
    folder.remove();
  }
}

/** A start that recovers from one kill may meet the next. */
async function killWhileStarting(data: string, random: Random): Promise<void> {
  const child = await spawnChild({ data });
  await Bun.sleep(random.below(startMsMax));
  await child.kill();
}
