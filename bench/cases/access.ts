import {
  type Account,
  basicOf,
  bearerFor,
  closedMode,
  makeRobot,
  makeUser,
  manage,
  setMember,
  tokenPath,
} from "../accounts.ts";
import { type Bench, cpuDuring, launch, record } from "../bench.ts";
import { connect, head } from "../connection.ts";
import { removeCopy, withCopies } from "../copies.ts";
import { median, pool } from "../measure.ts";
import type { Peer } from "../peers.ts";
import { connections, expectStatus, newImage, nth, pushImage } from "../registry-client.ts";
import { type CostSample, getSample, recordSamples, sampleInTurns, shareOf } from "../samples.ts";
import type { Server } from "../server.ts";
import { type ImageStore, manyGrants } from "./many-grants.ts";

const tokenConnections = 8;
const floodConnections = 16;
/** Accounts that a flood guesses at; nobody has these names. */
const guessedAccounts = 5_000;
const repositories = 200;
const layerBytes = 64 * 1024;
const oneManifest = ["/v2/bench/r0/manifests/v1"];
const pullScope = "repository:bench/r0:pull";

interface Store extends ImageStore {
  user: Account & { password: string };
  puller: Account;
}

/** What access control costs: Berth beside itself on copies of one store, turn by turn. */
export async function accessControl(bench: Bench): Promise<void> {
  const berth = bench.peers.find((peer) => peer.name === "berth");
  if (berth === undefined) return;
  const store = await makeStore(bench, berth);
  const closed = { settings: closedMode };
  const shares = new Map<string, number[]>();
  for (let round = 0; round < rounds(bench); round++) {
    await withCopies(bench, berth, "access", { open: {}, closed }, async (servers) => {
      await timedModes(bench, berth, servers, store, shares);
      if (round === 0) await timedTokens(bench, servers.closed, store.puller);
    });
  }
  for (const [mode, taken] of shares) record(bench, `access_${mode}_share`, berth, median(taken));
  await loginFlood(bench, berth, store);
  await manyGrants(bench, berth, store);
  await removeCopy(bench, berth, "access");
}

/** Images pushed in open mode; then accounts that may pull them. */
async function makeStore(bench: Bench, berth: Peer): Promise<Store> {
  const filling = await launch(bench, "access", berth);
  const images = Array.from({ length: repositories }, () => newImage([layerBytes]));
  const at = await connect(filling.port);
  for (const [index, image] of images.entries()) {
    await pushImage(at, `bench/r${index}`, "v1", image);
  }
  at.close();
  await filling.stop();
  const server = await launch(bench, "access", berth, { settings: closedMode });
  await manage(server, "POST", "/users", { name: "admin", administrator: true });
  const user = await makeUser(server, "reader");
  await setMember(server, "bench", "reader", "ci");
  const puller = await makeRobot(server, "bench", "puller", "reader");
  await server.stop();
  const manifests = images.map((_, index) => `/v2/bench/r${index}/manifests/v1`);
  return { image: nth(images, 0), manifests, user, puller, robot: puller.name };
}

/** Processes of one program differ by more than what is looked for: each round has new ones. */
function rounds(bench: Bench): number {
  return 2 * bench.rounds;
}

async function timedModes(
  bench: Bench,
  berth: Peer,
  servers: { open: Server; closed: Server },
  { user, puller }: Store,
  shares: Map<string, number[]>,
): Promise<void> {
  const bearer = await bearerFor(servers.closed, puller.basic, pullScope);
  const samples = await sampleInTurns(
    {
      open: () => reads(servers.open, {}),
      bearer: () => reads(servers.closed, { Authorization: bearer }),
      pat: () => reads(servers.closed, { Authorization: user.basic }),
      robot: () => reads(servers.closed, { Authorization: puller.basic }),
    },
    bench.seconds,
  );
  for (const [mode, taken] of Object.entries(samples)) {
    recordSamples(bench, `access_${mode}`, berth, taken);
    if (mode === "open") continue;
    shares.set(mode, [...(shares.get(mode) ?? []), shareOf(taken, samples.open)]);
  }
}

/** One second of manifest GETs by tag. */
function reads(server: Server, headers: Record<string, string>): Promise<CostSample> {
  return getSample([server], oneManifest, { headers });
}

async function timedTokens(bench: Bench, server: Server, puller: Account): Promise<void> {
  const all = await connections(server.port, tokenConnections);
  const request = head("GET", tokenPath(pullScope), { Authorization: puller.basic });
  const ask = async (_: number, worker: number) => {
    expectStatus(await nth(all, worker).request(request), 200, "GET /token");
  };
  await pool({ seconds: 0.5 }, tokenConnections, ask);
  for (let round = 0; round < bench.rounds; round++) {
    const [load, cpu] = await cpuDuring(server, () =>
      pool({ seconds: bench.seconds / 2 }, tokenConnections, ask),
    );
    record(bench, "token", server.peer, load.perSecond);
    record(bench, "token_p50", server.peer, load.p50Ms);
    record(bench, "token_p99", server.peer, load.p99Ms);
    record(bench, "token_ms", server.peer, (cpu / load.count) * 1e3);
  }
  for (const connection of all) connection.close();
}

/** Pulls with a token, alone and beside clients that guess at passwords without a pause. */
async function loginFlood(bench: Bench, berth: Peer, { user, puller }: Store): Promise<void> {
  const settings = { ...closedMode, BERTH_TRUSTED_PROXIES: "127.0.0.1" };
  await withCopies(bench, berth, "access", { closed: { settings } }, async ({ closed }) => {
    const bearer = await bearerFor(closed, puller.basic, pullScope);
    const pulls = () => reads(closed, { Authorization: bearer });
    const measures = {
      idle: pulls,
      one: () => beside(closed, user.password, () => "198.51.100.7", pulls),
      many: () => beside(closed, user.password, randomAddress, pulls),
    };
    const samples = await sampleInTurns(measures, 2 * bench.seconds);
    for (const [flood, taken] of Object.entries(samples)) {
      for (const { p99Ms } of taken) record(bench, `flood_${flood}`, berth, p99Ms);
      const factors = taken.map(({ p99Ms }, turn) => p99Ms / nth(samples.idle, turn).p99Ms);
      if (flood !== "idle") record(bench, `flood_${flood}_x`, berth, median(factors));
    }
  });
}

/** What `work` gives while clients sign in with wrong passwords and, each fourth time, a right one. */
async function beside<T>(
  server: Server,
  right: string,
  address: () => string,
  work: () => Promise<T>,
): Promise<T> {
  const all = await connections(server.port, floodConnections);
  let over = false;
  let next = 0;
  const flood = all.map(async (at) => {
    while (!over) {
      const turn = next++;
      const guess = basicOf(`guess-${turn % guessedAccounts}`, `wrong-password-${turn}`);
      const authorization = turn % 4 === 0 ? right : guess;
      const headers = { Authorization: authorization, "X-Forwarded-For": address() };
      const { status } = await at.request(head("GET", "/v2/", headers));
      if (status !== 200 && status !== 401 && status !== 429) {
        throw new Error(`a sign-in answered ${status}`);
      }
    }
  });
  const result = await work();
  over = true;
  await Promise.all(flood);
  for (const connection of all) connection.close();
  return result;
}

function randomAddress(): string {
  const byte = () => Math.floor(Math.random() * 256);
  return `10.${byte()}.${byte()}.${byte()}`;
}
