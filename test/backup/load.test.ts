/**
 * Goal: a backup that is made while clients push, move and delete holds every push that was acknowledged
 * before it began, whole. Method: the mixed load of the fault tests, with its ledger; a backup in the
 * middle, restored into an empty folder, whose server is audited with the ledger as it was then.
 */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { join } from "node:path";
import { audit } from "../faults/support/audit.ts";
import { runCommand, startChild, temporaryFolder } from "../faults/support/child.ts";
import { createClient } from "../faults/support/client.ts";
import { copyLedger, createLedger, type Ledger } from "../faults/support/ledger.ts";
import { runLoad } from "../faults/support/load.ts";
import { createRandom } from "../faults/support/random.ts";
import { inCi, numberFrom } from "../faults/support/requirements.ts";
import { bringKey } from "./world.ts";

const backups = numberFrom("BERTH_TEST_BACKUPS", inCi ? 6 : 3);
const seed = numberFrom("BERTH_TEST_SEED", Math.floor(performance.timeOrigin % 2 ** 31));
const requestsBetween = 300;

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.remove());

test(
  `${backups} backups under a load hold what was acknowledged before each (BERTH_TEST_SEED=${seed})`,
  async () => {
    const data = join(folder.path, "data");
    const target = join(folder.path, "kept");
    const random = createRandom(seed);
    const ledger = createLedger();
    const child = await startChild({ data });
    const then: { ledger: Ledger; name: string }[] = [];
    try {
      const client = createClient(child.url, ledger);
      let over = false;
      const load = runLoad({
        ...{ client, random, clients: 6, seed: random.below(1_000_000), round: 0 },
        isOver: () => over,
      });
      for (let count = 0; count < backups; count++) {
        await client.sent(requestsBetween * (count + 1), 30_000);
        const before = copyLedger(ledger);
        ledger.touched.clear();
        const made = await runCommand(data, "backup", "create", target);
        expect(made.output).toContain("Made the backup ");
        expect(made.code).toBe(0);
        then.push({ ledger: untouched(before, ledger.touched), name: nameIn(made.output) });
      }
      over = true;
      await load;
      expect(ledger.violations).toEqual([]);
    } finally {
      await child.kill();
    }
    expect(await runCommand(data, "backup", "verify", target)).toMatchObject({ code: 0 });
    for (const backup of then) await expectRestored(target, backup);
  },
  120_000 + backups * 60_000,
);

function nameIn(output: string): string {
  return /Made the backup (\S+) in/.exec(output)?.[1] ?? "";
}

/** What nobody changed while the backup was made is known for certain. */
function untouched(before: Ledger, touched: ReadonlySet<string>): Ledger {
  for (const key of touched) {
    before.blobs.delete(key);
    before.manifests.delete(key);
    before.tags.delete(key);
  }
  // Uploads that have not ended are begun again.
  before.sessions.clear();
  return before;
}

async function expectRestored(
  target: string,
  { ledger, name }: { ledger: Ledger; name: string },
): Promise<void> {
  const data = join(folder.path, `restored-${name}`);
  bringKey(join(folder.path, "data"), data);
  const restored = await runCommand(data, "backup", "restore", target, name);
  expect(restored).toMatchObject({ code: 0, output: expect.stringContaining("Next:") });
  expect(await runCommand(data, "verify")).toMatchObject({ code: 0 });
  const child = await startChild({ data });
  try {
    // How many depends on how long the backup took.
    expect(ledger.manifests.size).toBeGreaterThan(0);
    await audit(createClient(child.url, ledger), { whole: true, sessions: "may be lost" });
    expect(ledger.violations).toEqual([]);
  } finally {
    await child.kill();
  }
}
