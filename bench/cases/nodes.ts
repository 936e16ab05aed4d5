import { randomBytes } from "node:crypto";
import { type Bench, berthOf, record, settleDisk } from "../bench.ts";
import { connect } from "../connection.ts";
import { drain, median, usageOf } from "../measure.ts";
import type { Peer } from "../peers.ts";
import { type PostgresServer, withPostgres } from "../postgres-server.ts";
import { type LongBlob, longBlob, nth, pullChunked, pushStreamed } from "../registry-client.ts";
import { type S3Server, withS3 } from "../s3-server.ts";
import {
  cpuOfAll,
  getSample,
  medianShare,
  readConnections,
  recordSamples,
  sampleInTurns,
} from "../samples.ts";
import type { Server, StartOptions } from "../server.ts";
import { withVariants } from "../variants.ts";
import { transfersFor } from "./memory.ts";
import { pushedManifests, pushSample } from "./small-pushes.ts";

const idleAfterMs = 3000;
const largeBytes = 64 * 1024 * 1024;
const pieceBytes = 8 * 1024 * 1024;
/** So many at a time, one for each of the three nodes. */
const atOnce = 3;
/** Until a blob is in a node's cache. */
const pullsMax = 50;
const repository = "bench/big";
const images = 100;
const manifests = pushedManifests(images, "seed");

/** Three nodes on PostgreSQL and S3 beside one: in turn, and all at once on the same cores. */
export async function threeNodes(bench: Bench): Promise<void> {
  const berth = berthOf(bench);
  await withPostgres((postgres) =>
    withS3(bench, "nodes", async (s3) => {
      const alone = await nodeOf(postgres, s3, "one");
      await memoryOfNode(bench, berth, await nodeOf(postgres, s3, "memory"));
      const shared = await nodeOf(postgres, s3, "three");
      const options = { one: alone, first: shared, second: shared, third: shared };
      await withVariants(bench, berth, "nodes", options, async (servers) => {
        const { one, first, second, third } = servers;
        const all = { one: [one], three: [first, second, third] };
        await timedReads(bench, berth, all);
        await timedPushes(bench, berth, all);
        await timedPulls(bench, berth, all);
      });
    }),
  );
}

interface Shapes {
  one: Server[];
  three: Server[];
}

/** Processor time of all nodes for each unit of the work that `load` gives to one group after another. */
async function costOfGroups(
  groups: Server[][],
  load: (group: Server[]) => Promise<number>,
): Promise<number> {
  let done = 0;
  const [, cpuSeconds] = await cpuOfAll(groups.flat(), async () => {
    for (const group of groups) done += await load(group);
  });
  return cpuSeconds / done;
}

/** One after another each has the cores to itself, as on a machine of its own. */
function inTurn(nodes: Server[]): Server[][] {
  return nodes.map((node) => [node]);
}

async function requestsOf(servers: Server[]): Promise<number> {
  return (await getSample(servers, manifests)).requests;
}

/** The settings of all nodes of one new database and one prefix. */
async function nodeOf(
  postgres: PostgresServer,
  s3: S3Server,
  prefix: string,
): Promise<StartOptions> {
  const settings = {
    BERTH_DATABASE: await postgres.createDatabase(),
    BERTH_SECRET_KEY: randomBytes(32).toString("base64"),
    BERTH_S3_REDIRECT: "false",
  };
  return { settings, s3: s3.place(prefix) };
}

async function memoryOfNode(bench: Bench, berth: Peer, options: StartOptions): Promise<void> {
  await withVariants(bench, berth, "nodes", { memory: options }, async ({ memory }) => {
    await Bun.sleep(idleAfterMs);
    record(bench, "node_idle", berth, usageOf(memory.pid).memoryMb);
    const seconds = bench.quick ? 5 : 15;
    const moved = await transfersFor(memory, "node", randomBytes(pieceBytes), seconds);
    record(bench, "node_peak", berth, moved.memoryPeakMb);
    record(bench, "node_peak_rate", berth, moved.megabytesPerSecond);
  });
}

