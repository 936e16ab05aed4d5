import { createServer } from "node:net";
import { listen } from "../../test/support/listening.ts";
import { manage, seed } from "../accounts.ts";
import { type Bench, berthOf, record, settleDisk } from "../bench.ts";
import { pool } from "../measure.ts";
import { connections, newImage, nth, pushImage, putManifest } from "../registry-client.ts";
import { medianShare, type Sample, sampleInTurns } from "../samples.ts";
import type { Server } from "../server.ts";
import { withVariants } from "../variants.ts";

const atOnce = 16;
const layerBytes = 2048;
const queuedWithinMs = 120_000;
const repository = "bench/told";

/**
 * A manifest put under new tags by 16 clients: where nobody is told, and where 10,000 messages wait for a
 * receiver that takes connections and never answers, and each push adds one.
 */
export async function webhooks(bench: Bench): Promise<void> {
  const berth = berthOf(bench);
  const queued = bench.quick ? 1_000 : 10_000;
  const perTurn = bench.quick ? 300 : 1_500;
  const dead = await listen(createServer((socket) => socket.on("error", () => {})));
  const settings = { BERTH_WEBHOOKS_ALLOW: "127.0.0.1" };
  const variants = { untold: { settings }, dead: { settings } };
  try {
    await withVariants(bench, berth, "webhooks", variants, async (servers) => {
      await manage(servers.dead, "POST", "/webhooks", { url: `http://127.0.0.1:${dead.port}/` });
      const image = newImage([layerBytes]);
      for (const server of [servers.untold, servers.dead]) {
        const all = await connections(server.port, atOnce);
        await pushImage(nth(all, 0), repository, "first", image);
        const free = [...all];
        await seed(queued, async (index) => {
          const at = free.pop() ?? nth(all, index);
          await putManifest(at, repository, `queued-${index}`, image.manifest.bytes);
          free.push(at);
        });
        for (const connection of all) connection.close();
      }
      await untilQueued(servers.dead, queued);
      const tag = (server: Server) => (turn: number) =>
        putMany(server, image.manifest.bytes, { count: perTurn, turn });
      const samples = await sampleInTurns(
        { untold: tag(servers.untold), dead: tag(servers.dead) },
        bench.quick ? 1 : 7,
      );
      for (const { p99Ms } of samples.untold) record(bench, "webhooks_untold", berth, p99Ms);
      for (const { p99Ms } of samples.dead) record(bench, "webhooks_dead", berth, p99Ms);
      const p99 = ({ p99Ms }: Sample) => p99Ms;
      const factor = medianShare(samples.dead.map(p99), samples.untold.map(p99));
      record(bench, "webhooks_x", berth, factor);
    });
  } finally {
    await dead.stop();
  }
}

async function putMany(
  server: Server,
  manifest: Uint8Array,
  { count, turn }: { count: number; turn: number },
): Promise<Sample> {
  const all = await connections(server.port, atOnce);
  await settleDisk();
  const result = await pool({ count }, atOnce, (index, worker) =>
    putManifest(nth(all, worker), repository, `t-${turn}-${index}`, manifest),
  );
  for (const connection of all) connection.close();
  return result;
}

async function untilQueued(server: Server, count: number): Promise<void> {
  const begun = performance.now();
  for (;;) {
    const text = await (await fetch(`${server.origin}/metrics`)).text();
    const waiting = /^berth_webhook_pending (\d+)/m.exec(text)?.[1];
    if (Number(waiting) >= count) return;
    if (performance.now() - begun > queuedWithinMs) throw new Error(`only ${waiting} wait`);
    await Bun.sleep(500);
  }
}
