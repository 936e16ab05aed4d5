import { hostname } from "node:os";
import { join } from "node:path";
import { LRUCache } from "lru-cache";
import type { Management } from "./access/endpoint.ts";
import { openAccessControl, openManagement, prepareAccounts } from "./access-control.ts";
import { isSetUp } from "./accounts/setup.ts";
import { setupText } from "./accounts/setup-text.ts";
import { createDockerSearch } from "./api/docker-search.ts";
import { endpoints } from "./api/endpoints.ts";
import { createApi } from "./api/router.ts";
import { describePulls, describeRegistry, describeVerify } from "./app-metrics.ts";
import { auditHead } from "./audit/audit.ts";
import { recordRestore } from "./backup/backup-record.ts";
import { assertNotRestoring } from "./backup/restoring.ts";
import { interruptBackup } from "./backup/run-backup.ts";
import type { BlobKey, BlobStore } from "./blobs/blob-store.ts";
import { createDiskReserve, type DiskReserve } from "./blobs/disk-reserve.ts";
import { createFsBlobStore } from "./blobs/fs-blob-store.ts";
import { openS3 } from "./blobs/open-s3.ts";
import {
  abandonedParts,
  choresOfRecords,
  filesOfLayers,
  idleUploads,
  leftovers,
} from "./chores.ts";
import { createConsole } from "./console/console.ts";
import { type FolderLock, lockDataFolder } from "./db/data-folder.ts";
import type { Database } from "./db/database.ts";
import { migrate } from "./db/migrations/migrate.ts";
import { openPostgres } from "./db/postgres.ts";
import { openSqlite } from "./db/sqlite.ts";
import { createDocs } from "./docs/docs.ts";
import { createDoor } from "./door.ts";
import { describeWebhooks } from "./events/event-metrics.ts";
import { webhookChores } from "./events/webhook-chores.ts";
import { gcChores } from "./gc/gc-chores.ts";
import { describeGc } from "./gc/gc-metrics.ts";
import { createChoreRunner } from "./jobs/chore-runner.ts";
import { createHeartbeat, type Node } from "./jobs/heartbeat.ts";
import { type Clock, systemClock } from "./lib/clock.ts";
import { uuidv7 } from "./lib/random.ts";
import { type MoveWatch, watchMoves } from "./move/move-watch.ts";
import { interruptMove } from "./move/run-move.ts";
import { describeNodes } from "./nodes/node-metrics.ts";
import { createPages } from "./pages/pages.ts";
import type { Config } from "./platform/config.ts";
import { createHousekeeping } from "./platform/housekeeping.ts";
import type { AddressSource } from "./platform/http/request-context.ts";
import type { Log } from "./platform/log.ts";
import { createMetrics, type FamilyValues, type Metrics } from "./platform/metrics.ts";
import { version } from "./platform/version.ts";
import { listCompletion } from "./projects/complete-lists.ts";
import { repositoryCounts } from "./projects/count-repositories.ts";
import { createPullRecorder } from "./pulls/pull-recorder.ts";
import { prepareHotReads } from "./registry/hot-reads-store.ts";
import { createLiveUploads } from "./registry/live-uploads.ts";
import { createPullReads } from "./registry/outage-reads.ts";
import { createRedirectRule } from "./registry/redirect-rule.ts";
import type { Registry } from "./registry/registry.ts";
import { createRegistryHandler } from "./registry/router.ts";
import { untaggedManifests } from "./trash/untagged.ts";
import { storageDays } from "./usage/storage-days.ts";
import { createOnlineVerify } from "./verify/online-verify.ts";

/** Memory for manifests and for small blobs that were read or pushed lately. */
const manifestCacheBytes = 32 * 1024 * 1024;
const blobCacheBytes = 16 * 1024 * 1024;

/** The program without its sockets. */
export interface App {
  /** Serves `/v2/`, health, and metrics. */
  fetch(request: Request, server: AddressSource): Response | Promise<Response>;
  /** Serves the management API, on the control socket. */
  api(request: Request): Promise<Response>;
  /** What to tell whoever starts it, while it waits to be set up; else null. `url`: as seen from here. */
  greeting(url: string): Promise<string | null>;
  /** The end of the audit, to be kept elsewhere; null while there is none. */
  auditHead(): Promise<string | null>;
  /**
   * Begins the work in the background, which deletes: a command that only looks goes without.
   * `address`: where it listens.
   */
  start(address: string): void;
  /** From now on `/readyz` says no, so that balancers look elsewhere. */
  drain(): void;
  /** Another process of this server can no longer trust the storage. */
  refuseWrites(cause: Error): void;
  /** Another process of this server, which had this id, was killed: clears away what it left. */
  clearAfter(process: string): void;
  /** The metrics of this process. */
  families(): Promise<FamilyValues[]>;
  close(): Promise<void>;
}

/**
 * What this process is among several that are one server. The parent does what is done once, such as
 * migrations and the work in the background, and serves commands; children serve requests.
 */
