import { expect, test } from "bun:test";
import { join } from "node:path";
import { startPostgres } from "../support/postgres.ts";
import { spawnChild, startChild, temporaryFolder } from "./support/child.ts";
import { createClient, imageOf, putManifest, statusOf, uploadBlob } from "./support/client.ts";
import { contentOf, createLedger } from "./support/ledger.ts";
import { createRandom } from "./support/random.ts";
import { describeFaults, inCi, numberFrom } from "./support/requirements.ts";

const rounds = numberFrom("BERTH_TEST_ROUNDS", inCi ? 8 : 3);
const seed = numberFrom("BERTH_TEST_SEED", Math.floor(performance.timeOrigin % 2 ** 31));
/** A node has made its tables by then. */
const killMsMax = 2_000;

describeFaults(`nodes that make tables (BERTH_TEST_SEED=${seed})`, ["PostgreSQL"], () => {
  test("may be killed at it: whoever comes next goes on", async () => {
    const random = createRandom(seed);
    const postgres = await startPostgres();
    const folder = temporaryFolder();
    const children: { kill(): Promise<void> }[] = [];
    try {
      for (let round = 0; round < rounds; round++) {
        const env = {
          BERTH_DATABASE: await postgres.createDatabase(),
          BERTH_SECRET_KEY: Buffer.alloc(32, "faults").toString("base64"),
        };
        const data = (name: string) => join(folder.path, `${round}-${name}`);
        const [killed, other] = await Promise.all([
          spawnChild({ data: data("killed"), env }),
          spawnChild({ data: data("other"), env }),
        ]);
        children.push(killed, other);
        await Bun.sleep(random.below(killMsMax));
        await Promise.all([killed.kill(), other.kill()]);
        const next = await startChild({ data: data("next"), env });
        children.push(next);
        await takesAnImage(next.url, round);
        expect(await next.stop()).toBe(0);
      }
    } finally {
      await Promise.all(children.map((child) => child.kill()));
      await postgres.remove();
      folder.remove();
    }
  }, 180_000);
});

async function takesAnImage(url: string, seed: number): Promise<void> {
  const ledger = createLedger();
  const client = createClient(url, ledger);
  const content = contentOf(seed, 2_000);
  expect(await uploadBlob(client, "new/app", content, "chunks")).toBe(true);
  expect(await putManifest(client, "new/app", imageOf(content, [content]), ["v1"])).toBe(true);
  expect(statusOf(await client.call("GET", "/v2/new/app/manifests/v1"))).toBe(200);
  expect(ledger.violations).toEqual([]);
}
