import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Bench, type Results, removeFolder } from "./bench.ts";
import { writeCapacity } from "./capacity.ts";
import { accessControl } from "./cases/access.ts";
import { pullsOfThePast } from "./cases/asof.ts";
import { backups } from "./cases/backup.ts";
import { bulkPull, bulkPush, tlsPull } from "./cases/bulk.ts";
import { consoleCase } from "./cases/console.ts";
import { copies } from "./cases/copy.ts";
import { garbage } from "./cases/gc.ts";
import { layerFiles } from "./cases/layers.ts";
import { lists } from "./cases/lists.ts";
import { slowDiskPeak, startAndIdle } from "./cases/memory.ts";
import { millionTags } from "./cases/million.ts";
import { threeNodes } from "./cases/nodes.ts";
import { onPostgres } from "./cases/postgres.ts";
import { severalProcesses } from "./cases/processes.ts";
import { pullRecords } from "./cases/pull-records.ts";
import { rollout } from "./cases/rollout.ts";
import { onS3 } from "./cases/s3.ts";
import { imagePushes, retags, syncs } from "./cases/small-pushes.ts";
import { imagePulls, manifestReads, smallBlobs } from "./cases/small-reads.ts";
import { manyTagsCase, tagCurve } from "./cases/tags.ts";
import { trashCase } from "./cases/trash.ts";
import { webhooks } from "./cases/webhooks.ts";
import { findPeers, measuredPeers, type PeerName } from "./peers.ts";
import { gaps, machine, reportOf } from "./report.ts";
import { versitygw } from "./s3-server.ts";
import { stopAll } from "./server.ts";

const exitMissing = 3;
const resultsFile = join(import.meta.dir, "results.json");
const tools = ["wrk", "strace", "openssl", "node"];

/** The cases in their order; `--only` takes these names. */
const cases: Record<string, (bench: Bench) => Promise<void>> = {
  start: startAndIdle,
  manifest: manifestReads,
  blob: smallBlobs,
  "image-pull": imagePulls,
  pull: bulkPull,
  tls: tlsPull,
  push: bulkPush,
  "image-push": imagePushes,
  retag: retags,
  tags: manyTagsCase,
  curve: tagCurve,
  rollout,
  million: millionTags,
  memory: slowDiskPeak,
  syncs,
  access: accessControl,
  records: pullRecords,
  asof: pullsOfThePast,
  postgres: onPostgres,
  s3: onS3,
  nodes: threeNodes,
  processes: severalProcesses,
  gc: garbage,
  backup: backups,
  trash: trashCase,
  webhooks,
  console: consoleCase,
  copy: copies,
  lists,
  layers: layerFiles,
};

const everyPeer: readonly PeerName[] = ["berth", "zot", "distribution"];
/** Cases that not every registry is in: for them the others need not be there. */
const peersOf: Record<string, readonly PeerName[]> = {
  curve: ["berth"],
  million: ["berth"],
  access: ["berth"],
  records: ["berth"],
  asof: ["berth"],
  postgres: ["berth"],
  s3: ["berth", "distribution"],
  nodes: ["berth"],
  processes: ["berth"],
  backup: ["berth"],
  trash: ["berth"],
  webhooks: ["berth"],
  console: ["berth"],
  copy: ["berth"],
  lists: ["berth"],
  layers: ["berth"],
};
const onS3Server = new Set(["s3", "nodes"]);

let left: Promise<void> | null = null;

