/**
 * Goal: an upgrade loses nothing, also where the older release did not end by itself. Method: a program of an
 * earlier commit is killed at random under load; the program of today is killed while it takes over the
 * folder; then it serves, and everything that the older one acknowledged is read, and written on.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { unpackOlderRelease, whyNoOlderRelease } from "../nodes/older-release.ts";
import { audit } from "./support/audit.ts";
import { runCommand, spawnChild, startChild, temporaryFolder } from "./support/child.ts";
import { createClient } from "./support/client.ts";
import { createLedger, type Ledger } from "./support/ledger.ts";
import { runLoad } from "./support/load.ts";
import { createRandom, type Random } from "./support/random.ts";
import { inCi, numberFrom } from "./support/requirements.ts";

const rounds = numberFrom("BERTH_TEST_ROUNDS", inCi ? 6 : 2);
const seed = numberFrom("BERTH_TEST_SEED", Math.floor(performance.timeOrigin % 2 ** 31));
/** Requests after which the older program is killed, at most. */
const requestsMax = 200;
const roundMsMax = 3_000;
/** Within this the start of today's program reads, migrates and serves. */
const startMsMax = 400;

const why = whyNoOlderRelease();
const name = `a store of an older release (BERTH_TEST_SEED=${seed})`;

// Not an error where CI=true either: a shallow copy of the history is as good for everything else.
describe.skipIf(why !== null)(why === null ? name : `${name} (skipped: ${why})`, () => {
  let older: Awaited<ReturnType<typeof unpackOlderRelease>>;

  beforeAll(async () => {
    older = await unpackOlderRelease();
  });
  afterAll(() => older?.remove());

  test(
    `${rounds} that were killed at random are opened by this one, and have all that was acknowledged`,
    async () => {
      const random = createRandom(seed);
      const ledgers: Ledger[] = [];
      for (let round = 0; round < rounds; round++) {
        ledgers.push(await upgradeAfterKill(older.path, random.fork(), round));
      }
      const pushes = ledgers.reduce((sum, ledger) => sum + ledger.acknowledgedPushes, 0);
      console.log(
        `${rounds} stores of an older release, ${pushes} acknowledged pushes, seed ${seed}`,
      );
      expect(ledgers.flatMap((ledger) => ledger.violations)).toEqual([]);
      expect(pushes).toBeGreaterThan(rounds);
    },
    60_000 + rounds * 30_000,
  );
});

async function upgradeAfterKill(program: string, random: Random, round: number): Promise<Ledger> {
  const folder = temporaryFolder();
  const data = folder.path;
  const ledger = createLedger();
  try {
    await loadUntilKilled(await startChild({ data, program }), ledger, random, round);
    // Its tables are made anew beside what it recovers; what is half done by then is done again.
    const begun = await spawnChild({ data });
    await Bun.sleep(random.below(startMsMax));
    await begun.kill();
    const newest = await startChild({ data });
    try {
      await audit(createClient(newest.url, ledger), { whole: true, sessions: "kept" });
      if (ledger.violations.length > 0) return ledger;
      await loadUntilKilled(newest, ledger, random, round + rounds);
    } finally {
      await newest.kill();
    }
    const again = await startChild({ data });
    await audit(createClient(again.url, ledger), { whole: true, sessions: "kept" });
    const stopped = await again.stop();
    if (stopped !== 0) ledger.violations.push(`exit code ${stopped} after SIGTERM`);
    const verified = await runCommand(data, "verify");
    if (verified.code !== 0) ledger.violations.push(`berth verify: ${verified.output}`);
    return ledger;
  } finally {
    folder.remove();
  }
}

async function loadUntilKilled(
  child: Awaited<ReturnType<typeof startChild>>,
  ledger: Ledger,
  random: Random,
  round: number,
): Promise<void> {
  const client = createClient(child.url, ledger);
  let over = false;
  const load = runLoad({
    client,
    random,
    clients: 4,
    seed: 7_000 + round,
    round,
    isOver: () => over,
  });
  await client.sent(requestsMax / 4 + random.below(requestsMax), roundMsMax);
  await child.kill();
  over = true;
  await load;
}
