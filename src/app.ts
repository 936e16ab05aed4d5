import { join } from "node:path";
import { LRUCache } from "lru-cache";
import { createAccess } from "./access/create-access.ts";
import type { Management } from "./access/endpoint.ts";
import { openAccess } from "./access/open-access.ts";
import { createRateLimits } from "./access/rate-limits.ts";
import { endpoints } from "./api/endpoints.ts";
import { type ApiGate, createApi } from "./api/router.ts";
import { createAudit } from "./audit/audit.ts";
import { loadKeys } from "./auth/key-file.ts";
import { anonymous } from "./auth/principal.ts";
import { createSecretBox } from "./auth/secret-box.ts";
import type { BlobKey } from "./blobs/blob-store.ts";
import { createDiskReserve } from "./blobs/disk-reserve.ts";
import { createFsBlobStore } from "./blobs/fs-blob-store.ts";
import { lockDataFolder } from "./db/data-folder.ts";
import { migrate } from "./db/migrations/migrate.ts";
import { openSqlite } from "./db/sqlite.ts";
import { createDoor } from "./door.ts";
import { systemClock } from "./lib/clock.ts";
import type { Config } from "./platform/config.ts";
import { type Chore, createHousekeeping } from "./platform/housekeeping.ts";
import { createPublicOrigin } from "./platform/http/public-origin.ts";
import type { AddressSource } from "./platform/http/request-context.ts";
import type { Log } from "./platform/log.ts";
import { createMetrics, type Metrics } from "./platform/metrics.ts";
import { expireUploads, removeLeftovers } from "./registry/expire-uploads.ts";
import { prepareHotReads } from "./registry/hot-reads-store.ts";
import { createLiveUploads } from "./registry/live-uploads.ts";
import type { Registry } from "./registry/registry.ts";
import { createRegistryHandler } from "./registry/router.ts";

/** Memory for manifests and for small blobs that were read or pushed lately. */
const manifestCacheBytes = 32 * 1024 * 1024;
const blobCacheBytes = 16 * 1024 * 1024;
const minuteMs = 60 * 1000;

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
  const secrets = createSecretBox(loadKeys({ setting: config.secretKeys, folder: config.data }));
  const audit = createAudit({ clock, secrets });
  const isOpen = config.open !== "";
  const access = isOpen
    ? openAccess
    : createAccess({ db, clock, projectCreation: config.projectCreation });
  const limits = createRateLimits({ db, clock });
  const registry: Registry = {
    db,
    reads: prepareHotReads(db),
    blobs,
    clock,
    log,
    access,
    audit,
    recordPull: () => {},
    sparse: config.registry.sparse === "allow",
    manifestCache: boundedByBytes<string>(manifestCacheBytes),
    blobCache: boundedByBytes<BlobKey>(blobCacheBytes),
    liveUploads: createLiveUploads(),
    admitWrite: reserve.admitWrite,
    traffic: { receivedBytes: 0, sentBytes: 0 },
  };
  const metrics = createMetrics();
  describe(metrics, registry);

  const housekeeping = createHousekeeping(choresOf(registry), log);
  const gate: ApiGate = {
    identify: () => anonymous,
    identifySession: () => null,
    publicOrigin: createPublicOrigin(config),
    limit: limits.take,
  };
  const management: Management = { db, blobs, clock, log, config, access, audit, secrets };
  const api = createApi(management, gate, endpoints);

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
    api: api.serveControl,
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

/** What goes on beside requests. */
function choresOf(registry: Registry): readonly Chore[] {
  const { log } = registry;
  return [
    {
      name: "clear away what an earlier process left",
      everyMs: null,
      async run(signal) {
        const files = await removeLeftovers(registry, signal);
        if (files > 0) log.info(`Removed ${files} files of unfinished uploads`, { files });
      },
    },
    {
      name: "end idle uploads",
      everyMs: 10 * minuteMs,
      async run(signal) {
        const uploads = await expireUploads(registry, signal);
        if (uploads > 0) log.info(`Ended ${uploads} uploads that were idle for a day`, { uploads });
      },
    },
  ];
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
