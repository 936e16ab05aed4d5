import { join } from "node:path";
import { LRUCache } from "lru-cache";
import { createApiHandler } from "./api/router.ts";
import type { BlobKey } from "./blobs/blob-store.ts";
import { createDiskReserve } from "./blobs/disk-reserve.ts";
import { createFsBlobStore } from "./blobs/fs-blob-store.ts";
import { lockDataFolder } from "./db/data-folder.ts";
import { migrate } from "./db/migrations/migrate.ts";
import { openSqlite } from "./db/sqlite.ts";
import { systemClock } from "./lib/clock.ts";
import type { Config } from "./platform/config.ts";
import type { AddressSource } from "./platform/http/request-context.ts";
import type { Log } from "./platform/log.ts";
import { createMetrics, type Metrics } from "./platform/metrics.ts";
import { expireUploads, removeLeftovers } from "./registry/expire-uploads.ts";
import { prepareHotReads } from "./registry/hot-reads-store.ts";
import { createLiveUploads } from "./registry/live-uploads.ts";
import type { Registry } from "./registry/registry.ts";
import { createRegistryHandler } from "./registry/router.ts";
import { verifyEndpoint } from "./verify/verify-endpoint.ts";

/** Memory for manifests and for small blobs that were read or pushed lately. */
const manifestCacheBytes = 32 * 1024 * 1024;
const blobCacheBytes = 16 * 1024 * 1024;
const expireUploadsEveryMs = 10 * 60 * 1000;

/** The program without its sockets. */
export interface App {
  /** Serves `/v2/`, health, and metrics. */
  fetch(request: Request, server: AddressSource): Response | Promise<Response>;
  /** Serves the management API, on the control socket. */
  api(request: Request): Promise<Response>;
  /** Begins the work in the background, which deletes: a command that only looks goes without. */
  start(): void;
  /** From now on `/readyz` says no, so that balancers look elsewhere. */
  drain(): void;
  close(): Promise<void>;
}

/** Opens the data folder, which stays locked until `close`, and puts the parts together. */
export async function openApp(config: Config, log: Log): Promise<App> {
  const clock = systemClock;
  const lock = lockDataFolder(config.data);
  const onFailure = (error: Error) =>
    log.error("The disk reported an error: writes are refused until a restart", { error });
  const reserve = createDiskReserve({ folder: config.data, clock });
  const db = openSqlite({
    file: join(config.data, "berth.db"),
    onFailure,
    onFull: reserve.release,
  });
  await migrate(db, clock);
  const blobs = createFsBlobStore({
    folder: config.data,
    clock,
    onSyncFailure: db.refuseWrites,
    admitWrite: reserve.admitWrite,
  });
  const registry: Registry = {
    db,
    reads: prepareHotReads(db),
    blobs,
    clock,
    log,
    sparse: config.registry.sparse === "allow",
    manifestCache: boundedByBytes<string>(manifestCacheBytes),
    blobCache: boundedByBytes<BlobKey>(blobCacheBytes),
    liveUploads: createLiveUploads(),
    admitWrite: reserve.admitWrite,
    traffic: { receivedBytes: 0, sentBytes: 0 },
  };
  const metrics = createMetrics();
  describe(metrics, registry);

  const housekeeping = createHousekeeping(registry, log);

  let draining = false;
  return {
    fetch: createDoor({
      config,
      log,
      metrics,
      registry: createRegistryHandler(registry, gate),
      management: null,
      pages: null,
      notReady: () => (draining ? "draining" : (db.stats.failure?.message ?? null)),
    }),
    api: createApiHandler([verifyEndpoint({ db, blobs, clock, log })], log),
    start() {
      housekeeping.start();
      reserve.start();
    },
    drain() {
      draining = true;
    },
    async close() {
      await housekeeping.stop();
      await blobs.close();
      await db.close();
      await reserve.close();
      lock.release();
    },
  };
}

/** Ends uploads that nobody goes on with, and clears away what an earlier process left. */
function createHousekeeping(registry: Registry, log: Log) {
  const ending = new AbortController();
  const running = new Set<Promise<void>>();
  let timer: Timer | undefined;

  function run(work: (signal: AbortSignal) => Promise<void>): void {
    const ended = work(ending.signal)
      .catch((error: unknown) => log.error("Background work failed", { error }))
      .finally(() => running.delete(ended));
    running.add(ended);
  }

  async function endIdleUploads(signal: AbortSignal): Promise<void> {
    const ended = await expireUploads(registry, signal);
    if (ended > 0) log.info(`Ended ${ended} uploads that were idle for a day`, { uploads: ended });
  }

  async function clearAway(signal: AbortSignal): Promise<void> {
    const removed = await removeLeftovers(registry, signal);
    if (removed > 0) log.info(`Removed ${removed} files of unfinished uploads`, { files: removed });
  }

  return {
    start(): void {
      run(clearAway);
      timer = setInterval(() => run(endIdleUploads), expireUploadsEveryMs);
      timer.unref();
    },
    /** Resolves when nothing runs any more: each looks at the signal before its next item. */
    async stop(): Promise<void> {
      clearInterval(timer);
      ending.abort();
      await Promise.all(running);
    },
  };
}

function boundedByBytes<Key extends {}>(maxSize: number) {
  return new LRUCache<Key, Uint8Array<ArrayBuffer>>({
    maxSize,
    // An entry costs more than its bytes: its key, its place in the list, its buffer's header.
    sizeCalculation: (bytes) => bytes.byteLength + 512,
  });
}

function describe(metrics: Metrics, { db, traffic, liveUploads }: Registry): void {
  const { stats } = db;
  metrics.gauge(
    "berth_uploads_receiving",
    "Upload bodies being received.",
    () => liveUploads.receiving,
  );
  metrics.counter("berth_db_commits_total", "Transactions committed.", () => stats.commits);
  metrics.counter("berth_db_syncs_total", "Syncs of the write-ahead log.", () => stats.syncs);
  metrics.counter("berth_db_checkpoints_total", "Checkpoints.", () => stats.checkpoints);
  metrics.gauge(
    "berth_wal_bytes",
    "Bytes in the write-ahead log at the last checkpoint.",
    () => stats.walBytes,
  );
  metrics.gauge("berth_writes_refused", "1 after a disk error, until a restart.", () =>
    stats.failure === null ? 0 : 1,
  );
  metrics.counter(
    "berth_blob_received_bytes_total",
    "Bytes of blobs received.",
    () => traffic.receivedBytes,
  );
  metrics.counter(
    "berth_blob_sent_bytes_total",
    "Bytes of blobs that pulls asked for.",
    () => traffic.sentBytes,
  );
}