process.exit(await main());

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string" },
      keep: { type: "boolean", default: false },
    },
  });
  const chosen = values.only?.split(",") ?? Object.keys(cases);
  const unknown = chosen.filter((name) => cases[name] === undefined);
  if (unknown.length > 0) {
    console.error(
      `No such case: ${unknown.join(", ")}. There are: ${Object.keys(cases).join(", ")}.`,
    );
    return 2;
  }
  if (Bun.env["BENCH_BERTH"] === undefined) build();
  const { peers, missing } = findPeers([
    ...new Set(chosen.flatMap((name) => peersOf[name] ?? everyPeer)),
  ]);
  if (chosen.some((name) => onS3Server.has(name)) && versitygw() === null) {
    missing.push("versitygw is not on PATH; BENCH_VERSITYGW names its executable.");
  }
  for (const tool of tools) if (Bun.which(tool) === null) missing.push(`${tool} is not on PATH.`);
  if (missing.length > 0) {
    console.error(missing.join("\n"));
    return exitMissing;
  }
  const bench: Bench = {
    peers,
    quick: values.quick,
    rounds: values.quick ? 1 : 3,
    seconds: values.quick ? 2 : 4,
    folder: mkdtempSync(join(tmpdir(), "berth-bench-")),
    results: {},
    commands: {},
  };
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.once(name, () => leave(bench).finally(() => process.exit(130)));
  }
  try {
    const failed: string[] = [];
    for (const name of chosen) {
      try {
        await runCase(bench, name);
      } catch (error) {
        // What the others measured took half an hour.
        console.error(`${name} failed:`, error);
        failed.push(name);
      }
    }
    const lacking = await publish(bench, {
      isWhole: values.only === undefined && failed.length === 0,
      keep: values.keep || values.only === undefined,
    });
    if (failed.length > 0) console.error(`failed: ${failed.join(", ")}`);
    return failed.length === 0 && lacking.length === 0 ? 0 : 1;
  } finally {
    await leave(bench);
  }
}

/** An executable that was built earlier may be of other sources. */
function build(): void {
  const cwd = join(import.meta.dir, "..");
  const { exitCode, stderr } = Bun.spawnSync([process.execPath, "scripts/build.ts"], { cwd });
  if (exitCode !== 0) throw new Error(`the executable cannot be built: ${stderr}`);
}

async function runCase(bench: Bench, name: string): Promise<void> {
  const begun = performance.now();
  await cases[name]?.(bench);
  console.error(`${name}: ${((performance.now() - begun) / 1000).toFixed(1)} s`);
}

/**
 * Prints the report. A whole, unhurried run is kept in the files beside this one; so are, with `--keep`,
 * the rows of single cases, each of which compares what ran in turns in one run. Returns what the files
 * lack.
 */
async function publish(
  bench: Bench,
  how: { isWhole: boolean; keep: boolean },
): Promise<readonly string[]> {
  const now = new Date().toISOString().slice(0, 10);
  const measured = Object.fromEntries(Object.keys(bench.results).map((row) => [row, now]));
  const stored: Stored = {
    machine: machine(),
    versions: Object.fromEntries(bench.peers.map((peer) => [peer.name, peer.version])),
    commands: bench.commands,
    rounds: bench.rounds,
    seconds: bench.seconds,
    measured,
    results: bench.results,
  };
  console.log(reportOf(bench, datesOf(measured)));
  if (bench.quick || !how.keep) return [];
  const whole = how.isWhole ? stored : await mergedInto(stored);
  const peers = measuredPeers(whole.versions);
  const all = { ...bench, peers, commands: whole.commands, results: whole.results };
  const lacking = gaps(all);
  await Bun.write(join(import.meta.dir, "RESULTS.md"), reportOf(all, datesOf(whole.measured)));
  await Bun.write(resultsFile, `${JSON.stringify(whole, null, 1)}\n`);
  if (lacking.length === 0) await writeCapacity();
  else console.error(`not measured on this machine: ${lacking.join(", ")}`);
  return lacking;
}

/** What results.json holds. */
interface Stored {
  machine: string;
  versions: Record<string, string>;
  commands: Bench["commands"];
  rounds: number;
  seconds: number;
  /** The day on which each row was measured. */
  measured: Record<string, string>;
  results: Results;
}

/** What was kept before on this machine, with the rows of this run in place of their earlier ones. */
async function mergedInto(fresh: Stored): Promise<Stored> {
  const before = (await Bun.file(resultsFile).json()) as Stored;
  if (before.machine !== fresh.machine) return fresh;
  return {
    ...fresh,
    versions: { ...before.versions, ...fresh.versions },
    commands: { ...before.commands, ...fresh.commands },
    measured: { ...before.measured, ...fresh.measured },
    results: { ...before.results, ...fresh.results },
  };
}

function datesOf(measured: Record<string, string>): string {
  const days = [...new Set(Object.values(measured))].sort();
  return days.length < 2 ? `on ${days[0] ?? "no day"}` : `from ${days[0]} to ${days.at(-1)}`;
}

/** Once, whether the run ends, fails or is interrupted: a second removal would trip over the first. */
function leave(bench: Bench): Promise<void> {
  left ??= stopAll().then(() => removeFolder(bench.folder));
  return left;
}
