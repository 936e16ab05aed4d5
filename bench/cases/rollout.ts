import { type Bench, inTurns, record, withServers } from "../bench.ts";
import { type Connection, connect, head } from "../connection.ts";
import { quantile } from "../measure.ts";
import { expectStatus, type Image, manifestType, newImage, pushImage } from "../registry-client.ts";

const clients = 1000;
const layerBytes = 64 * 1024;
const repository = "bench/rollout";

/** 1,000 new connections at the same moment, each pulling one small image as a node would. */
export async function rollout(bench: Bench): Promise<void> {
  await withServers(bench, "rollout", {}, async (servers) => {
    const image = newImage([layerBytes, layerBytes]);
    for (const server of servers) {
      const at = await connect(server.port);
      await pushImage(at, repository, "v1", image);
      at.close();
    }
    await inTurns(bench, servers, async (server) => {
      const all = await Promise.all(
        Array.from({ length: clients }, () => timedPull(server.port, image)),
      );
      const times = all.filter((time) => time !== null);
      const [p50, p99] = [quantile(times, 0.5), quantile(times, 0.99)];
      record(bench, "rollout_errors", server.peer, clients - times.length);
      record(bench, "rollout_p50", server.peer, p50);
      record(bench, "rollout_p99", server.peer, p99);
      record(bench, "rollout_spread", server.peer, p99 / p50);
    });
  });
}

/** Milliseconds from before the connect to the last byte; null when anything went wrong. */
async function timedPull(port: number, image: Image): Promise<number | null> {
  const begun = performance.now();
  let at: Connection | null = null;
  try {
    at = await connect(port);
    await get(at, `/v2/${repository}/manifests/v1`, image.manifest.bytes.length);
    await get(
      at,
      `/v2/${repository}/manifests/${image.manifest.digest}`,
      image.manifest.bytes.length,
    );
    for (const blob of [image.config, ...image.layers]) {
      await get(at, `/v2/${repository}/blobs/${blob.digest}`, blob.bytes.length);
    }
    return performance.now() - begun;
  } catch {
    return null;
  } finally {
    at?.close();
  }
}

async function get(at: Connection, path: string, size: number): Promise<void> {
  const reply = await at.request(head("GET", path, { Accept: manifestType }));
  expectStatus(reply, 200, path);
  if (reply.bodyBytes !== size) throw new Error(`${path} gave ${reply.bodyBytes} of ${size} bytes`);
}
