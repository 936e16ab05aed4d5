/**
 * Goal: a kill at any moment of a backup or a restore leaves nothing that is taken for one, and the same
 * command goes on. Method: SIGKILL at a random time after it was seen at work, of the server or of the command,
 * again and again.
 */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { runCommand, spawnCommand, startChild, temporaryFolder } from "../faults/support/child.ts";
import { createRandom } from "../faults/support/random.ts";
import { inCi, numberFrom } from "../faults/support/requirements.ts";
import { createOciClient } from "../support/oci-client.ts";
import { bringKey, fill, pullAll, serve } from "./world.ts";

const kills = numberFrom("BERTH_TEST_KILLS", inCi ? 12 : 5);
const seed = numberFrom("BERTH_TEST_SEED", Math.floor(performance.timeOrigin % 2 ** 31));
const size = { images: 150, layers: 12, layerBytes: 6_000_000 };
/** After it was seen at work; all of it takes about as long. */
const killMsMax = 250;
const beginMsMax = 10_000;

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.remove());

test.each(["kept", "kept.tar"])(
  `kills while %s is made (BERTH_TEST_SEED=${seed})`,
  async (name) => {
    const random = createRandom(seed);
    const data = join(folder.path, "data");
    const target = join(folder.path, name);
    let server = await startChild({ data });
    try {
      const client = createOciClient((path, init) => fetch(server.url + path, init));
      const stored = await fill(client, size);
      for (let count = 0; count < kills; count++) {
        const before = sizeOfUnfinished(target);
        const making = spawnCommand({ data }, "backup", "create", target);
        await until(making, () => sizeOfUnfinished(target) !== before);
        await Bun.sleep(random.below(killMsMax));
        if (count % 2 === 0) {
          await server.kill();
          await making.ended;
          server = await startChild({ data });
        } else {
          making.kill("SIGKILL");
          await making.ended;
        }
        await expectOnlyWhole(data, target);
        if (existsSync(join(folder.path, "kept.tar"))) break;
      }
      const isMade = target.endsWith(".tar") && existsSync(target);
      const last = isMade ? { code: 0 } : await runCommand(data, "backup", "create", target);
      expect(last).toMatchObject({ code: 0 });
      expect(await runCommand(data, "backup", "verify", target)).toMatchObject({ code: 0 });
      await server.kill();

      const other = join(folder.path, "other");
      bringKey(data, other);
      for (let count = 0; count < kills; count++) {
        const restoring = spawnCommand({ data: other }, "backup", "restore", target);
        await until(restoring, () => existsSync(join(other, "restoring")));
        await Bun.sleep(random.below(killMsMax));
        restoring.kill("SIGKILL");
        const { code } = await restoring.ended;
        if (code === 0 || !existsSync(join(other, "restoring"))) break;
        const refused = await runCommand(other, "serve", "--listen", "127.0.0.1:0");
        expect(refused).toMatchObject({
          code: 1,
          output: expect.stringContaining("the beginning of a restore"),
        });
      }
      if (!existsSync(join(other, "berth.db"))) {
        expect(await runCommand(other, "backup", "restore", target)).toMatchObject({ code: 0 });
      }
      expect(await runCommand(other, "verify")).toMatchObject({ code: 0 });
      const restored = await serve(other);
      server = restored.child;
      expect(await pullAll(restored.client, stored)).toEqual([]);
    } finally {
      await server.kill();
    }
  },
  120_000 + kills * 20_000,
);

async function expectOnlyWhole(data: string, target: string): Promise<void> {
  if (!existsSync(target)) return;
  const verified = await runCommand(data, "backup", "verify", target);
  if (verified.code !== 0) expect(verified.output).toContain("There is no backup");
}

/** Of what is being written of a backup; of a folder how many files. */
function sizeOfUnfinished(target: string): number {
  if (target.endsWith(".tar")) {
    return statSync(`${target}.unfinished`, { throwIfNoEntry: false })?.size ?? 0;
  }
  const unfinished = join(target, "unfinished");
  return existsSync(unfinished) ? readdirSync(unfinished).length : 0;
}

/** Waits until it is so, or until the command has ended before anybody could see it. */
async function until(command: { ended: Promise<unknown> }, isSo: () => boolean): Promise<void> {
  let hasEnded = false;
  void command.ended.then(() => {
    hasEnded = true;
  });
  for (let waited = 0; waited < beginMsMax && !hasEnded && !isSo(); waited += 2) await Bun.sleep(2);
}
