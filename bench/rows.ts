import type { PeerName } from "./peers.ts";

/** What a row promises; ratios are how many times better Berth is than the peer. */
export type Goal =
  | { kind: "times"; zot?: number; distribution: number }
  /** Berth's cost over the peer's. */
  | { kind: "share"; zot: number; distribution: number }
  /** Berth's own value. */
  | { kind: "atMost" | "atLeast"; value: number };

export type OwnGoal = Extract<Goal, { value: number }>;

export interface Row {
  key: string;
  title: string;
  unit: string;
  better: "more" | "less";
  /** Decimals in the table. */
  digits: number;
  /** Whether `KEY_p50`, `KEY_p99` (ms) and `KEY_cpu` were recorded too; the unit of the last. */
  latencies?: boolean;
  cpu?: "us per request" | "s per GB";
  only?: PeerName;
  /** It has no such thing. */
  without?: PeerName;
  goal?: Goal;
  /** For a row with a goal that is about peers: what Berth's own value is to be besides. */
  bound?: OwnGoal;
}

const times = (zot: number, distribution: number): Goal => ({ kind: "times", zot, distribution });
const share = (zot: number, distribution: number): Goal => ({ kind: "share", zot, distribution });
const atMost = (value: number): OwnGoal => ({ kind: "atMost", value });
const atLeast = (value: number): OwnGoal => ({ kind: "atLeast", value });

const rate = { unit: "/s", better: "more", digits: 0, latencies: true } as const;
const throughput = { unit: "GB/s", better: "more", digits: 2 } as const;
const processor = { unit: "CPU s/GB", better: "less", digits: 3 } as const;
const milliseconds = { unit: "ms", better: "less", digits: 2 } as const;
const memory = { unit: "MB", better: "less", digits: 0 } as const;
const count = { unit: "", better: "less", digits: 2 } as const;
const perRequest = { cpu: "us per request" } as const;
const berthBeside = { unit: "x", better: "less", digits: 2, only: "berth" } as const;

