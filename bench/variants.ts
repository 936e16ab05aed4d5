import { type Bench, folderOf, launch, removeFolder } from "./bench.ts";
import type { Peer } from "./peers.ts";
import type { Server, StartOptions } from "./server.ts";

/** Starts a Berth for each name, each on a folder of its own, does the work, and removes the folders. */
export async function withVariants<Name extends string>(
  bench: Bench,
  berth: Peer,
  prefix: string,
  options: Record<Name, StartOptions>,
  work: (servers: Record<Name, Server>) => Promise<void>,
): Promise<void> {
  const servers = new Map<Name, Server>();
  const started = Object.entries(options) as [Name, StartOptions][];
  try {
    // One after another: those that share a database find it made by the first.
    for (const [name, startOptions] of started) {
      servers.set(name, await launch(bench, variantName(prefix, name), berth, startOptions));
    }
    await work(Object.fromEntries(servers) as Record<Name, Server>);
  } catch (error) {
    for (const server of servers.values()) console.error(server.state());
    throw error;
  } finally {
    for (const server of servers.values()) await server.stop();
    for (const [name] of started) {
      await removeFolder(folderOf(bench, variantName(prefix, name), berth));
    }
  }
}

export function variantName(prefix: string, name: string): string {
  return `${prefix}-${name}`;
}
