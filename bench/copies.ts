import { cp } from "node:fs/promises";
import { type Bench, folderOf, launch, removeFolder, settleDisk } from "./bench.ts";
import { median } from "./measure.ts";
import type { Peer } from "./peers.ts";
import { nth } from "./registry-client.ts";
import type { Server, StartOptions } from "./server.ts";

/** How a Berth starts on a copy of a store: of another one than the rest, if it says so. */
export interface CopyOptions extends StartOptions {
  store?: string;
}

/** Starts a Berth for each name on a copy of `store`, does the work, and removes the copies. */
export async function withCopies<Name extends string>(
  bench: Bench,
  berth: Peer,
  store: string,
  options: Record<Name, CopyOptions>,
  work: (servers: Record<Name, Server>) => Promise<void>,
): Promise<void> {
  const servers = new Map<Name, Server>();
  const started = Object.entries(options) as [Name, CopyOptions][];
  try {
    for (const [name, { store: own = store }] of started) {
      await copyStore(bench, berth, own, copyName(store, name));
    }
    await settleDisk();
    for (const [name, startOptions] of started) {
      servers.set(name, await launch(bench, copyName(store, name), berth, startOptions));
    }
    await work(Object.fromEntries(servers) as Record<Name, Server>);
  } catch (error) {
    for (const server of servers.values()) console.error(server.state());
    throw error;
  } finally {
    for (const server of servers.values()) await server.stop();
    for (const [name] of started) await removeCopy(bench, berth, copyName(store, name));
  }
}

/** Copies the folder of a Berth that was stopped; returns the new one. */
export async function copyStore(
  bench: Bench,
  berth: Peer,
  from: string,
  to: string,
): Promise<string> {
  const folder = folderOf(bench, to, berth);
  await cp(folderOf(bench, from, berth), folder, { recursive: true });
  return folder;
}

export async function removeCopy(bench: Bench, berth: Peer, store: string): Promise<void> {
  await removeFolder(folderOf(bench, store, berth));
}

function copyName(store: string, name: string): string {
  return `${store}-${name}`;
}

/** What one load came to. */
export interface Sample {
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
}

/**
 * One after another, turn by turn, each other turn in reverse, so that what the machine does besides
 * falls on all of them. Samples with the same index are of one turn; the first turn only warms up.
 */
export async function sampleInTurns<Name extends string, Taken extends Sample>(
  measures: Record<Name, () => Promise<Taken>>,
  turns: number,
): Promise<Record<Name, Taken[]>> {
  const names = Object.keys(measures) as Name[];
  const samples = Object.fromEntries(names.map((name) => [name, [] as Taken[]]));
  for (let turn = 0; turn <= turns; turn++) {
    for (const name of turn % 2 === 0 ? names : names.toReversed()) {
      const sample = await measures[name]();
      if (turn > 0) samples[name]?.push(sample);
    }
  }
  return samples as Record<Name, Taken[]>;
}

/** The median over the turns of one rate as a share of the other. */
export function shareOf(rates: Sample[], of: Sample[]): number {
  return median(rates.map(({ perSecond }, turn) => perSecond / nth(of, turn).perSecond));
}
