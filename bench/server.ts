import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type LaunchOptions, launchOf, type Peer, shownCommand } from "./peers.ts";

const readyWithinMs = 60_000;
const stopWithinMs = 15_000;

/** A running registry of this run. */
export interface Server {
  peer: Peer;
  port: number;
  origin: string;
  folder: string;
  /** The registry's own process, also when a tracer started it. */
  pid: number;
  /** From the spawn to the first answer of GET /v2/: 200, or 401 where one has to sign in. */
  startMs: number;
  command: string;
  /** What became of it and its last words, for a failed run. */
  state(): string;
  /** SIGTERM, then SIGKILL for one that does not leave in time. */
  stop(): Promise<void>;
  /** SIGKILL, as a crash would. */
  kill(): Promise<void>;
}

export interface StartOptions extends Omit<LaunchOptions, "folder" | "port"> {
  /** A command that runs the registry as its only child, such as strace. */
  tracer?: string[];
}

const running = new Set<Bun.Subprocess>();

export async function startServer(
  peer: Peer,
  folder: string,
  options: StartOptions = {},
): Promise<Server> {
  mkdirSync(folder, { recursive: true });
  const port = freePort();
  const launch = launchOf(peer, {
    folder,
    port,
    tls: options.tls,
    logRequests: options.logRequests,
    settings: options.settings,
    program: options.program,
    s3: options.s3,
    collects: options.collects,
  });
  const log = openSync(join(folder, "server.log"), "a");
  const begun = performance.now();
  const child = Bun.spawn([...(options.tracer ?? []), ...launch.argv], {
    cwd: folder,
    env: { ...inheritedEnvironment(), ...launch.env },
    stdin: "ignore",
    stdout: log,
    stderr: log,
  });
  closeSync(log);
  endWithRun(child);
  const origin = `${options.tls === undefined ? "http" : "https"}://127.0.0.1:${port}`;
  await untilReady(child, origin, join(folder, "server.log"), peer.title);
  const startMs = performance.now() - begun;
  const pid = options.tracer === undefined ? child.pid : onlyChildOf(child.pid);
  return {
    peer,
    port,
    origin,
    folder,
    pid,
    startMs,
    command: shownCommand(launch, folder),
    state: () => stateOf(peer.title, child, join(folder, "server.log")),
    stop: () => end(child, pid, "SIGTERM"),
    kill: () => end(child, pid, "SIGKILL"),
  };
}

/** Whatever becomes of the run, the child does not outlive it. */
export function endWithRun(child: Bun.Subprocess): void {
  running.add(child);
  child.exited.finally(() => running.delete(child));
}

/** For the way out after a failure or Ctrl-C: ends every program this run started. */
export async function stopAll(): Promise<void> {
  const children = [...running];
  for (const child of children) {
    if (!hasEnded(child)) for (const pid of descendants(child.pid)) signal(pid, "SIGKILL");
  }
  await Promise.all(children.map((child) => child.exited));
}

/** The process and all its descendants, as the kernel lists them now. */
export function descendants(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
    const children = text === "" ? [] : text.split(" ").map(Number);
    return [pid, ...children.flatMap(descendants)];
  } catch {
    return [pid];
  }
}

async function untilReady(
  child: Bun.Subprocess,
  origin: string,
  log: string,
  title: string,
): Promise<void> {
  const deadline = performance.now() + readyWithinMs;
  while (performance.now() < deadline) {
    if (hasEnded(child)) throw new Error(stateOf(title, child, log));
    if (await answers(origin)) return;
    await Bun.sleep(1);
  }
  throw new Error(`${title} was not ready within ${readyWithinMs} ms`);
}

function hasEnded(child: Bun.Subprocess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

function stateOf(title: string, child: Bun.Subprocess, log: string): string {
  const how = hasEnded(child) ? `ended with ${child.exitCode ?? child.signalCode}` : "runs";
  return `${title} ${how}; its log ends:\n${readFileSync(log, "utf8").slice(-2000)}`;
}

async function answers(origin: string): Promise<boolean> {
  try {
    const init = { tls: { rejectUnauthorized: false }, headers: { connection: "close" } };
    const response = await fetch(`${origin}/v2/`, init);
    await response.arrayBuffer();
    return response.status === 200 || response.status === 401;
  } catch {
    return false;
  }
}

async function end(child: Bun.Subprocess, pid: number, first: NodeJS.Signals): Promise<void> {
  if (hasEnded(child)) return;
  signal(pid, first);
  const late = setTimeout(() => {
    for (const each of descendants(child.pid)) signal(each, "SIGKILL");
  }, stopWithinMs);
  await child.exited;
  clearTimeout(late);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // Already gone.
  }
}

function onlyChildOf(pid: number): number {
  const child = descendants(pid)[1];
  if (child === undefined) throw new Error("the tracer has no child");
  return child;
}

/** Settings of the caller's shell must not change what is measured. */
function inheritedEnvironment(): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [key, value] of Object.entries(process.env)) {
    if (value === undefined || /^(AWS|BERTH|REGISTRY|OTEL|ZOT|BUN|NODE)_/.test(key)) continue;
    kept[key] = value;
  }
  return kept;
}

export function freePort(): number {
  const probe = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = probe;
  probe.stop(true);
  return port;
}
