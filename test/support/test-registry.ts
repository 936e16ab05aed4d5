import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "kysely";
import { LRUCache } from "lru-cache";
import type { BlobStore } from "../../src/blobs/blob-store.ts";
import { createMemoryBlobStore } from "../../src/blobs/memory-blob-store.ts";
import type { Database } from "../../src/db/database.ts";
import { migrate } from "../../src/db/migrations/migrate.ts";
import { openPostgres } from "../../src/db/postgres.ts";
import { openSqlite } from "../../src/db/sqlite.ts";
import type { Clock } from "../../src/lib/clock.ts";
import { openContext } from "../../src/platform/http/request-context.ts";
import { createLog } from "../../src/platform/log.ts";
import { parsePostgresUrl } from "../../src/platform/postgres-url.ts";
import { prepareHotReads } from "../../src/registry/hot-reads-store.ts";
import { createLiveUploads } from "../../src/registry/live-uploads.ts";
import type { ProcessIdentity, Registry } from "../../src/registry/registry.ts";
import { createRegistryHandler } from "../../src/registry/router.ts";
import { openGate, openRules } from "./open-mode.ts";
import { sharedPostgres } from "./postgres.ts";
import { migratedDatabase, onPostgres } from "./test-database.ts";

/** The registry without sockets, at a time that the test sets. */
export interface TestRegistry {
  readonly registry: Registry;
  /** Moves the wall clock on. */
  advance(ms: number): void;
  fetch(path: string, init?: RequestInit): Promise<Response>;
  remove(): Promise<void>;
}

export interface TestRegistryOptions {
  /** Default: bytes in memory. */
  readonly blobs?: BlobStore;
  readonly process?: ProcessIdentity;
  /** Default: as the variable for tests says. */
  readonly postgres?: boolean;
  readonly sparse?: boolean;
  /** Another one whose database this one shares, and its time. It is to be removed last. */
  readonly beside?: TestRegistry;
}

async function openDatabase(
  folder: string,
  clock: Clock,
  { postgres = onPostgres }: TestRegistryOptions,
): Promise<Database> {
  if (!postgres) return openSqlite({ file: join(folder, "berth.db"), onFailure: () => {} });
  const address = parsePostgresUrl(await migratedDatabase(await sharedPostgres()));
  const db = await openPostgres({ address, unsafe: false, prepared: "auto", clock });
  // Its time is the test's.
  return { ...db, facts: { ...db.facts, now: (here) => sql<number>`cast(${here} as bigint)` } };
}

export async function openTestRegistry(options: TestRegistryOptions = {}): Promise<TestRegistry> {
  const folder = mkdtempSync(join(tmpdir(), "berth-registry-"));
  let now = Date.UTC(2026, 0, 1);
  const clock = options.beside?.registry.clock ?? { now: () => now, monotonic: () => now };
  const db = options.beside?.registry.db ?? (await openDatabase(folder, clock, options));
  await migrate(db, clock);
  const registry: Registry = {
    db,
    reads: prepareHotReads(db),
    pullReads: prepareHotReads(db),
    blobs: options.blobs ?? createMemoryBlobStore(),
    clock,
    log: createLog({ format: "text", level: "error" }),
    sparse: options.sparse ?? false,
    manifestCache: new LRUCache({ max: 10 }),
    blobCache: new LRUCache({ max: 10 }),
    liveUploads: createLiveUploads(),
    process: options.process ?? { id: "test", run: "test", sharesUploads: false },
    admitWrite: () => {},
    mayRedirect: () => true,
    traffic: { receivedBytes: 0, sentBytes: 0 },
    ...openRules(clock),
  };
  const handle = createRegistryHandler(registry, openGate);
  const server = { requestIP: () => ({ address: "192.0.2.7" }) };
  const rules = { isTrustedProxy: () => false, scheme: "http" } as const;
  return {
    registry,
    advance(ms) {
      now += ms;
    },
    async fetch(path, init) {
      return await handle(openContext(new Request(`http://localhost${path}`, init), server, rules));
    },
    async remove() {
      if (options.beside === undefined) await db.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