/** Every row of the table, in its order. */
export const rows: Row[] = [
  {
    key: "manifest_get",
    title: "manifest GET by tag, 32 connections",
    ...rate,
    ...perRequest,
    goal: times(2, 6),
  },
  {
    key: "manifest_head",
    title: "manifest HEAD by tag, 32 connections",
    ...rate,
    ...perRequest,
    goal: times(2, 6),
  },
  {
    key: "manifest_get_logged",
    title: "manifest GET by tag, request log on",
    ...rate,
    ...perRequest,
    only: "berth",
  },
  {
    key: "tags_manifest_get",
    title: "manifest GET by tag, any of 10,000 tags",
    ...rate,
    ...perRequest,
    goal: times(300, 6),
  },
  {
    key: "curve_10",
    title: "the same, 8 connections: p50 at 10 tags",
    ...milliseconds,
    digits: 3,
    only: "berth",
  },
  { key: "curve_1000", title: "p50 at 1,000 tags", ...milliseconds, digits: 3, only: "berth" },
  { key: "curve_10000", title: "p50 at 10,000 tags", ...milliseconds, digits: 3, only: "berth" },
  { key: "curve_100000", title: "p50 at 100,000 tags", ...milliseconds, digits: 3, only: "berth" },
  {
    key: "curve_flat",
    title: "slowest p50 of the four over the one at 10 tags",
    unit: "x",
    better: "less",
    digits: 2,
    only: "berth",
    goal: atMost(1.1),
  },
  {
    key: "blob_get",
    title: "2 KiB blob GET, 32 connections",
    ...rate,
    ...perRequest,
    goal: times(2, 8),
  },
  { key: "pull", title: "256 MiB blob pull, 4 connections", ...throughput, goal: times(1.5, 1.5) },
  { key: "pull_cpu", title: "256 MiB blob pull", ...processor, goal: share(0.5, 0.5) },
  {
    key: "pull_client",
    title: "256 MiB blob pull: cores the client kept busy",
    unit: "",
    better: "less",
    digits: 2,
  },
  {
    key: "tls_pull",
    title: "64 MiB blob pull over TLS, 4 connections",
    ...throughput,
    goal: times(1.1, 1.1),
  },
  { key: "tls_pull_cpu", title: "64 MiB blob pull over TLS", ...processor },
  { key: "push", title: "256 MiB push, docker flow", ...throughput, goal: times(1.5, 1.5) },
  { key: "push_cpu", title: "256 MiB push, docker flow", ...processor, goal: share(0.7, 0.7) },
  {
    key: "image_push",
    title: "small images pushed, 16 at once",
    ...rate,
    ...perRequest,
    goal: times(2, 3),
  },
  {
    key: "image_pull",
    title: "small images pulled, 32 at once",
    ...rate,
    latencies: false,
    goal: times(2, 8),
  },
  {
    key: "tags_push",
    title: "tag push into 10,000 tags, one after another",
    ...rate,
    goal: times(50, 2),
  },
  {
    key: "tags_blob_head",
    title: "blob HEAD beside 10,000 tags, 1 connection",
    ...rate,
    goal: times(50, 2),
  },
  {
    key: "retag",
    title: "one manifest put under new tags, 16 at once",
    ...rate,
    goal: times(5, 3),
  },
  { key: "tags_page", title: "page of 100 tags of 10,000", ...milliseconds, goal: times(20, 10) },
  { key: "tags_all", title: "all of 10,000 tags", ...milliseconds, goal: times(2, 2) },
  {
    key: "c100000_page",
    title: "page of 100 tags of 100,000",
    ...milliseconds,
    only: "berth",
    goal: atMost(1),
  },
  {
    key: "c100000_all",
    title: "all of 100,000 tags",
    ...milliseconds,
    only: "berth",
    goal: atMost(60),
  },
  {
    key: "rollout_errors",
    title: "1,000 fresh connections pull an image: errors",
    unit: "",
    better: "less",
    digits: 0,
    goal: atMost(0),
  },
  { key: "rollout_p50", title: "1,000 fresh connections: p50", ...milliseconds, digits: 0 },
  { key: "rollout_p99", title: "1,000 fresh connections: p99", ...milliseconds, digits: 0 },
  {
    key: "rollout_spread",
    title: "1,000 fresh connections: p99 over p50",
    unit: "x",
    better: "less",
    digits: 2,
    goal: atMost(5),
  },
  { key: "start", title: "start to ready, empty folder", ...milliseconds, digits: 0 },
  {
    key: "start_million",
    title: "start to ready, 1,000,000 tags stored",
    ...milliseconds,
    digits: 0,
    only: "berth",
    goal: atMost(250),
  },
  {
    key: "start_killed",
    title: "the same after kill -9",
    ...milliseconds,
    digits: 0,
    only: "berth",
    goal: atMost(250),
  },
  { key: "memory_idle", title: "memory, idle", ...memory, goal: atMost(100) },
  {
    key: "memory_peak",
    title: "memory, peak of 32 pushes of 1 GB to a slow disk beside 200 stalled readers",
    ...memory,
    goal: atMost(250),
  },
  {
    key: "memory_peak_rate",
    title: "what those 32 pushes wrote",
    unit: "MB/s",
    better: "more",
    digits: 0,
  },
  {
    key: "syncs_alone",
    title: "fsyncs per small image pushed, one client",
    unit: "",
    better: "less",
    digits: 1,
  },
  {
    key: "syncs_together",
    title: "fsyncs per small image pushed, 16 at once",
    unit: "",
    better: "less",
    digits: 1,
  },
  {
    key: "access_open",
    title: "manifest GET by tag, open mode",
    ...rate,
    ...perRequest,
    only: "berth",
  },
  {
    key: "access_bearer",
    title: "the same with access control and a bearer token",
    ...rate,
    ...perRequest,
    only: "berth",
  },
  {
    key: "access_pat",
    title: "with a personal access token, Basic",
    ...rate,
    ...perRequest,
    only: "berth",
  },
  {
    key: "access_robot",
    title: "with a robot's secret, Basic",
    ...rate,
    ...perRequest,
    only: "berth",
  },
  {
    key: "access_bearer_share",
    title: "manifest GET by tag with a bearer token, share of open mode's rate",
    ...berthBeside,
    better: "more",
    goal: atLeast(0.9),
  },
  {
    key: "access_pat_share",
    title: "manifest GET by tag with a personal access token (Basic), share of open mode's rate",
    ...berthBeside,
    better: "more",
    goal: atLeast(0.8),
  },
  {
    key: "access_robot_share",
    title: "manifest GET by tag with a robot's secret (Basic), share of open mode's rate",
    ...berthBeside,
    better: "more",
    goal: atLeast(0.8),
  },
  {
    key: "asof_get",
    title: "manifest GET by tag as of an earlier time, a tag that moved 1,000 times",
    ...rate,
    latencies: false,
    only: "berth",
  },
  {
    key: "asof_get_x",
    title: "manifest GET by tag, its rate over that as of an earlier time",
    ...berthBeside,
    goal: atMost(1.5),
  },
  {
    key: "token",
    title: "GET /token by a robot, one scope, 8 connections",
    ...rate,
    only: "berth",
  },
  {
    key: "token_ms",
    title: "GET /token by a robot, one scope: processor time",
    ...milliseconds,
    only: "berth",
    goal: atMost(1),
  },
  {
    key: "grants_get",
    title: "10,000 grants, 1,000 groups: manifest GET by tag, times as slow as with a handful",
    ...berthBeside,
    goal: atMost(1.1),
  },
  {
    key: "grants_token",
    title: "10,000 grants, 1,000 groups: GET /token",
    ...berthBeside,
    goal: atMost(1.1),
  },
  {
    key: "grants_catalog",
    title: "10,000 grants, 1,000 groups: page of 100 repositories",
    ...berthBeside,
    goal: atMost(1.1),
  },
  {
    key: "grants_push",
    title: "10,000 grants, 1,000 groups: tag push",
    ...berthBeside,
    goal: atMost(1.1),
  },
  {
    key: "grants_first_few",
    title: "first GET after a change of rights, a handful of grants",
    ...milliseconds,
    only: "berth",
  },
  {
    key: "grants_first_groups",
    title: "first GET after a change of rights, by a user in 1,000 groups",
    ...milliseconds,
    only: "berth",
  },
  {
    key: "grants_first_own",
    title: "first GET after a change of rights, by a user with 10,000 grants",
    ...milliseconds,
    only: "berth",
  },
  {
    key: "pull_records",
    title:
      "pull records: processor time of manifest GETs in 200 repositories over the same program's without the call of the recorder",
    ...berthBeside,
    goal: atMost(1.05),
  },
  {
    key: "flood_idle",
    title: "p99 of manifest GETs with a bearer token, 32 connections",
    ...milliseconds,
    only: "berth",
  },
  {
    key: "flood_one",
    title: "p99 beside 16 connections that guess at passwords, from one address",
    ...milliseconds,
    only: "berth",
  },
  {
    key: "flood_many",
    title: "p99 beside 16 connections that guess at passwords, each time from another address",
    ...milliseconds,
    only: "berth",
  },
  {
    key: "flood_one_x",
    title: "flood of password logins from one address: p99 of pulls over the one without",
    ...berthBeside,
    goal: atMost(2),
  },
  {
    key: "flood_many_x",
    title: "flood of password logins from many addresses: p99 of pulls over the one without",
    ...berthBeside,
    goal: atMost(2),
  },
  {
    key: "sqlite_push",
    title: "small images pushed, 16 at once, on SQLite",
    ...rate,
    ...perRequest,
    only: "berth",
  },
  {
    key: "postgres_push",
    title: "the same on PostgreSQL, which shares the cores",
    ...rate,
    ...perRequest,
    only: "berth",
  },
  {
    key: "postgres_push_share",
    title: "small images pushed on PostgreSQL, share of SQLite's rate",
    ...berthBeside,
    better: "more",
    goal: atLeast(0.5),
  },
  {
    key: "sqlite_get",
    title: "manifest GET by tag, 32 connections, on SQLite",
    ...rate,
    ...perRequest,
    only: "berth",
  },
  {
    key: "postgres_get",
    title: "manifest GET by tag, 32 connections, on PostgreSQL, which shares the cores",
    ...rate,
    ...perRequest,
    only: "berth",
    goal: atLeast(20_000),
  },
  {
    key: "postgres_get_statements",
    title: "statements on PostgreSQL that a manifest GET by tag waits for, one connection",
    ...count,
    only: "berth",
    goal: atMost(1),
  },
  {
    key: "postgres_get_statements_32",
    title: "the same, 32 connections, whose reads go together",
    ...count,
    only: "berth",
    goal: atMost(1),
  },
  {
    key: "postgres_push_statements",
    title: "statements on PostgreSQL for a small image pushed: 3 blobs, 1 manifest",
    ...count,
    digits: 1,
    only: "berth",
  },
  {
    key: "s3_finish",
    title: "1 GB pushed to S3, docker flow: from the last byte to the 201",
    unit: "s",
    better: "less",
    digits: 2,
    without: "zot",
    goal: { kind: "times", distribution: 5 },
    bound: atMost(0.3),
  },
  {
    key: "s3_complete",
    title:
      "of it what this S3 takes for CompleteMultipartUpload: it copies the parts into one file",
    unit: "s",
    better: "less",
    digits: 2,
    without: "zot",
  },
  {
    key: "s3_finish_own",
    title: "1 GB pushed to S3, docker flow: from the last byte to the 201, without that",
    unit: "s",
    better: "less",
    digits: 2,
    only: "berth",
    goal: atMost(0.3),
  },
  { key: "s3_push", title: "1 GB pushed to S3, docker flow", ...throughput, without: "zot" },
  {
    key: "s3_redirect",
    title: "GET of a blob on S3, answered with a redirect, 32 connections",
    ...rate,
    ...perRequest,
    without: "zot",
  },
  {
    key: "s3_get",
    title: "manifest GET by tag beside it",
    ...rate,
    ...perRequest,
    without: "zot",
  },
  {
    key: "s3_cold_reads",
    title: "200 clients that pull one cold blob through the node: reads of S3",
    ...count,
    digits: 0,
    only: "berth",
    goal: atMost(1),
  },
  {
    key: "node_idle",
    title: "memory of a node on PostgreSQL and S3, idle",
    ...memory,
    only: "berth",
    goal: atMost(100),
  },
  {
    key: "node_peak",
    title: "memory of a node on PostgreSQL and S3, peak of 32 pushes of 1 GB",
    ...memory,
    only: "berth",
    goal: atMost(250),
  },
  {
    key: "node_peak_rate",
    title: "what those 32 pushes sent",
    unit: "MB/s",
    better: "more",
    digits: 0,
    only: "berth",
  },
  {
    key: "one_node_image_push",
    title: "small images pushed, 16 at once, one node on PostgreSQL and S3",
    ...rate,
    ...perRequest,
    only: "berth",
  },
  {
    key: "one_node_get",
    title: "manifest GET by tag, 32 connections, one node on PostgreSQL and S3",
    ...rate,
    ...perRequest,
    only: "berth",
  },
  {
    key: "three_nodes_get",
    title: "the same, three nodes on the same cores, 32 connections each",
    ...rate,
    ...perRequest,
    only: "berth",
  },
  {
    key: "nodes_get_x",
    title: "manifest GET by tag: processor time of three nodes over one's",
    ...berthBeside,
    goal: atMost(1.2),
  },
  {
    key: "nodes_get_shared_x",
    title: "the same where three nodes share 32 connections, so that fewer reads go together",
    ...berthBeside,
  },
  {
    key: "one_node_push_cpu",
    title: "64 MiB pushes to S3, 3 at once, one node",
    ...processor,
    only: "berth",
  },
  { key: "three_nodes_push_cpu", title: "the same, three nodes", ...processor, only: "berth" },
  {
    key: "nodes_push_x",
    title: "GB pushed: processor time of three nodes over one's",
    ...berthBeside,
    goal: atMost(1.2),
  },
  {
    key: "one_node_pull_cpu",
    title: "64 MiB pulls through a node, from its cache on disk, 3 at once, one node",
    ...processor,
    only: "berth",
  },
  { key: "three_nodes_pull_cpu", title: "the same, three nodes", ...processor, only: "berth" },
  {
    key: "nodes_pull_x",
    title: "GB pulled through nodes: processor time of three over one's",
    ...berthBeside,
    goal: atMost(1.2),
  },
  {
    key: "processes_1_push",
    title: "small images pushed, 16 at once, SQLite and files, one process",
    ...rate,
    ...perRequest,
    only: "berth",
  },
  {
    key: "processes_2_push",
    title: "the same, two processes",
    ...rate,
    ...perRequest,
    only: "berth",
  },
  {
    key: "processes_push_share",
    title: "small images pushed, two processes over one",
    ...berthBeside,
    better: "more",
    goal: atLeast(1),
  },
  {
    key: "processes_1_get",
    title: "manifest GET by tag, 32 connections, one process",
    ...rate,
    ...perRequest,
    only: "berth",
  },
  {
    key: "processes_2_get",
    title: "the same, two processes, which share two cores with the client",
    ...rate,
    ...perRequest,
    only: "berth",
  },
  {
    key: "processes_get_share",
    title: "manifest GET by tag, two processes over one",
    ...berthBeside,
    better: "more",
  },
  {
    key: "gc_seconds",
    title: "100,000 blobs collected while images are pulled and pushed, files removed",
    unit: "s",
    better: "less",
    digits: 1,
    only: "berth",
    goal: atMost(120),
  },
  {
    key: "gc_rate",
    title: "blobs collected meanwhile",
    unit: "/s",
    better: "more",
    digits: 0,
    only: "berth",
  },
  {
    key: "gc_idle",
    title: "p99 of pulls beside pushes, 4 connections",
    ...milliseconds,
    digits: 3,
    only: "berth",
  },
  {
    key: "gc_during",
    title: "the same while blobs are collected",
    ...milliseconds,
    digits: 3,
    only: "berth",
  },
  {
    key: "gc_x",
    title: "p99 of pulls while 100,000 blobs are collected over the one without",
    ...berthBeside,
    goal: atMost(1.5),
  },
  {
    key: "backup_first",
    title: "backup of 100,000 blobs to a folder, the first",
    unit: "s",
    better: "less",
    digits: 1,
    only: "berth",
  },
  {
    key: "backup_unchanged",
    title: "the same again, nothing changed",
    unit: "s",
    better: "less",
    digits: 2,
    only: "berth",
    goal: atMost(2),
  },
  {
    key: "trash_repository",
    title: "repository of 10,000 tags into the trash",
    ...milliseconds,
    only: "berth",
    goal: atMost(1_000),
  },
  {
    key: "trash_repository_back",
    title: "the same, back",
    ...milliseconds,
    only: "berth",
    goal: atMost(1_000),
  },
  {
    key: "trash_preview",
    title: "10,000 tagged manifests by time pushed, preview",
    ...milliseconds,
    only: "berth",
  },
  {
    key: "trash_manifests",
    title: "the same, each into the trash by itself",
    ...milliseconds,
    only: "berth",
    goal: atMost(1_000),
  },
  {
    key: "trash_tags_back",
    title: "manifest of 10,000 tags, back from the trash",
    ...milliseconds,
    only: "berth",
    goal: atMost(1_000),
  },
];
