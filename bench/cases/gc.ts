import { Database } from "bun:sqlite";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { manage, seed } from "../accounts.ts";
import {
  type Bench,
  berthOf,
  folderOf,
  launch,
  record,
  removeFolder,
  settleDisk,
} from "../bench.ts";
import { connect, head } from "../connection.ts";
import { getLoad, median } from "../measure.ts";
import type { Peer } from "../peers.ts";
import {
  blobOf,
  connections,
  expectStatus,
  newImage,
  nth,
  pushBlob,
  pushImage,
} from "../registry-client.ts";
import { endWithRun, type Server } from "../server.ts";

const layerBytes = 2048;
const pulls = { connections: 4, seconds: 4 };
const windowsIdle = 3;
const collectWithinMs = 600_000;
/** Collected by each registry out of one repository: zot waits as it likes between two. */
const comparedBlobs = 2_000;

export async function garbage(bench: Bench): Promise<void> {
  await besideRequests(bench);
  for (const peer of bench.peers) await alone(bench, peer);
}

/**
 * The same blobs, which no manifest refers to, on each registry, without requests: Berth and zot while
 * they serve, distribution by its command, while it is stopped.
 */
async function alone(bench: Bench, peer: Peer): Promise<void> {
  let server = await launch(bench, "gc-alone", peer);
  try {
    await pushGarbage(server, comparedBlobs, 1);
    await settleDisk();
    if (peer.name === "berth") {
      record(bench, "gc_alone", peer, await collected(server, comparedBlobs));
      return;
    }
    await server.stop();
    if (peer.name === "distribution") {
      record(bench, "gc_alone", peer, await collectedByCommand(server));
      return;
    }
    server = await launch(bench, "gc-alone", peer, { collects: true });
    record(bench, "gc_alone", peer, await untilGone(server));
  } finally {
    await server.stop();
    await removeFolder(folderOf(bench, "gc-alone", peer));
  }
}

async function collectedByCommand(server: Server): Promise<number> {
  const config = join(server.folder, "distribution.yml");
  const begun = performance.now();
  const command = [server.peer.binary, "garbage-collect", config];
  const child = Bun.spawn(command, {
    ...{ stdin: "ignore", stdout: "ignore", stderr: "ignore" },
    env: { ...process.env, OTEL_TRACES_EXPORTER: "none" },
  });
  endWithRun(child);
  const code = await child.exited;
  const seconds = (performance.now() - begun) / 1000;
  const blobs = join(server.folder, "data/docker/registry/v2/blobs/sha256");
  const left = readdirSync(blobs).flatMap((shard) => readdirSync(join(blobs, shard)));
  if (code !== 0 || left.length > 0) throw new Error(`it ended with ${code}, ${left.length} left`);
  return seconds;
}

/** Seconds from when the first file is gone to the last: when it begins is a matter of chance. */
async function untilGone(server: Server): Promise<number> {
  const began = performance.now();
  let first: number | null = null;
  for (;;) {
    // A repository of which nothing is left goes as a whole.
    const blobs = new Bun.Glob("data/bench/*/blobs/sha256/*");
    const left = [...blobs.scanSync({ cwd: server.folder })].length;
    const now = performance.now();
    if (first === null && left < comparedBlobs) first = now;
    if (left === 0) return (now - (first ?? now)) / 1000;
    if (now - began > collectWithinMs) throw new Error(`${left} blobs are not collected`);
    await Bun.sleep(20);
  }
}

/**
 * Blobs to which nothing refers are collected while an image is pulled by four connections and others are
 * pushed one after another: how long it takes, and what pulls notice of it.
 */
