import { type Bench, folderOf, inTurns, record, settleDisk, withServers } from "../bench.ts";
import { connect, head } from "../connection.ts";
import { getLoad, median, pool, quantile } from "../measure.ts";
import {
  type Blob,
  connections,
  expectStatus,
  type Image,
  manifestOf,
  manifestType,
  newImage,
  nth,
  pushBlob,
  putManifest,
} from "../registry-client.ts";
import type { Server } from "../server.ts";
import { timedGets } from "./small-reads.ts";
import { writeZotRepository } from "./zot-folder.ts";

const manyTags = 10_000;
const curveSizes = [10, 1_000, 10_000, 100_000];
const curveConnections = 8;
const curveTagsPerPush = 10;
const seedClients = 32;
/** Tags a load reads, drawn from the whole repository. */
const tagsRead = 5_000;
const pageSize = 100;
const listsPerRound = 15;
const accept = { Accept: manifestType };

/** Reads, lists and pushes in a repository of 10,000 tags, each on a manifest of its own. */
export async function manyTagsCase(bench: Bench): Promise<void> {
  const image = newImage([2048]);
  for (const peer of bench.peers) {
    if (peer.name !== "zot") continue;
    // Through its door this takes a quarter of an hour: every push rewrites the list of all tags.
    await writeZotRepository(folderOf(bench, "tags", peer), "bench/tags", image, seeds(image));
  }
  await withServers(bench, "tags", {}, async (servers) => {
    for (const server of servers) {
      if (server.peer.name !== "zot") await seedTags(server, "bench/tags", image, manyTags);
    }
    await settleDisk();
    for (const server of servers) await expectTags(server, "bench/tags", manyTags);
    const paths = tagPaths("bench/tags", manyTags);
    await timedGets(bench, servers, "tags_manifest_get", paths, accept);
    await inTurns(bench, servers, (server) => timedBlobHeads(bench, server, nth(image.layers, 0)));
    await inTurns(bench, servers, (server) => timedLists(bench, server, "tags", manyTags));
    await inTurns(bench, servers, (server, round) => timedTagPushes(bench, server, image, round));
  });
}

/** Berth alone: the time of a read by tag, and of the lists, as the repository grows. */
export async function tagCurve(bench: Bench): Promise<void> {
  const berth = bench.peers.filter((peer) => peer.name === "berth");
  const work = async (servers: Server[]) => {
    const image = newImage([2048]);
    for (const server of servers) {
      for (const size of curveSizes) {
        await seedTags(server, `bench/c${size}`, image, size, curveTagsPerPush);
      }
      await settleDisk();
      for (const size of curveSizes) await expectTags(server, `bench/c${size}`, size);
    }
    await inTurns(bench, servers, (server) => timedCurve(bench, server));
    const largest = Math.max(...curveSizes);
    await inTurns(bench, servers, (server) => timedLists(bench, server, `c${largest}`, largest));
  };
  await withServers(bench, "curve", {}, work, berth);
}

/** Second by second in turns: over longer stretches the machine drifts more than the sizes differ. */
async function timedCurve(bench: Bench, server: Server): Promise<void> {
  const options = { connections: curveConnections, headers: accept, seconds: 1 };
  const samples = curveSizes.map((size) => ({ size, p50s: [] as number[] }));
  for (let turn = 0; turn <= bench.seconds; turn++) {
    for (const { size, p50s } of turn % 2 === 0 ? samples : samples.toReversed()) {
      const load = await getLoad(server.origin, tagPaths(`bench/c${size}`, size), options);
      // The first warms up.
      if (turn > 0) p50s.push(load.p50Ms);
    }
  }
  const medians = samples.map(({ p50s }) => median(p50s));
  for (const [index, { size }] of samples.entries()) {
    record(bench, `curve_${size}`, server.peer, nth(medians, index));
  }
  record(bench, "curve_flat", server.peer, Math.max(...medians) / nth(medians, 0));
}

