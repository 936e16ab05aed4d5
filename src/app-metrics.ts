import type { Database } from "./db/database.ts";
import type { Metrics } from "./platform/metrics.ts";
import type { PullStats } from "./pulls/pull-recorder.ts";
import type { Registry } from "./registry/registry.ts";
import type { OnlineVerifyStats } from "./verify/online-verify.ts";
import { findPass } from "./verify/pass-store.ts";

export function describePulls(metrics: Metrics, stats: PullStats): void {
  metrics.counter("berth_pulls_recorded_total", "Pulls kept one by one.", () => stats.recorded);
  metrics.counter(
    "berth_pulls_counted_total",
    "Pulls that were only counted.",
    () => stats.counted,
  );
  metrics.counter("berth_pulls_lost_total", "Pulls of which nothing was kept.", () => stats.lost);
}

export function describeRegistry(metrics: Metrics, { db, traffic, liveUploads }: Registry): void {
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
  metrics.gauge(
    "berth_database_away",
    "1 while the database cannot be reached.",
    () => (db.away() === null ? 0 : 1),
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

export function describeVerify(
  metrics: Metrics,
  { reads }: Pick<Database, "reads">,
  stats: OnlineVerifyStats,
): void {
  metrics.counter("berth_verify_blobs_total", "Stored blobs read again.", () => stats.blobs);
  metrics.counter("berth_verify_bytes_total", "Bytes of blobs read again.", () => stats.bytes);
  metrics.counter(
    "berth_verify_findings_total",
    "Stored blobs that were not what they should be, and were set aside.",
    () => stats.findings,
  );
  metrics.gauge(
    "berth_verify_finished_timestamp_seconds",
    "When all stored blobs had last been read; 0 for never.",
    async () => ((await findPass(reads))?.finished_at ?? 0) / 1000,
    "own",
  );
  metrics.gauge(
    "berth_verify_stopped",
    "1 while reading the stored blobs is stopped, since too many were wrong.",
    async () => ((await findPass(reads))?.stopped == null ? 0 : 1),
    "own",
  );
}
