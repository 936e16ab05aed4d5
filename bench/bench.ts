import { join } from "node:path";
import { median, usageOf } from "./measure.ts";
import type { Peer, PeerName } from "./peers.ts";
import { type Server, type StartOptions, startServer } from "./server.ts";

/** One run: its registries, how long it may take, and what it has measured. */
export interface Bench {
  peers: Peer[];
  quick: boolean;
  /** How often each registry does a piece of work; the table shows the median. */
  rounds: number;
  /** The length of one timed load. */
  seconds: number;
  folder: string;
  results: Results;
  /** The command line that started each registry. */
  commands: Partial<Record<PeerName, string>>;
}

/** Every sample, by row and registry. */
export type Results = Record<string, Partial<Record<PeerName, number[]>>>;

export function record(bench: Bench, row: string, peer: Peer, value: number): void {
  if (!Number.isFinite(value)) throw new Error(`${row} of ${peer.title} is ${value}`);
  bench.results[row] ??= {};
  bench.results[row][peer.name] ??= [];
  bench.results[row][peer.name]?.push(value);
}

export function medianOf(results: Results, row: string, peer: PeerName): number | null {
  const samples = results[row]?.[peer];
  return samples === undefined || samples.length === 0 ? null : median(samples);
}

/** For cases that Berth is in with several settings. */
export function berthOf(bench: Bench): Peer {
  const berth = bench.peers.find((peer) => peer.name === "berth");
  if (berth === undefined) throw new Error("this run has no Berth");
  return berth;
}

/** Starts each registry on a fresh folder, does the work, and stops them and removes the folders. */
export async function withServers(
  bench: Bench,
  name: string,
  options: StartOptions,
  work: (servers: Server[]) => Promise<void>,
  peers: Peer[] = bench.peers,
): Promise<void> {
  const servers: Server[] = [];
  try {
    for (const peer of peers) {
      servers.push(await launch(bench, name, peer, options));
    }
    await work(servers);
  } catch (error) {
    for (const server of servers) console.error(server.state());
    throw error;
  } finally {
    for (const server of servers) await server.stop();
    for (const peer of peers) await removeFolder(folderOf(bench, name, peer));
  }
}

/** Starts one registry on the folder of this name, and notes its command line. */
export async function launch(
  bench: Bench,
  name: string,
  peer: Peer,
  options: StartOptions = {},
): Promise<Server> {
  const server = await startServer(peer, folderOf(bench, name, peer), options);
  // Not those of a case that is about other settings.
  if (!options.settings && !options.s3 && !options.collects) {
    bench.commands[peer.name] ??= server.command;
  }
  return server;
}

export function folderOf(bench: Bench, name: string, peer: Peer): string {
  return join(bench.folder, `${name}-${peer.name}`);
}

export async function removeFolder(folder: string): Promise<void> {
  await Bun.$`rm -rf ${folder}`.quiet();
}

/** Round after round, each second one in reverse, so that drift of the machine favours nobody. */
export async function inTurns(
  bench: Bench,
  servers: Server[],
  work: (server: Server, round: number) => Promise<void>,
  rounds: number = bench.rounds,
): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? servers : servers.toReversed();
    for (const server of order) await work(server, round);
  }
}

/** What `work` gives, and the seconds of processor time the server spent meanwhile. */
export async function cpuDuring<T>(server: Server, work: () => Promise<T>): Promise<[T, number]> {
  const before = usageOf(server.pid).cpuSeconds;
  const result = await work();
  return [result, usageOf(server.pid).cpuSeconds - before];
}

/** Written-back data of one registry must not slow the next one down. */
export async function settleDisk(): Promise<void> {
  await Bun.$`sync`.quiet();
}