async function besideRequests(bench: Bench): Promise<void> {
  const peer = berthOf(bench);
  const blobs = bench.quick ? 10_000 : 100_000;
  const server = await launch(bench, "gc", peer);
  const pushing = new AbortController();
  try {
    await pushGarbage(server, blobs, 20);
    const image = newImage([layerBytes]);
    const at = await connect(server.port);
    await pushImage(at, "bench/kept", "v1", image);
    at.close();
    const paths = ["manifests/v1", `blobs/${image.layers[0]?.digest}`].map(
      (path) => `/v2/bench/kept/${path}`,
    );
    const pushes = pushOn(server, pushing.signal);

    const idle: number[] = [];
    for (let window = 0; window < windowsIdle; window++) {
      idle.push((await getLoad(server.origin, paths, pulls)).p99Ms);
    }
    const during: number[] = [];
    let collecting = true;
    const measuring = (async () => {
      while (collecting) during.push((await getLoad(server.origin, paths, pulls)).p99Ms);
    })();
    const seconds = await collected(server, blobs);
    collecting = false;
    await measuring;
    pushing.abort();
    await pushes;
    record(bench, "gc_seconds", peer, seconds);
    record(bench, "gc_rate", peer, blobs / seconds);
    record(bench, "gc_idle", peer, median(idle));
    record(bench, "gc_during", peer, median(during));
    record(bench, "gc_x", peer, median(during) / median(idle));
  } finally {
    pushing.abort();
    await server.stop();
    await removeFolder(folderOf(bench, "gc", peer));
  }
}

async function pushGarbage(server: Server, count: number, repositories: number): Promise<void> {
  const all = await connections(server.port, 16);
  const free = [...all];
  await seed(count, async (index) => {
    const at = free.pop() ?? nth(all, index);
    const blob = blobOf(Buffer.from(`garbage ${index} ${"x".repeat(100)}`));
    const path = `/v2/bench/gc${index % repositories}/blobs/uploads/?digest=${blob.digest}`;
    const headers = { "Content-Length": String(blob.bytes.length) };
    // distribution takes no blob in one request.
    if (server.peer.name !== "berth") await pushBlob(at, `bench/gc${index % repositories}`, blob);
    else
      expectStatus(
        await at.request(head("POST", path, headers), { body: [blob.bytes] }),
        201,
        path,
      );
    free.push(at);
  });
  for (const at of all) at.close();
}

/** Images of their own, one after another, until it is told to stop. */
async function pushOn(server: Server, signal: AbortSignal): Promise<void> {
  const at = await connect(server.port);
  for (let number = 0; !signal.aborted; number++) {
    await pushImage(at, "bench/pushed", `v${number}`, newImage([layerBytes]));
  }
  at.close();
}

/** Seconds until they are condemned and their files removed; their lease and their grace end by hand. */
async function collected(server: Server, blobs: number): Promise<number> {
  const condemning = await timed(
    server,
    "update repository_blobs set lease_until = 1",
    () => waiting(server).condemned >= blobs,
  );
  const removing = await timed(
    server,
    "update blobs set collect_after = 1 where collect_after is not null",
    () => waiting(server).removed >= blobs,
  );
  return condemning + removing;
}

/** Seconds from when garbage collection is told to begin, at what has become old just then. */
async function timed(server: Server, aging: string, isDone: () => boolean): Promise<number> {
  const db = new Database(join(server.folder, "data", "berth.db"));
  db.run("PRAGMA busy_timeout = 30000");
  db.run(aging);
  db.close();
  const begun = performance.now();
  await manage(server, "POST", "/gc/run", { accept: "amount" });
  while (!isDone()) {
    if (performance.now() - begun > collectWithinMs) throw new Error("it is not collected");
    await Bun.sleep(500);
  }
  return (performance.now() - begun) / 1000;
}

/** Read beside the server: asked often, it would count what waits in place of giving pulls. */
function waiting(server: Server): { condemned: number; removed: number } {
  const db = new Database(join(server.folder, "data", "berth.db"), { readonly: true });
  try {
    const read = (text: string) => db.query<{ n: number }, []>(text).get()?.n ?? 0;
    return {
      condemned: read("select count(*) as n from blobs where state = 'condemned'"),
      removed: read("select removed_blobs as n from gc_state"),
    };
  } finally {
    db.close();
  }
}
