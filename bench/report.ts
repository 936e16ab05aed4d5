import { readFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { type Bench, medianOf, type Results } from "./bench.ts";
import type { Peer, PeerName } from "./peers.ts";
import { type Goal, type OwnGoal, type Row, rows } from "./rows.ts";

/** Within this share of its goal a row is short, beyond it far short. */
const tolerance = 0.2;

/** The whole report as markdown; rows nothing was measured for are left out. */
export function reportOf(bench: Bench, measured: string): string {
  return [
    "# Results",
    "",
    `Made by \`npm run bench\` ${measured}, on ${machine()}. Client and registries share the cores.`,
    "Each number is the median of its rounds; the samples are in `results.json`.",
    "",
    "| registry | version | durability of a 201 | command |",
    "|---|---|---|---|",
    ...bench.peers.map(
      (peer) =>
        `| ${peer.title} | ${peer.version} | ${peer.durability} | \`${bench.commands[peer.name] ?? "not started"}\` |`,
    ),
    "",
    "## Goals",
    "",
    "How many times better Berth is (for costs: Berth's share of the peer's), and what was aimed at.",
    "",
    ...goalsTable(bench.results),
    "",
    "## Measurements",
    "",
    "Rates are followed by p50/p99 in ms and the server's processor time.",
    "",
    ...measurementsTable(bench),
    "",
  ].join("\n");
}

/** The machine in one phrase, without its name. */
export function machine(): string {
  const cores = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  const tcp = readFileSync("/proc/sys/net/ipv4/tcp_congestion_control", "utf8").trim();
  const disk = /^\S+ \/ (\S+)/m.exec(readFileSync("/proc/mounts", "utf8"))?.[1] ?? "unknown";
  return `${cores.length} cores of ${cores[0]?.model.trim() ?? "unknown"}, ${memory} GiB, Linux ${release()}, ${disk}, TCP with ${tcp}`;
}

function goalsTable(results: Results): string[] {
  const lines = [
    "| measure | Berth | against zot | against distribution | met |",
    "|---|---|---|---|---|",
  ];
  for (const row of rows) {
    const berth = medianOf(results, row.key, "berth");
    if (row.goal === undefined || berth === null) continue;
    const { goal } = row;
    const own = `${shown(row, berth)} ${row.unit}`.trim();
    if ("value" in goal) {
      lines.push(
        `| ${row.title} | ${own} (${boundOf(goal)}) | | | ${verdictOf([ratioOf(goal, berth)])} |`,
      );
      continue;
    }
    const against = (["zot", "distribution"] as const).map((peer) =>
      compare(results, row, goal, peer),
    );
    const { bound } = row;
    const reached = bound === undefined ? [] : [ratioOf(bound, berth)];
    const verdict = verdictOf([...against.map((each) => each.reached), ...reached]);
    const bounded = bound === undefined ? own : `${own} (${boundOf(bound)})`;
    lines.push(
      `| ${row.title} (${row.unit}) | ${bounded} | ${against.map((each) => each.text).join(" | ")} | ${verdict} |`,
    );
  }
  return lines;
}

function boundOf({ kind, value }: OwnGoal): string {
  return `${kind === "atMost" ? "at most" : "at least"} ${value}`;
}

/** 1 or more: the goal is met. */
function ratioOf({ kind, value }: OwnGoal, own: number): number {
  if (kind === "atLeast") return own / value;
  return value === 0 ? Number(own === 0) : value / own;
}

interface Comparison {
  text: string;
  /** 1 or more: the goal is met; 0.8: a fifth short. */
  reached: number;
}

function compare(
  results: Results,
  row: Row,
  goal: Exclude<Goal, OwnGoal>,
  peer: "zot" | "distribution",
): Comparison {
  const aim = goal[peer];
  if (aim === undefined) return { text: "", reached: Number.POSITIVE_INFINITY };
  const berth = medianOf(results, row.key, "berth");
  const other = medianOf(results, row.key, peer);
  if (berth === null || other === null) return { text: "not measured", reached: 0 };
  if (goal.kind === "share") {
    const share = berth / other;
    return { text: `${share.toFixed(2)} (at most ${aim})`, reached: aim / share };
  }
  const factor = row.better === "more" ? berth / other : other / berth;
  return { text: `${factor.toFixed(factor < 10 ? 2 : 0)} (${aim})`, reached: factor / aim };
}

function verdictOf(reached: number[]): string {
  const worst = Math.min(...reached);
  if (worst >= 1) return "yes";
  return worst >= 1 - tolerance ? "short" : "no";
}

function measurementsTable(bench: Bench): string[] {
  const lines = [
    `| measure | ${bench.peers.map((peer) => peer.title).join(" | ")} |`,
    `|---|${bench.peers.map(() => "---").join("|")}|`,
  ];
  for (const row of rows) {
    if (bench.results[row.key] === undefined) continue;
    const unit = row.unit === "" ? "" : ` (${row.unit})`;
    lines.push(
      `| ${row.title}${unit} | ${bench.peers.map((peer) => cell(bench, row, peer)).join(" | ")} |`,
    );
  }
  return lines;
}

function cell(bench: Bench, row: Row, peer: Peer): string {
  const at = (suffix: string) => medianOf(bench.results, `${row.key}${suffix}`, peer.name);
  const value = at("");
  if (value === null) return "";
  const extras: string[] = [];
  const [p50, p99, cpu] = [at("_p50"), at("_p99"), at("_cpu")];
  if (row.latencies === true && p50 !== null && p99 !== null) {
    extras.push(`${precise(p50)}/${precise(p99)} ms`);
  }
  if (row.cpu !== undefined && cpu !== null) extras.push(`${Math.round(cpu)} us`);
  return [shown(row, value), ...extras].join(" · ");
}

function shown(row: Row, value: number): string {
  return value.toLocaleString("en-US", {
    minimumFractionDigits: row.digits,
    maximumFractionDigits: row.digits,
  });
}

function precise(milliseconds: number): string {
  return milliseconds >= 10 ? milliseconds.toFixed(0) : milliseconds.toFixed(2);
}

/** Rows a registry should have a number in, and has not. */
export function gaps(bench: Bench): string[] {
  const lacking: string[] = [];
  for (const row of rows) {
    const names: PeerName[] =
      row.only === undefined ? bench.peers.map((peer) => peer.name) : [row.only];
    for (const name of names) {
      if (name === row.without) continue;
      if (medianOf(bench.results, row.key, name) === null) lacking.push(`${row.key} of ${name}`);
    }
  }
  return lacking;
}
