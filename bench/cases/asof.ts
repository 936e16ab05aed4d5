import { type Bench, inTurns, record, withServers } from "../bench.ts";
import { connect } from "../connection.ts";
import { getLoad } from "../measure.ts";
import { manifestType, newImage, pushImage } from "../registry-client.ts";
import type { Server } from "../server.ts";

const connections = 32;
/** Times that the tag has moved: a CI's in some days. */
const moves = 1_000;
const layerBytes = 2 * 1024;
const accept = { Accept: manifestType };

/** Berth alone: the same tag as it is, and as it was half of its moves ago. */
export async function pullsOfThePast(bench: Bench): Promise<void> {
  const berth = bench.peers.filter((peer) => peer.name === "berth");
  const work = async (servers: Server[]) => {
    for (const server of servers) {
      const past = await moveTag(server);
      const name = { now: "bench/app", past: `asof/${past}/bench/app` };
      const load = async (path: string, seconds: number) =>
        (await getLoad(server.origin, [path], { connections, headers: accept, seconds }))
          .requestsPerSecond;
      for (const each of Object.values(name)) await load(`/v2/${each}/manifests/v1`, 1);
      await inTurns(bench, [server], async () => {
        const now = await load(`/v2/${name.now}/manifests/v1`, bench.seconds);
        const then = await load(`/v2/${name.past}/manifests/v1`, bench.seconds);
        record(bench, "asof_get", server.peer, then);
        record(bench, "asof_get_x", server.peer, now / then);
      });
    }
  };
  await withServers(bench, "asof", {}, work, berth);
}

/** Returns a moment in the middle, as names have it. */
async function moveTag(server: Server): Promise<string> {
  const at = await connect(server.port);
  let middle = 0;
  for (let move = 0; move < moves; move++) {
    await pushImage(at, "bench/app", "v1", newImage([layerBytes]));
    if (move === moves / 2) middle = Date.now();
  }
  at.close();
  return new Date(middle).toISOString().replace(/[-:.]/g, "").toLowerCase();
}
