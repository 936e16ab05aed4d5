import { hostname } from "node:os";
import { join } from "node:path";
import { LRUCache } from "lru-cache";
import type { Access } from "./access/authorize.ts";
import { createAccess } from "./access/create-access.ts";
import type { Management } from "./access/endpoint.ts";
import { openAccess } from "./access/open-access.ts";
import { createRateLimits } from "./access/rate-limits.ts";
import { createTokenService } from "./access/token-service.ts";
import { isSetUp, setUpUnattended } from "./accounts/setup.ts";
import { setupText } from "./accounts/setup-text.ts";
import { endpoints } from "./api/endpoints.ts";
import { pruneIdempotencyKeys } from "./api/idempotency.ts";
import { type Api, type ApiGate, createApi } from "./api/router.ts";
import { createTokenEndpoint, keysResponse } from "./api/token-endpoint.ts";
import { type Audit, auditHead, createAudit, isChainOf, resealAuditChain } from "./audit/audit.ts";
import { pruneAudit } from "./audit/prune-audit.ts";
import { type Authenticator, createAuthenticator } from "./auth/authenticator.ts";
import { removeExpiredCredentials } from "./auth/expired-credentials.ts";
import { tellOfExpiringRobots } from "./auth/expiring-robots.ts";
import { KeyFileError, loadKeys } from "./auth/key-file.ts";
import { anonymous } from "./auth/principal.ts";
import { createRefreshTokens } from "./auth/refresh-token.ts";
import { createTokenIssuer, type TokenIssuer } from "./auth/registry-token.ts";
import { finishRotation } from "./auth/rotate-keys.ts";
import { createSecretBox, keysOf, type SecretBox } from "./auth/secret-box.ts";
import type { BlobKey, BlobStore } from "./blobs/blob-store.ts";
import { createDiskReserve, type DiskReserve } from "./blobs/disk-reserve.ts";
import { createFsBlobStore } from "./blobs/fs-blob-store.ts";
import { openS3 } from "./blobs/open-s3.ts";
import { type FolderLock, lockDataFolder } from "./db/data-folder.ts";
import type { Database, Tx } from "./db/database.ts";
import { migrate } from "./db/migrations/migrate.ts";
import { openPostgres } from "./db/postgres.ts";
import { openSqlite } from "./db/sqlite.ts";
import { createDoor, type Handler } from "./door.ts";
import type { Chore } from "./jobs/chore.ts";
import { createChoreRunner } from "./jobs/chore-runner.ts";
import { createHeartbeat, isAnyNodeLive, type Node } from "./jobs/heartbeat.ts";
import { type Clock, systemClock } from "./lib/clock.ts";
import { uuidv7 } from "./lib/random.ts";
import { type MoveWatch, watchMoves } from "./move/move-watch.ts";
import { interruptMove } from "./move/run-move.ts";
import { describeNodes } from "./nodes/node-metrics.ts";
import { cookieName, readCookie } from "./pages/cookies.ts";
import { createPages } from "./pages/pages.ts";
import type { Config } from "./platform/config.ts";
import { createHousekeeping, type OwnChore } from "./platform/housekeeping.ts";
import { createPublicOrigin } from "./platform/http/public-origin.ts";
import type { AddressSource } from "./platform/http/request-context.ts";
import type { Log } from "./platform/log.ts";
import { createMetrics, type FamilyValues, type Metrics } from "./platform/metrics.ts";
import { version } from "./platform/version.ts";
import { prunePulls } from "./pulls/prune-pulls.ts";
import { createPullRecorder, type PullStats } from "./pulls/pull-recorder.ts";
import { expireUploads, removeLeftovers } from "./registry/expire-uploads.ts";
import { prepareHotReads } from "./registry/hot-reads-store.ts";
import { createLiveUploads } from "./registry/live-uploads.ts";
import { createPullReads } from "./registry/outage-reads.ts";
import { createRedirectRule } from "./registry/redirect-rule.ts";
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
    return await openLocked(config, log, lock, sharing);
  } catch (error) {
    lock.release();
    throw error;
  }
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
      : await openPostgres({ ...config.database, clock });
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
  const { access, audit, secrets, gate } = control;
  const management: Management = { db, blobs, clock, log, config, access, audit, secrets };
  if (!moves.isMoving) await prepareAccounts(control, management, isChild);

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
  describe(metrics, registry);
  describePulls(metrics, pulls.stats);
  metrics.gauge(
    "berth_moving",
    "1 while changes are refused since all is moved elsewhere.",
    () => (moves.isMoving ? 1 : 0),
    "max",
  );
  const api = createApi(management, gate, endpoints);
  const clearsAtStart = !isChild && !blobs.stagedIsDurable;
  const ownChores = [...(clearsAtStart ? [leftovers(registry)] : []), ...control.ownChores].map(
    (chore) => ({ ...chore, run: unlessMoving(moves, chore.run) }),
  );
  const own = createHousekeeping(ownChores, log);
  const heartbeat = createHeartbeat({ db, clock, log, node });
  const chores = createChoreRunner(
    { db, clock, log, node: node.id, mayDelete: heartbeat.mayDelete },
    [
      idleUploads(registry),
      ...(blobs.stagedIsDurable ? [abandonedParts(registry)] : []),
      ...choresOfRecords(management),
      ...control.chores,
    ].map((chore) => ({
      ...chore,
      run: unlessMoving(moves, chore.run),
    })),
  );
  if (!isChild) describeNodes(metrics, { db, clock, heartbeat });
  let starting: Promise<void> = Promise.resolve();

  let draining = false;
  return {
    fetch: createDoor({
      config,
      log,
      metrics,
      families: sharing?.families ?? metrics.families,
      registry: createRegistryHandler(registry, gate),
      management: control.isOpen ? null : openManagement(control, management, api),
      pages: control.isOpen
        ? null
        : createPages({
            management,
            authenticator: control.authenticator,
            publicOrigin: gate.publicOrigin,
          }),
      notReady: () =>
        draining
          ? "draining"
          : ((db.stats.failure ?? db.away())?.message ?? sharing?.notReady() ?? null),
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

interface AccessControl {
  /** Everybody may do everything: there are no accounts to manage, but for the operator's commands. */
  readonly isOpen: boolean;
  readonly access: Access;
  readonly audit: Audit;
  readonly secrets: SecretBox;
  readonly authenticator: Authenticator;
  readonly tokens: TokenIssuer;
  readonly gate: ApiGate;
  readonly chores: readonly Chore[];
  readonly ownChores: readonly OwnChore[];
}

/** Who somebody is, what they may do, and the record of what they did. */
async function openAccessControl(deps: {
  config: Config;
  db: Database;
  clock: Clock;
  log: Log;
  isChild: boolean;
  isReadOnly: () => boolean;
}): Promise<AccessControl> {
  const { config, db, clock, log, isReadOnly } = deps;
  const fromSetting = config.secretKeys.length > 0;
  const secrets = createSecretBox(loadKeys({ setting: config.secretKeys, folder: config.data }));
  const rotation = {
    db,
    box: secrets,
    folder: fromSetting ? null : config.data,
    async rederive(tx: Tx, earlier: readonly SecretBox[], current: SecretBox) {
      await resealAuditChain(tx, current, earlier);
    },
  };
  // The parent of several processes did, before it started them.
  if (!deps.isChild) {
    await assertNobodyHasEarlierKey(db, clock, secrets);
    await finishRotation(rotation);
  }
  const audit = createAudit({ clock, secrets });
  const tokens = createTokenIssuer({ db, clock, secrets, issuer: () => config.url });
  const authenticator = createAuthenticator({ db, clock, log, audit, tokens, isReadOnly });
  const limits = createRateLimits({ db, clock });
  const isOpen = config.open !== "";
  const { projectCreation } = config;
  const rights = isOpen ? openAccess : createAccess({ db, clock, projectCreation });
  const access: Access = {
    decide: rights.decide,
    changed() {
      rights.changed();
      authenticator.changed();
      limits.changed();
    },
  };
  const gate: ApiGate = {
    identify: isOpen ? () => anonymous : authenticator.identify,
    identifySession(context) {
      const cookie = readCookie(context.request, cookieName("berth", context.scheme));
      return cookie === null ? null : authenticator.identifySession(cookie, () => context.client);
    },
    publicOrigin: createPublicOrigin(config),
    limit: limits.take,
    pullsLeft: (principal, address) => limits.look("pulls", principal, address),
  };
  // Each process must know the keys; of two that make the next one at once, the database takes one.
  const ownChores: OwnChore[] = [
    { name: "renew the keys of tokens", everyMs: 60 * minuteMs, run: () => tokens.rotateIfDue() },
  ];
  const chores: Chore[] = [
    {
      name: "tell of robots that expire",
      everyMs: 60 * minuteMs,
      deletes: false,
      async run(work) {
        await tellOfExpiringRobots({ db: work.db, clock, audit });
      },
    },
    {
      name: "remove credentials that expired",
      everyMs: 60 * minuteMs,
      deletes: true,
      async run(work) {
        await removeExpiredCredentials({ db: work.db, clock });
      },
    },
  ];
  return { isOpen, access, audit, secrets, authenticator, tokens, gate, chores, ownChores };
}

/** Others would go on with the key that is about to be replaced, and write what nobody else takes for true. */
async function assertNobodyHasEarlierKey(
  db: Database,
  clock: Clock,
  secrets: SecretBox,
): Promise<void> {
  if (db.facts.oneServer) return;
  const [, ...earlier] = keysOf(secrets);
  for (const one of earlier) {
    const isReplaced = await isChainOf(db.reads, createSecretBox([one]));
    if (!isReplaced || !(await isAnyNodeLive(db, clock))) continue;
    throw new KeyFileError(
      "Nodes that run have the secret key that is to be replaced: stop all of them first",
    );
  }
}

/** What must be there before the first request. */
async function prepareAccounts(
  control: AccessControl,
  management: Management,
  isChild: boolean,
): Promise<void> {
  if (control.isOpen) return;
  await control.tokens.rotateIfDue();
  if (!isChild) await setUpUnattended(management);
}

/** `/api/`, the token service, and the keys with which others check its tokens. */
function openManagement(control: AccessControl, management: Management, api: Api): Handler {
  const { db, clock, log, access, audit, config } = management;
  const { tokens, gate } = control;
  const refresh = createRefreshTokens({ db, clock, audit, changed: access.changed });
  const service = createTokenService({
    db,
    access,
    identify: gate.identify,
    async admit(principal, address) {
      await gate.limit("requests", principal, address);
    },
    issue: tokens.issue,
    refresh,
    service: () => (config.url === null ? null : new URL(config.url).host),
  });
  const answerToken = createTokenEndpoint({ service, log });
  return (context) => {
    if (context.path === "/token") return answerToken(context);
    if (context.path === "/.well-known/jwks.json") return keysResponse(tokens.jwks());
    return api.serve(context);
  };
}

/** Of everybody before this start, or of one process of this server. */
function leftovers(registry: Registry, process: string | null = null): OwnChore {
  return {
    name: "clear away what an earlier process left",
    everyMs: null,
    async run(signal) {
      const files = await removeLeftovers(registry, signal, process);
      if (files > 0) registry.log.info(`Removed ${files} files of unfinished uploads`, { files });
    },
  };
}

/** Parts that a bucket keeps, and bills, for uploads of which nobody knows. */
function abandonedParts(registry: Registry): Chore {
  return {
    name: "end uploads in the bucket that nobody knows",
    everyMs: 24 * 60 * minuteMs,
    deletes: true,
    async run({ signal, db }) {
      const uploads = await removeLeftovers({ ...registry, db }, signal);
      if (uploads === 0) return;
      registry.log.info(`Ended ${uploads} uploads in the bucket that nobody knew`, { uploads });
    },
  };
}

function idleUploads(registry: Registry): Chore {
  return {
    name: "end idle uploads",
    everyMs: 10 * minuteMs,
    deletes: true,
    async run({ signal, db }) {
      const uploads = await expireUploads({ ...registry, db }, signal);
      if (uploads === 0) return;
      registry.log.info(`Ended ${uploads} uploads that were idle for a day`, { uploads });
    },
  };
}

/** Records that are kept for a set time. */
function choresOfRecords(management: Management): readonly Chore[] {
  const { config } = management;
  return [
    {
      name: "remove old lines of the audit",
      everyMs: 60 * minuteMs,
      deletes: true,
      async run({ signal, db }) {
        await pruneAudit({ ...management, db }, config.auditDays, signal);
      },
    },
    {
      name: "remove old pulls",
      everyMs: 60 * minuteMs,
      deletes: true,
      async run({ signal, db }) {
        await prunePulls({ ...management, db }, config.pullsDays, signal);
      },
    },
    {
      name: "forget answers of the management API",
      everyMs: 60 * minuteMs,
      deletes: true,
      async run({ db }) {
        await pruneIdempotencyKeys({ ...management, db });
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

function describePulls(metrics: Metrics, stats: PullStats): void {
  metrics.counter("berth_pulls_recorded_total", "Pulls kept one by one.", () => stats.recorded);
  metrics.counter(
    "berth_pulls_counted_total",
    "Pulls that were only counted.",
    () => stats.counted,
  );
  metrics.counter("berth_pulls_lost_total", "Pulls of which nothing was kept.", () => stats.lost);
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
    "max",
  );
  metrics.gauge(
    "berth_writes_refused",
    "1 after a disk error, until a restart.",
    () => (stats.failure === null ? 0 : 1),
    "max",
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