async function timedBlobHeads(bench: Bench, server: Server, blob: Blob): Promise<void> {
  const at = await connect(server.port);
  const request = head("HEAD", `/v2/bench/tags/blobs/${blob.digest}`);
  const result = await pool({ seconds: bench.seconds / 2 }, 1, async () => {
    expectStatus(await at.request(request), 200, request);
  });
  at.close();
  record(bench, "tags_blob_head", server.peer, result.perSecond);
  record(bench, "tags_blob_head_p50", server.peer, result.p50Ms);
  record(bench, "tags_blob_head_p99", server.peer, result.p99Ms);
}

/** One client, one push after another, each of a manifest the registry does not have. */
async function timedTagPushes(
  bench: Bench,
  server: Server,
  image: Image,
  round: number,
): Promise<void> {
  const at = await connect(server.port);
  const result = await pool({ seconds: bench.seconds }, 1, async (index) => {
    const label = `pushed-${round}-${index}`;
    const manifest = manifestOf(image.config, image.layers, label);
    await putManifest(at, "bench/tags", label, manifest.bytes);
  });
  at.close();
  record(bench, "tags_push", server.peer, result.perSecond);
  record(bench, "tags_push_p50", server.peer, result.p50Ms);
  record(bench, "tags_push_p99", server.peer, result.p99Ms);
}

async function timedLists(
  bench: Bench,
  server: Server,
  name: string,
  count: number,
): Promise<void> {
  const all = `${server.origin}/v2/bench/${name}/tags/list`;
  const last = tagName(Math.floor(count / 2));
  const page = `${all}?n=${pageSize}&last=${last}`;
  record(bench, `${name}_page`, server.peer, await listTime(page, pageSize));
  record(bench, `${name}_all`, server.peer, await listTime(all, count));
}

/** The median time to the last byte, over one connection. A list that comes back short fails. */
async function listTime(url: string, expected: number): Promise<number> {
  const times: number[] = [];
  for (let run = 0; run < listsPerRound; run++) {
    const begun = performance.now();
    const response = await fetch(url);
    const bytes = await response.arrayBuffer();
    times.push(performance.now() - begun);
    const list = JSON.parse(new TextDecoder().decode(bytes)) as { tags?: string[] };
    if (list.tags?.length !== expected) {
      throw new Error(`${url} listed ${list.tags?.length ?? "no"} tags, not ${expected}`);
    }
  }
  return quantile(times, 0.5);
}

async function expectTags(server: Server, repository: string, count: number): Promise<void> {
  await listTime(`${server.origin}/v2/${repository}/tags/list`, count);
}

/** Puts each manifest under `perPush` tags in one request; more than one is Berth's own way. */
/** Manifests with so many tags each, in a repository of their own. */
export async function seedTags(
  server: Server,
  repository: string,
  image: Image,
  count: number,
  perPush = 1,
): Promise<void> {
  const all = await connections(server.port, seedClients);
  for (const blob of [image.config, ...image.layers]) await pushBlob(nth(all, 0), repository, blob);
  await pool({ count: count / perPush }, seedClients, (push, worker) => {
    const tags = Array.from({ length: perPush }, (_, tag) => tagName(push * perPush + tag));
    const manifest = manifestOf(image.config, image.layers, nth(tags, 0));
    const reference = perPush === 1 ? nth(tags, 0) : `${manifest.digest}?tag=${tags.join("&tag=")}`;
    return putManifest(nth(all, worker), repository, reference, manifest.bytes);
  });
  for (const connection of all) connection.close();
}

function* seeds(image: Image): Generator<{ tag: string; manifest: Blob }> {
  for (let index = 0; index < manyTags; index++) {
    const tag = tagName(index);
    yield { tag, manifest: manifestOf(image.config, image.layers, tag) };
  }
}

/** Paths of tags spread over the whole repository, in an order without locality. */
function tagPaths(repository: string, count: number): string[] {
  const reads = Math.min(count, tagsRead);
  const stride = 7919;
  return Array.from({ length: reads }, (_, index) => {
    const tag = Math.floor((((index * stride) % reads) * count) / reads);
    return `/v2/${repository}/manifests/${tagName(tag)}`;
  });
}

function tagName(index: number): string {
  return `tag-${String(index).padStart(6, "0")}`;
}
