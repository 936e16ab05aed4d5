import { type Bench, cpuDuring, inTurns, record, withServers } from "../bench.ts";
import { connect, head } from "../connection.ts";
import { getLoad, pool } from "../measure.ts";
import {
  connections,
  expectStatus,
  type Image,
  manifestType,
  newImage,
  nth,
  pushBlob,
  pushImage,
  randomBlob,
} from "../registry-client.ts";
import type { Server } from "../server.ts";

const readConnections = 32;
const pullConnections = 32;
const smallBlobBytes = 2048;
const smallBlobCount = 64;
const imageCount = 40;
const layerBytes = 64 * 1024;
const accept = { Accept: manifestType };
const manifestPath = "/v2/bench/app/manifests/v1";

export const oneManifest = [manifestPath];

/** Manifest GET and HEAD by tag, each registry without its request log; then Berth with it. */
export async function manifestReads(bench: Bench): Promise<void> {
  await withServers(bench, "manifest", {}, async (servers) => {
    for (const server of servers) await pushOne(server);
    await timedGets(bench, servers, "manifest_get", oneManifest, accept);
    await inTurns(bench, servers, (server) => timedHeads(bench, server));
  });
  const berth = bench.peers.filter((peer) => peer.name === "berth");
  const logged = { logRequests: true };
  await withServers(
    bench,
    "logged",
    logged,
    async (servers) => {
      for (const server of servers) await pushOne(server);
      await timedGets(bench, servers, "manifest_get_logged", oneManifest, accept);
    },
    berth,
  );
}

export async function smallBlobs(bench: Bench): Promise<void> {
  await withServers(bench, "blob", {}, async (servers) => {
    const blobs = Array.from({ length: smallBlobCount }, () => randomBlob(smallBlobBytes));
    for (const server of servers) {
      const at = await connect(server.port);
      for (const blob of blobs) await pushBlob(at, "bench/app", blob);
      at.close();
    }
    const paths = blobs.map((blob) => `/v2/bench/app/blobs/${blob.digest}`);
    await timedGets(bench, servers, "blob_get", paths, {});
  });
}

/** Whole images: the manifest by tag, the manifest by digest, the config and both layers. */
export async function imagePulls(bench: Bench): Promise<void> {
  await withServers(bench, "image-pull", {}, async (servers) => {
    const images = Array.from({ length: imageCount }, () => newImage([layerBytes, layerBytes]));
    for (const server of servers) {
      const at = await connect(server.port);
      for (const [index, image] of images.entries()) {
        await pushImage(at, repositoryOf(index), "v1", image);
      }
      at.close();
    }
    const paths = images.flatMap((image, index) => pullPaths(repositoryOf(index), image));
    const perImage = paths.length / images.length;
    const options = { connections: pullConnections, headers: accept };
    for (const server of servers) await getLoad(server.origin, paths, { ...options, seconds: 1 });
    await inTurns(bench, servers, async (server) => {
      const load = await getLoad(server.origin, paths, { ...options, seconds: bench.seconds });
      record(bench, "image_pull", server.peer, load.requestsPerSecond / perImage);
    });
  });
}

/** A GET load in turns after a second of warming up, with its latencies and processor time. */
export async function timedGets(
  bench: Bench,
  servers: Server[],
  row: string,
  paths: string[],
  headers: Record<string, string>,
): Promise<void> {
  const options = { connections: readConnections, headers };
  for (const server of servers) await getLoad(server.origin, paths, { ...options, seconds: 1 });
  await inTurns(bench, servers, async (server) => {
    const [load, cpu] = await cpuDuring(server, () =>
      getLoad(server.origin, paths, { ...options, seconds: bench.seconds }),
    );
    record(bench, row, server.peer, load.requestsPerSecond);
    record(bench, `${row}_p50`, server.peer, load.p50Ms);
    record(bench, `${row}_p99`, server.peer, load.p99Ms);
    record(bench, `${row}_cpu`, server.peer, (cpu / load.requests) * 1e6);
  });
}

/** wrk waits for the body that a HEAD announces, so these come from here. */
async function timedHeads(bench: Bench, server: Server): Promise<void> {
  const all = await connections(server.port, readConnections);
  const request = head("HEAD", manifestPath, accept);
  const load = async (_: number, worker: number) => {
    expectStatus(await nth(all, worker).request(request), 200, request);
  };
  await pool({ seconds: 0.5 }, readConnections, load);
  const [heads, cpu] = await cpuDuring(server, () =>
    pool({ seconds: bench.seconds }, readConnections, load),
  );
  record(bench, "manifest_head", server.peer, heads.perSecond);
  record(bench, "manifest_head_p50", server.peer, heads.p50Ms);
  record(bench, "manifest_head_p99", server.peer, heads.p99Ms);
  record(bench, "manifest_head_cpu", server.peer, (cpu / heads.count) * 1e6);
  for (const connection of all) connection.close();
}

/** An image whose manifest is then there for GETs of `oneManifest`. */
export async function pushOne(server: Server): Promise<void> {
  const at = await connect(server.port);
  await pushImage(at, "bench/app", "v1", newImage([layerBytes, layerBytes]));
  at.close();
}

function pullPaths(repository: string, image: Image): string[] {
  const blobs = [image.config, ...image.layers];
  return [
    `/v2/${repository}/manifests/v1`,
    `/v2/${repository}/manifests/${image.manifest.digest}`,
    ...blobs.map((blob) => `/v2/${repository}/blobs/${blob.digest}`),
  ];
}

function repositoryOf(index: number): string {
  return `bench/r${index % 10}/i${index}`;
}