async function timedReads(bench: Bench, berth: Peer, { one, three }: Shapes): Promise<void> {
  for (const server of [...one, nth(three, 0)]) await pushSample(server, images, "seed");
  const pushes = await sampleInTurns(
    { one: (turn) => pushSample(nth(one, 0), images, `t${turn}`) },
    bench.rounds,
  );
  recordSamples(bench, "one_node_image_push", berth, pushes.one);
  const samples = await sampleInTurns(
    {
      one: () => getSample(one, manifests),
      turns: async () => ({ cpuMicros: 1e6 * (await costOfGroups(inTurn(three), requestsOf)) }),
      three: () => getSample(three, manifests, { connections: 3 * readConnections }),
      shared: () => getSample(three, manifests),
    },
    2 * bench.seconds,
  );
  const cpu = (of: { cpuMicros: number }[]) => of.map(({ cpuMicros }) => cpuMicros);
  recordSamples(bench, "one_node_get", berth, samples.one);
  recordSamples(bench, "three_nodes_get", berth, samples.three);
  record(bench, "nodes_get_x", berth, medianShare(cpu(samples.turns), cpu(samples.one)));
  record(bench, "nodes_get_cores_x", berth, medianShare(cpu(samples.three), cpu(samples.one)));
  record(bench, "nodes_get_shared_x", berth, medianShare(cpu(samples.shared), cpu(samples.one)));
}

/** Three blobs of 64 MiB at a time, each to a node of its own where there are three. */
async function timedPushes(bench: Bench, berth: Peer, all: Shapes): Promise<void> {
  const piece = randomBytes(pieceBytes);
  await costPerGigabyte(bench, berth, "push", all, async (servers) => {
    const blobs = Array.from({ length: atOnce }, () => longBlob(largeBytes, piece));
    await settleDisk();
    await Promise.all(blobs.map((blob, index) => push(nth(servers, index), blob)));
    return (atOnce * largeBytes) / 1e9;
  });
}

/**
 * One blob of 64 MiB to three clients, from the caches that the nodes have on disk. Each is a process of its
 * own in both cases: one that reads from three connections in turn leaves more to send at a time.
 */
async function timedPulls(bench: Bench, berth: Peer, all: Shapes): Promise<void> {
  const blob = longBlob(largeBytes, randomBytes(pieceBytes));
  for (const server of [...all.one, nth(all.three, 0)]) await push(server, blob);
  for (const { origin } of [...all.one, ...all.three]) await untilCached(origin, blob);
  const path = `/v2/${repository}/blobs/${blob.digest}`;
  await costPerGigabyte(bench, berth, "pull", all, async (servers) => {
    const clients = Array.from({ length: atOnce }, (_, index) => nth(servers, index).port);
    const pulled = await Promise.all(
      clients.map((port) => drain(port, path, { connections: 1, seconds: 1 })),
    );
    return pulled.reduce((sum, { gigabytes }) => sum + gigabytes, 0);
  });
}

/** The first pull of a node fills its cache; the file is whole a little later. */
async function untilCached(origin: string, { digest, sizeBytes }: LongBlob): Promise<void> {
  for (let pull = 0; pull < pullsMax; pull++) {
    if (await pullChunked(origin, repository, digest, sizeBytes)) return;
    await Bun.sleep(100);
  }
  throw new Error(`${origin} does not keep ${digest} in its cache`);
}

async function costPerGigabyte(
  bench: Bench,
  berth: Peer,
  what: "push" | "pull",
  { one, three }: Shapes,
  gigabytes: (servers: Server[]) => Promise<number>,
): Promise<void> {
  const measures = {
    one: () => costOfGroups([one], gigabytes),
    turns: () => costOfGroups(inTurn(three), gigabytes),
    three: () => costOfGroups([three], gigabytes),
  };
  const costs = await sampleInTurns(measures, bench.seconds);
  record(bench, `one_node_${what}_cpu`, berth, median(costs.one));
  record(bench, `three_nodes_${what}_cpu`, berth, median(costs.three));
  record(bench, `nodes_${what}_x`, berth, medianShare(costs.turns, costs.one));
  record(bench, `nodes_${what}_cores_x`, berth, medianShare(costs.three, costs.one));
}

async function push(server: Server, blob: LongBlob): Promise<void> {
  const at = await connect(server.port);
  await pushStreamed(at, repository, blob.digest, blob.body());
  at.close();
}
