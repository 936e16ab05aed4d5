import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Bench, inTurns, record, settleDisk, withServers } from "../bench.ts";
import { pool } from "../measure.ts";
import {
  connections,
  type Image,
  newImage,
  nth,
  pushImage,
  putManifest,
} from "../registry-client.ts";
import { type CostSample, costOf, recordSamples } from "../samples.ts";
import type { Server } from "../server.ts";

const atOnce = 16;
const repositories = 20;
const layerBytes = 64 * 1024;
const tracedPushes = 48;
const syncCalls = ["fsync", "fdatasync", "syncfs", "sync_file_range", "sync"];

/** Images of two new 64 KiB layers and a new config, pushed by 16 clients to 20 repositories. */
export async function imagePushes(bench: Bench): Promise<void> {
  const perRound = bench.quick ? 200 : 400;
  await withServers(bench, "image-push", {}, async (servers) => {
    for (const server of servers) await pushMany(server, newImages(32), "warm");
    await inTurns(bench, servers, async (server, round) => {
      const sample = await pushSample(server, perRound, `r${round}`);
      recordSamples(bench, "image_push", server.peer, [sample]);
    });
  });
}

/** One manifest put under new tags by 16 clients, into a repository that starts empty each round. */
export async function retags(bench: Bench): Promise<void> {
  const perRound = bench.quick ? 500 : 2000;
  await withServers(bench, "retag", {}, async (servers) => {
    await inTurns(bench, servers, async (server, round) => {
      // Of its own: zot shows a blob of one repository in the others too.
      const image = newImage([layerBytes]);
      const repository = `bench/retag-${round}`;
      const all = await connections(server.port, atOnce);
      await pushImage(nth(all, 0), repository, "first", image);
      await settleDisk();
      const result = await pool({ count: perRound }, atOnce, (index, worker) =>
        putManifest(nth(all, worker), repository, `t-${index}`, image.manifest.bytes),
      );
      record(bench, "retag", server.peer, result.perSecond);
      record(bench, "retag_p50", server.peer, result.p50Ms);
      record(bench, "retag_p99", server.peer, result.p99Ms);
      for (const connection of all) connection.close();
    });
  });
}

/** Syncs per image pushed, counted by strace: one client, then 16 at once. */
export async function syncs(bench: Bench): Promise<void> {
  const trace = join(bench.folder, "syncs.trace");
  const tracer = ["strace", "-f", "-qq", "-e", `trace=${syncCalls.join(",")}`, "-o", trace, "--"];
  for (const peer of bench.peers) {
    const work = async (servers: Server[]) => {
      for (const server of servers) {
        const start = syncCount(trace);
        await pushMany(server, newImages(tracedPushes), "one", 1);
        const middle = syncCount(trace);
        await pushMany(server, newImages(tracedPushes), "many", atOnce);
        record(bench, "syncs_alone", peer, (middle - start) / tracedPushes);
        record(bench, "syncs_together", peer, (syncCount(trace) - middle) / tracedPushes);
      }
    };
    await withServers(bench, "syncs", { tracer }, work, [peer]);
  }
}

/** So many new images, pushed by 16 clients. */
export async function pushSample(
  server: Server,
  count: number,
  prefix: string,
): Promise<CostSample> {
  const images = newImages(count);
  await settleDisk();
  return await costOf(server, () => pushMany(server, images, prefix));
}

/** Where the manifests of `pushSample` are. */
export function pushedManifests(count: number, prefix: string): string[] {
  return Array.from({ length: count }, (_, index) => {
    return `/v2/${repositoryOf(index)}/manifests/${prefix}-${index}`;
  });
}

async function pushMany(server: Server, images: Image[], prefix: string, clients = atOnce) {
  const all = await connections(server.port, clients);
  const result = await pool({ count: images.length }, clients, (index, worker) =>
    pushImage(nth(all, worker), repositoryOf(index), `${prefix}-${index}`, nth(images, index)),
  );
  for (const connection of all) connection.close();
  return result;
}

function repositoryOf(index: number): string {
  return `bench/r${index % repositories}`;
}

function newImages(count: number): Image[] {
  return Array.from({ length: count }, () => newImage([layerBytes, layerBytes]));
}

/** Calls begun; `<... resumed>` lines are the ends of calls that another thread interrupted. */
function syncCount(trace: string): number {
  const calls = new RegExp(`^\\d+ +(?:${syncCalls.join("|")})\\(`);
  return readFileSync(trace, "utf8")
    .split("\n")
    .filter((line) => calls.test(line)).length;
}
