import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { audit } from "../faults/support/audit.ts";
import { runCommand, startChild, temporaryFolder } from "../faults/support/child.ts";
import { createClient } from "../faults/support/client.ts";
import { createLedger } from "../faults/support/ledger.ts";
import { runLoad } from "../faults/support/load.ts";
import { createRandom } from "../faults/support/random.ts";
import { describeFaults, inCi, numberFrom } from "../faults/support/requirements.ts";
import { childrenOf } from "../support/processes.ts";

const kills = numberFrom("BERTH_TEST_KILLS", inCi ? 20 : 5);
const seed = numberFrom("BERTH_TEST_SEED", Math.floor(performance.timeOrigin % 2 ** 31));
const requestsMax = 150;
const roundMsMax = 3_000;

describeFaults("kill -9 of one process under a mixed load", ["linux"], () => {
  for (const processes of [2, 3]) {
    test(
      `${kills} kills of one of ${processes} lose nothing that was acknowledged (BERTH_TEST_SEED=${seed})`,
      async () => {
        const folder = temporaryFolder();
        const ledger = createLedger();
        const random = createRandom(seed + processes);
        const server = await startChild({
          data: folder.path,
          env: { BERTH_SERVER_PROCESSES: `${processes}` },
        });
        try {
          for (let round = 0; round < kills && ledger.violations.length === 0; round++) {
            const client = createClient(server.url, ledger);
            let over = false;
            const load = runLoad({
              client,
              random,
              clients: 4 + random.below(5),
              seed: 0,
              round,
              isOver: () => over,
            });
            await client.sent(random.below(requestsMax), roundMsMax);
            const children = childrenOf(server.pid);
            const killed = children[random.below(children.length)] ?? 0;
            process.kill(killed, "SIGKILL");
            over = true;
            await Promise.all([load, hasEnded(killed)]);
            // What the killed process held of uploads, it holds for some seconds still.
            await isReady(server.url);
            await audit(createClient(server.url, ledger), {
              whole: round === kills - 1,
              sessions: "kept",
            });
          }
          expect(ledger.violations).toEqual([]);
          expect(ledger.acknowledgedPushes).toBeGreaterThan(kills);
          expect(await server.stop()).toBe(0);
          const verified = await runCommand(folder.path, "verify");
          expect(verified).toMatchObject({ code: 0 });
        } finally {
          await server.kill();
          folder.remove();
        }
      },
      60_000 + kills * 20_000,
    );
  }
});

/** What comes while it dies is reset: no answer that tells anything. */
async function hasEnded(pid: number): Promise<void> {
  while (existsSync(`/proc/${pid}`)) await Bun.sleep(5);
}

async function isReady(url: string): Promise<void> {
  for (let waited = 0; waited < 20_000; waited += 20) {
    const answer = await fetch(`${url}/readyz`).catch(() => null);
    if (answer?.ok) return;
    await Bun.sleep(20);
  }
  throw new Error("it did not get ready again");
}
