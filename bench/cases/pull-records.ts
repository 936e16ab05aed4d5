import { join } from "node:path";
import { type Bench, berthOf, record } from "../bench.ts";
import { median, usageOf } from "../measure.ts";
import { getSample } from "../samples.ts";
import type { Server } from "../server.ts";
import { withVariants } from "../variants.ts";
import { pushedManifests, pushSample } from "./small-pushes.ts";

const images = 200;
const manifests = pushedManifests(images, "seed");
/** Pulls with their records and without: so many pairs for each second of other loads. */
const pairsPerSecond = 5;
const pairSeconds = 4.4;

/** Berth from its source, which takes the record of pulls out and puts it back at a signal. */
export async function pullRecords(bench: Bench): Promise<void> {
  const berth = berthOf(bench);
  const source = join(import.meta.dir, "../../src/main.ts");
  const preload = join(import.meta.dir, "../pull-records.ts");
  const program = [process.execPath, "--preload", preload, source, "serve"];
  const pairs = pairsPerSecond * bench.seconds;
  const shares: number[] = [];
  for (let round = 0; round < bench.rounds; round++) {
    await withVariants(bench, berth, "records", { records: { program } }, async ({ records }) => {
      await pushSample(records, images, "seed");
      const load = getSample([records], manifests, {
        seconds: Math.ceil((pairs + 1) * pairSeconds),
      });
      for (let pair = 0; pair <= pairs; pair++) {
        const kept = await steadyCost(records);
        process.kill(records.pid, "SIGUSR2");
        const none = await steadyCost(records);
        process.kill(records.pid, "SIGUSR2");
        // The first pair only warms up.
        if (pair > 0) shares.push(kept / none);
      }
      await load;
    });
  }
  record(bench, "pull_records", berth, median(shares));
}

/** Processor time of a GET in a second that begins when all is written of what was before. */
async function steadyCost(server: Server): Promise<number> {
  await Bun.sleep(1100);
  const before = await look(server);
  await Bun.sleep(1000);
  const after = await look(server);
  return (after.cpuSeconds - before.cpuSeconds) / (after.requests - before.requests);
}

async function look({ pid, origin }: Server): Promise<{ cpuSeconds: number; requests: number }> {
  const metrics = await (await fetch(`${origin}/metrics`)).text();
  const counted =
    /^registry_http_requests_total\{handler="manifest",method="get",code="200"\} (\d+)$/m;
  return { cpuSeconds: usageOf(pid).cpuSeconds, requests: Number(counted.exec(metrics)?.[1]) };
}
