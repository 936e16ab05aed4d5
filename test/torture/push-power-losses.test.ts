import { afterAll, expect, test } from "bun:test";
import { audit } from "../faults/support/audit.ts";
import { projectFolder, startChild } from "../faults/support/child.ts";
import { createClient } from "../faults/support/client.ts";
import { copyLedger, createLedger, type Ledger } from "../faults/support/ledger.ts";
import { runLoad } from "../faults/support/load.ts";
import { createLoopImage, type LoopImage, leftDevices } from "../faults/support/loop-image.ts";
import { createRandom } from "../faults/support/random.ts";
import { describeFaults, numberFrom } from "../faults/support/requirements.ts";
import { attach, type Trace } from "../faults/support/strace.ts";
import { keepFailure } from "../support/failures.ts";

const losses = numberFrom("BERTH_TEST_POWER_LOSSES", 10);
const seed = numberFrom("BERTH_TEST_SEED", Math.floor(performance.timeOrigin % 2 ** 31));
const imageBytes = 512 * 1024 * 1024;
/** Losses on each file system, and how it is mounted. */
const fileSystems = [
  // It writes by itself only what it is asked to: nothing becomes durable by chance.
  { name: "ext4", times: losses, options: ["commit=600"], needs: ["linux", "loop devices"] },
  // It does so too, but for what is half a minute old.
  {
    name: "xfs",
    times: Math.ceil(losses / 4),
    options: [],
    needs: ["linux", "loop devices", "xfs"],
  },
  {
    name: "btrfs",
    times: Math.ceil(losses / 4),
    options: ["commit=300"],
    needs: ["linux", "loop devices", "btrfs"],
  },
] as const;
type OnDisk = (typeof fileSystems)[number];
const loadMsMin = 200;
const loadMsMax = 900;
const pushMsMax = 10_000;

for (const disk of fileSystems) {
  const { name, times, needs } = disk;

  describeFaults(`power loss on ${name}`, needs, () => {
    afterAll(() => expect(leftDevices()).toEqual([]));

    test(
      `${times} power losses under load lose no acknowledged push (BERTH_TEST_SEED=${seed})`,
      async () => {
        const { ledgers, pushes } = await loseRepeatedly(disk, times, null);
        console.log(`${times} power losses, ${pushes} acknowledged pushes, ${name}, seed ${seed}`);
        expect(ledgers.flatMap((ledger) => ledger.violations)).toEqual([]);
        expect(pushes).toBeGreaterThanOrEqual(times);
      },
      60_000 + times * 20_000,
    );
  });

  describeFaults(`power loss on ${name} without syncs`, [...needs, "strace"], () => {
    test("pushes are lost where syncs do nothing, so this way of losing power shows them", async () => {
      const without = ["-e", "trace=fdatasync,fsync", "-e", "inject=fdatasync,fsync:retval=0"];
      const { ledgers } = await loseRepeatedly(disk, 2, (pid) => attach(pid, without));
      expect(ledgers.flatMap((ledger) => ledger.violations).length).toBeGreaterThan(0);
    });
  });
}

/** The power goes `times` while one Berth pushes on; each time another one starts on what the disk had. */
async function loseRepeatedly(
  { name, options }: OnDisk,
  times: number,
  prepare: ((pid: number) => Promise<Trace>) | null,
): Promise<{ ledgers: Ledger[]; pushes: number }> {
  const random = createRandom(seed);
  const image = createLoopImage(imageBytes, [], options, name);
  const ledger = createLedger();
  const child = await startChild({ data: `${image.folder}/data` }).catch((error: unknown) => {
    image.remove();
    throw error;
  });
  let over = false;
  let trace: Trace | null = null;
  let load: Promise<void> = Promise.resolve();
  try {
    trace = (await prepare?.(child.pid)) ?? null;
    const client = createClient(child.url, ledger);
    load = runLoad({ client, random, clients: 6, seed: 1, round: 0, isOver: () => over });
    const ledgers: Ledger[] = [];
    for (let loss = 0; loss < times; loss++) {
      const before = ledger.acknowledgedPushes;
      await Bun.sleep(loadMsMin + random.below(loadMsMax - loadMsMin));
      // A slow disk takes longer to a first push; without one there would be nothing to lose.
      for (
        let waited = 0;
        ledger.acknowledgedPushes === before && waited < pushMsMax;
        waited += 10
      ) {
        await Bun.sleep(10);
      }
      child.signal("SIGSTOP");
      // Answers that were sent before the stop are still on their way to the clients.
      await Bun.sleep(20);
      const known = copyLedger(ledger);
      ledgers.push(known);
      const kept = prepare === null ? `power-loss-${name}-${seed}` : null;
      await auditCopy(await image.copyAsOfPowerLoss(), known, kept);
      child.signal("SIGCONT");
      if (known.violations.length > 0) break;
    }
    return { ledgers, pushes: ledger.acknowledgedPushes };
  } finally {
    over = true;
    child.signal("SIGCONT");
    await child.kill();
    await trace?.detach();
    await load;
    image.remove();
  }
}

/** What was lost is kept under that name; nowhere where losses are what is wanted. */
async function auditCopy(copy: LoopImage, ledger: Ledger, kept: string | null): Promise<void> {
  try {
    const child = await startChild({ data: `${copy.folder}/data` });
    try {
      await audit(createClient(child.url, ledger), { whole: true, sessions: "may be lost" });
    } finally {
      await child.kill();
    }
  } catch (error) {
    ledger.violations.push(`Berth did not start after the power loss: ${error}`);
  } finally {
    if (kept !== null && ledger.violations.length > 0) {
      const what = { name: kept, tree: projectFolder, history: ledger.violations };
      console.log(keepFailure({ ...what, data: `${copy.folder}/data` }));
    }
    copy.remove();
  }
}
