import { readFileSync } from "node:fs";
import { join } from "node:path";
import { descendants } from "./server.ts";

/** The kernel's clock ticks in /proc/PID/stat; 100 on every Linux that Bun runs on. */
const ticksPerSecond = 100;
const drainScript = join(import.meta.dir, "drain.mjs");
const wrkScript = join(import.meta.dir, "requests.lua");
/** Loads may run beside each other. */
let loads = 0;

/** What a process and its descendants have used so far. */
export interface Usage {
  cpuSeconds: number;
  memoryMb: number;
  /** The highest memory of each process, added up. */
  memoryPeakMb: number;
}

export interface Load {
  requests: number;
  gigabytes: number;
  requestsPerSecond: number;
  gigabytesPerSecond: number;
  p50Ms: number;
  p99Ms: number;
}

export interface LoadOptions {
  connections: number;
  seconds: number;
  headers?: Record<string, string>;
}

export function usageOf(pid: number): Usage {
  const usage: Usage = { cpuSeconds: 0, memoryMb: 0, memoryPeakMb: 0 };
  for (const each of descendants(pid)) {
    try {
      const stat = readFileSync(`/proc/${each}/stat`, "utf8");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      usage.cpuSeconds += (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
      const status = readFileSync(`/proc/${each}/status`, "utf8");
      usage.memoryMb += kilobytes(status, "VmRSS") / 1000;
      usage.memoryPeakMb += kilobytes(status, "VmHWM") / 1000;
    } catch {
      // A child that ended between the two reads used next to nothing.
    }
  }
  return usage;
}

/** GET requests to `paths` in rotation, by wrk on one thread. Any answer but 2xx fails the run. */
export async function getLoad(
  origin: string,
  paths: string[],
  options: LoadOptions,
): Promise<Load> {
  const headers = Object.entries(options.headers ?? {}).flatMap(([key, value]) => [
    "-H",
    `${key}: ${value}`,
  ]);
  const list = join(Bun.env["TMPDIR"] ?? "/tmp", `berth-bench-paths-${process.pid}-${loads++}`);
  await Bun.write(list, paths.join("\n"));
  const argv = ["wrk", "-t1", `-c${options.connections}`, `-d${options.seconds}s`];
  const child = Bun.spawn(
    [...argv, "--timeout", "30s", "-s", wrkScript, ...headers, origin, "--", list],
    { stdout: "pipe", stderr: "pipe" },
  );
  const [out, err] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  await child.exited;
  await Bun.file(list).delete();
  const line = /^RESULT (.+)$/m.exec(out)?.[1];
  if (line === undefined) throw new Error(`wrk gave no result for ${origin}: ${err}${out}`);
  return parseLoad(line, `${origin}${paths[0] ?? ""}`);
}

function parseLoad(line: string, what: string): Load {
  const [micros = 0, requests = 0, bytes = 0, p50 = 0, p99 = 0, failed = 0] = line
    .split(" ")
    .map(Number);
  if (failed > 0) throw new Error(`${failed} of ${requests} requests failed: ${what}`);
  const seconds = micros / 1e6;
  return {
    requests,
    gigabytes: bytes / 1e9,
    requestsPerSecond: requests / seconds,
    gigabytesPerSecond: bytes / seconds / 1e9,
    p50Ms: p50 / 1000,
    p99Ms: p99 / 1000,
  };
}

export interface Drained {
  gigabytes: number;
  perSecond: number;
  /** Cores the client kept busy: near 1, it is the client that was measured. */
  clientCores: number;
}

/** Downloads `path` over and over. */
export async function drain(port: number, path: string, options: LoadOptions): Promise<Drained> {
  const { connections, seconds } = options;
  const argv = ["node", drainScript, String(port), path, String(connections), String(seconds)];
  const child = Bun.spawn(argv, { stdout: "pipe", stderr: "inherit" });
  const out = await new Response(child.stdout).text();
  const line = /^RESULT (\d+) (\d+) (\d+)$/m.exec(out);
  if (line === null || line[3] !== "0") throw new Error(`downloads of ${path} failed: ${out}`);
  await child.exited;
  const elapsed = Number(line[1]) / 1e6;
  const gigabytes = Number(line[2]) / 1e9;
  const clientSeconds = Number(child.resourceUsage()?.cpuTime.total ?? 0) / 1e6;
  return { gigabytes, perSecond: gigabytes / elapsed, clientCores: clientSeconds / elapsed };
}

export interface PoolResult {
  count: number;
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
}

/**
 * Runs `work` on `atOnce` workers, `count` times or until the seconds are over. `work` gets the
 * number of the run and of its worker.
 */
export async function pool(
  until: { count: number } | { seconds: number },
  atOnce: number,
  work: (index: number, worker: number) => Promise<void>,
): Promise<PoolResult> {
  const latencies: number[] = [];
  let next = 0;
  const begun = performance.now();
  const isOver =
    "count" in until
      ? () => next >= until.count
      : () => performance.now() - begun >= until.seconds * 1000;
  const worker = async (number: number) => {
    while (!isOver()) {
      const start = performance.now();
      await work(next++, number);
      latencies.push(performance.now() - start);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, (_, number) => worker(number)));
  const count = latencies.length;
  const perSecond = count / ((performance.now() - begun) / 1000);
  return { count, perSecond, p50Ms: quantile(latencies, 0.5), p99Ms: quantile(latencies, 0.99) };
}

/** The nearest-rank quantile; 0 of an empty list. */
export function quantile(values: number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const rank = Math.min(sorted.length - 1, Math.max(0, Math.ceil(sorted.length * q) - 1));
  return sorted[rank] ?? 0;
}

export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  if (sorted.length % 2 === 1) return sorted[middle] ?? 0;
  return ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

function kilobytes(status: string, key: string): number {
  return Number(new RegExp(`${key}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) * 1.024;
}
