import type { BlobStore } from "../../src/blobs/blob-store.ts";
import { createMemoryBlobStore } from "../../src/blobs/memory-blob-store.ts";
import type { Database } from "../../src/db/database.ts";
import { collectGarbage, type GcDeps } from "../../src/gc/collect-garbage.ts";
import type { Cycle } from "../../src/gc/cycle.ts";
import { removeBytes } from "../../src/gc/remove-bytes.ts";
import { createCapturedLog } from "./captured-log.ts";
import { createOciClient, type OciClient } from "./oci-client.ts";
import { openTestRegistry, type TestRegistry } from "./test-registry.ts";

export const hourMs = 60 * 60 * 1000;
export const dayMs = 24 * hourMs;

/** A registry whose time the test sets, and its garbage collection, which runs when the test says so. */
export interface GcWorld extends TestRegistry {
  readonly client: OciClient;
  readonly db: Database;
  readonly blobs: BlobStore;
  readonly deps: GcDeps;
  /** What was logged at `warn` or above. */
  logged(): string;
  /** A cycle, of which the bytes go too. */
  collect(): Promise<Cycle | null>;
  /** Time passes as a running server sees it: half a day at a time, a cycle after each. */
  pass(ms: number): Promise<void>;
  /** Digests of the blobs that the store holds bytes of. */
  stored(): Promise<number>;
}

export interface GcWorldOptions {
  readonly postgres?: boolean;
  readonly blobs?: BlobStore;
  readonly sparse?: boolean;
}

export async function openGcWorld(options: GcWorldOptions = {}): Promise<GcWorld> {
  const blobs = options.blobs ?? createMemoryBlobStore();
  const world = await openTestRegistry({ ...options, blobs });
  const { db, clock } = world.registry;
  const { log, logged } = createCapturedLog();
  const deps = { db, clock, log };
  const { signal } = new AbortController();

  async function collect(): Promise<Cycle | null> {
    const cycle = await collectGarbage(deps, signal);
    await removeBytes({ ...deps, blobs }, signal);
    return cycle;
  }

  return {
    ...world,
    client: createOciClient(world.fetch),
    db,
    blobs,
    deps,
    logged,
    collect,
    async pass(ms) {
      for (let left = ms; left > 0; left -= dayMs / 2) {
        world.advance(Math.min(left, dayMs / 2));
        await collect();
      }
    },
    async stored() {
      let count = 0;
      for await (const item of blobs.list("all")) if (item.kind === "blob") count += 1;
      return count;
    },
  };
}