export interface Sharing {
  readonly role: "parent" | "child";
  /** Of this start of the server: the parent's id as a node. */
  readonly run: string;
  /** Never the same for two processes; begins with `run`. */
  readonly process: string;
  /** To be told to the others. */
  readonly onStorageFailure: (error: Error) => void;
  /** Why the server as a whole should get no requests; null while it should. */
  readonly notReady: () => string | null;
  /** Metrics of the server as a whole. */
  readonly families: () => Promise<readonly FamilyValues[]>;
}

/** Opens the data folder, which stays locked until `close`, and puts the parts together. */
export async function openApp(config: Config, log: Log, sharing?: Sharing): Promise<App> {
  const lock = lockDataFolder(config.data, sharing?.role ?? "alone");
  try {
    assertNotRestoring(config.data);
    return await openLocked(config, log, lock, sharing);
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Those that have the database open: a parent has it too, beside its children. */
function processesOf({ processes }: Config, sharing: Sharing | undefined): number {
  return sharing === undefined ? 1 : processes + 1;
}

interface Opened {
  readonly config: Config;
  readonly log: Log;
  readonly lock: FolderLock;
  readonly sharing: Sharing | undefined;
  readonly clock: Clock;
  readonly node: Node;
  readonly reserve: DiskReserve;
  /** Files can no longer be trusted. */
  readonly onSyncFailure: (error: Error) => void;
}

async function openLocked(
  config: Config,
  log: Log,
  lock: FolderLock,
  sharing: Sharing | undefined,
): Promise<App> {
  const clock = systemClock;
  const isChild = sharing?.role === "child";
  const node: Node = { id: sharing?.run ?? uuidv7(), name: hostname(), version };
  const onFailure = (error: Error) => {
    log.error("The disk reported an error: writes are refused until a restart", { error });
    sharing?.onStorageFailure(error);
  };
  const reserve = createDiskReserve({ folder: config.data, clock });
  const file = join(config.data, "berth.db");
  const db =
    config.database === null
      ? openSqlite({ file, onFailure, onFull: reserve.release, sharing: sharing?.role })
      : await openPostgres({ ...config.database, clock, processes: processesOf(config, sharing) });
  try {
    if (!isChild) await migrate(db, clock);
    const onSyncFailure = (error: Error) => {
      // SQLite tells by itself of what it learns first.
      if (!db.facts.oneServer) onFailure(error);
      db.refuseWrites(error);
    };
    return await openOn(db, {
      ...{ config, log, lock, sharing, clock, node, reserve, onSyncFailure },
    });
  } catch (error) {
    await db.close();
    throw error;
  }
}

async function openOn(
  db: Database,
  { config, log, lock, sharing, clock, node, reserve, onSyncFailure }: Opened,
): Promise<App> {
  const isChild = sharing?.role === "child";
  const moves = await watchMoves(db, log);
  const metrics = createMetrics();
  const blobs = await openBlobs(config, { onSyncFailure, clock, reserve, metrics });
  const isReadOnly = () => moves.isMoving;
  const control = await openAccessControl({ config, db, clock, log, isChild, isReadOnly });
  const { access, audit, secrets, gate, workloads } = control;
  let draining = false;
  const notReady = () =>
    draining ? "draining" : (db.stats.failure?.message ?? sharing?.notReady() ?? null);
  const server = { node, notReady, isMoving: isReadOnly, space: reserve.look };
  const management: Management = {
    ...{ db, blobs, clock, log, config, access, audit, secrets, workloads, server },
  };
  if (!moves.isMoving) await prepareAccounts(control, management, isChild);
  if (!moves.isMoving && !isChild) await recordRestore(management);

  const pulls = createPullRecorder({ db, clock, log });
  const reads = prepareHotReads(db);
  const registry: Registry = {
    db,
    reads,
    pullReads: createPullReads(reads),
    blobs,
    clock,
    log,
    access,
    audit,
    recordPull(pull) {
      if (!moves.isMoving) pulls.record(pull);
    },
    sparse: config.registry.sparse === "allow",
    manifestCache: boundedByBytes<string>(manifestCacheBytes),
    blobCache: boundedByBytes<BlobKey>(blobCacheBytes),
    liveUploads: createLiveUploads(),
    process: {
      id: sharing?.process ?? node.id,
      run: node.id,
      sharesUploads: sharing !== undefined || !db.facts.oneServer,
    },
    admitWrite() {
      moves.refuse();
      // Where neither rows nor blobs are here, a full disk here keeps nobody from pushing.
      if (db.facts.oneServer || !blobs.stagedIsDurable) reserve.admitWrite();
    },
    mayRedirect: createRedirectRule(config.s3?.redirect ?? false, config.s3?.redirectExcept ?? []),
    traffic: { receivedBytes: 0, sentBytes: 0 },
  };
  describeRegistry(metrics, registry);
  describePulls(metrics, pulls.stats);
  const onlineVerify = createOnlineVerify({ blobs, clock, log });
  describeVerify(metrics, db, onlineVerify.stats);
  metrics.gauge(
    "berth_moving",
    "1 while changes are refused since all is moved elsewhere.",
    () => (moves.isMoving ? 1 : 0),
    "max",
  );
  const api = createApi(management, gate, endpoints);
  const clearsAtStart = !isChild && !blobs.stagedIsDurable;
  const ownChores = [
    ...(clearsAtStart ? [leftovers(registry)] : []),
    ...(isChild ? [] : [filesOfLayers(management)]),
    ...control.ownChores,
  ].map((chore) => ({ ...chore, run: unlessMoving(moves, chore.run) }));
  const own = createHousekeeping(ownChores, log);
  const told = { delivered: 0, failed: 0 };
  const heartbeat = createHeartbeat({ db, clock, log, node });
  const chores = createChoreRunner(
    { db, clock, log, node: node.id, mayDelete: heartbeat.mayDelete },
    [
      idleUploads(registry),
      ...(blobs.stagedIsDurable ? [abandonedParts(registry)] : []),
      ...gcChores({ blobs, clock, log }),
      ...choresOfRecords(management),
      untaggedManifests(management),
      listCompletion(),
      repositoryCounts(clock),
      storageDays(clock),
      ...control.chores,
      ...webhookChores({
        ...management,
        stats: told,
        isMoving: isReadOnly,
        mayDelete: heartbeat.mayDelete,
      }),
      onlineVerify.chore,
    ].map((chore) => ({
      ...chore,
      run: unlessMoving(moves, chore.run),
    })),
  );
  if (!isChild) {
    describeNodes(metrics, { db, clock, heartbeat });
    describeGc(metrics, { db, clock });
    describeWebhooks(metrics, db, told);
  }
  let starting: Promise<void> = Promise.resolve();

  return {
    fetch: createDoor({
      config,
      log,
      metrics,
      families: sharing?.families ?? metrics.families,
      registry: createRegistryHandler(registry, gate),
      management: control.isOpen ? null : openManagement(control, management, api),
      search: createDockerSearch(management, gate),
      pages: control.isOpen
        ? null
        : createPages({
            management,
            authenticator: control.authenticator,
            publicOrigin: gate.publicOrigin,
          }),
      console: control.isOpen ? null : createConsole(log),
      docs: createDocs(log),
      notReady,
    }),
    api: api.serveControl,
    async greeting(url) {
      return control.isOpen || (await isSetUp(management)) ? null : setupText(url, secrets, config);
    },
    auditHead: () => auditHead(db.reads),
    start(address) {
      moves.start();
      own.start();
      pulls.start();
      control.authenticator.start();
      if (isChild) return;
      starting = heartbeat.start(address, config.processes).then(chores.start);
      reserve.start();
    },
    drain() {
      draining = true;
    },
    refuseWrites: db.refuseWrites,
    clearAfter: (process) => own.run(leftovers(registry, process)),
    families: metrics.families,
    async close() {
      await interruptMove(db);
      await interruptBackup(db);
      await moves.stop();
      await starting;
      await Promise.all([own.stop(), chores.stop()]);
      if (!isChild) await heartbeat.stop();
      await control.authenticator.stop();
      await pulls.stop();
      await blobs.close();
      await db.close();
      await reserve.close();
      lock.release();
    },
  };
}

/** Nothing is cleared away, made or counted in what must stay as it is. */
function unlessMoving<Args extends readonly unknown[]>(
  moves: MoveWatch,
  run: (...args: Args) => Promise<void>,
): (...args: Args) => Promise<void> {
  return async (...args) => {
    if (!moves.isMoving) await run(...args);
  };
}

/** Files in the data folder, or objects in a bucket. */
async function openBlobs(
  config: Config,
  deps: Pick<Opened, "onSyncFailure" | "clock" | "reserve"> & { readonly metrics: Metrics },
): Promise<BlobStore> {
  const { onSyncFailure, clock, reserve, metrics } = deps;
  const { data: folder, s3, processes } = config;
  const { admitWrite } = reserve;
  if (s3 === null) {
    return createFsBlobStore({ folder, clock, onSyncFailure, admitWrite });
  }
  const { blobs, stats, cache } = await openS3({ s3, folder, processes, clock, admitWrite });
  metrics.counter("berth_s3_requests_total", "Requests to S3.", () => stats.requests);
  metrics.counter("berth_s3_retries_total", "Requests to S3 tried again.", () => stats.retries);
  if (cache === null) return blobs;
  metrics.counter("berth_blob_cache_hits_total", "Blobs read from the cache.", () => cache.hits);
  metrics.counter("berth_blob_cache_misses_total", "Blobs read into it.", () => cache.misses);
  metrics.gauge("berth_blob_cache_bytes", "Bytes of blobs in the cache.", () => cache.bytes, "max");
  return blobs;
}

function boundedByBytes<Key extends {}>(maxSize: number) {
  return new LRUCache<Key, Uint8Array<ArrayBuffer>>({
    maxSize,
    // An entry costs more than its bytes: its key, its place in the list, its buffer's header.
    sizeCalculation: (bytes) => bytes.byteLength + 512,
  });
}
