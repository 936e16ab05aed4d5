import { cp } from "node:fs/promises";
import { type Bench, folderOf, removeFolder, settleDisk } from "./bench.ts";
import type { Peer } from "./peers.ts";
import type { Server, StartOptions } from "./server.ts";
import { variantName, withVariants } from "./variants.ts";

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
  for (const [name, { store: own = store }] of Object.entries(options) as [Name, CopyOptions][]) {
    await copyStore(bench, berth, own, variantName(store, name));
  }
  await settleDisk();
  await withVariants(bench, berth, store, options, work);
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
