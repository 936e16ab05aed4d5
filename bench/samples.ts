import { type Bench, record } from "./bench.ts";
import { getLoad, median, type PoolResult, usageOf } from "./measure.ts";
import type { Peer } from "./peers.ts";
import { manifestType, nth } from "./registry-client.ts";
import type { Server } from "./server.ts";

/** What one load came to. */
export interface Sample {
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
}

export interface CostSample extends Sample {
  requests: number;
  /** Processor time of the servers for each request. */
  cpuMicros: number;
}

export const readConnections = 32;

/**
 * One after another, turn by turn, each other turn in reverse, so that what the machine does besides
 * falls on all of them. Samples with the same index are of one turn; the first turn only warms up.
 */
export async function sampleInTurns<Taken extends Record<string, unknown>>(
  measures: { [Name in keyof Taken]: (turn: number) => Promise<Taken[Name]> },
  turns: number,
): Promise<{ [Name in keyof Taken]: Taken[Name][] }> {
  const names = Object.keys(measures) as (keyof Taken)[];
  const samples = Object.fromEntries(names.map((name) => [name, [] as unknown[]]));
  for (let turn = 0; turn <= turns; turn++) {
    for (const name of turn % 2 === 0 ? names : names.toReversed()) {
      const sample = await measures[name](turn);
      if (turn > 0) samples[name as string]?.push(sample);
    }
  }
  return samples as { [Name in keyof Taken]: Taken[Name][] };
}

/** The median over the turns of one value as a share of the other. */
export function medianShare(values: number[], of: number[]): number {
  return median(values.map((value, turn) => value / nth(of, turn)));
}

/** The same of rates. */
export function shareOf(rates: Sample[], of: Sample[]): number {
  return medianShare(rates.map(rateOf), of.map(rateOf));
}

/** The row, with its latencies and the processor time of a request. */
export function recordSamples(
  bench: Bench,
  row: string,
  peer: Peer,
  samples: (Sample | CostSample)[],
): void {
  for (const sample of samples) {
    record(bench, row, peer, sample.perSecond);
    record(bench, `${row}_p50`, peer, sample.p50Ms);
    record(bench, `${row}_p99`, peer, sample.p99Ms);
    if ("cpuMicros" in sample) record(bench, `${row}_cpu`, peer, sample.cpuMicros);
  }
}

export interface GetOptions {
  readonly headers?: Record<string, string>;
  /** Spread over the servers. */
  readonly connections?: number;
  readonly seconds?: number;
}

/** GETs of `paths`, for a second where nothing else is said. */
export async function getSample(
  servers: Server[],
  paths: string[],
  { headers = {}, connections = readConnections, seconds = 1 }: GetOptions = {},
): Promise<CostSample> {
  const options = {
    connections: Math.ceil(connections / servers.length),
    seconds,
    headers: { ...headers, Accept: manifestType },
  };
  const [loads, cpuSeconds] = await cpuOfAll(servers, () =>
    Promise.all(servers.map((server) => getLoad(server.origin, paths, options))),
  );
  const total = (value: (load: (typeof loads)[number]) => number) =>
    loads.reduce((sum, load) => sum + value(load), 0);
  const requests = total((load) => load.requests);
  return {
    requests,
    perSecond: total((load) => load.requestsPerSecond),
    p50Ms: median(loads.map((load) => load.p50Ms)),
    p99Ms: Math.max(...loads.map((load) => load.p99Ms)),
    cpuMicros: (cpuSeconds / requests) * 1e6,
  };
}

/** What `work` of so many requests came to, with the processor time of the server. */
export async function costOf(server: Server, work: () => Promise<PoolResult>): Promise<CostSample> {
  const [result, cpuSeconds] = await cpuOfAll([server], work);
  return { ...result, requests: result.count, cpuMicros: (cpuSeconds / result.count) * 1e6 };
}

/** What `work` gives, and the seconds of processor time that all of these servers spent meanwhile. */
export async function cpuOfAll<T>(servers: Server[], work: () => Promise<T>): Promise<[T, number]> {
  const spent = () => servers.reduce((sum, { pid }) => sum + usageOf(pid).cpuSeconds, 0);
  const before = spent();
  const result = await work();
  return [result, spent() - before];
}

function rateOf({ perSecond }: Sample): number {
  return perSecond;
}
