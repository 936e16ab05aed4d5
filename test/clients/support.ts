import { test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { toolsFolder } from "../support/tools.ts";

const searchPath = [
  join(toolsFolder, "bin"),
  process.env["PATH"] ?? "",
  "/usr/local/sbin:/usr/sbin:/sbin",
].join(":");

/** A folder of this run alone; gone when it ends. */
export const workspace = mkdtempSync(join(tmpdir(), "berth-clients-"));

const clientEnvironment: Record<string, string> = {
  PATH: searchPath,
  HOME: join(workspace, "home"),
  TMPDIR: join(workspace, "tmp"),
  XDG_RUNTIME_DIR: join(workspace, "run"),
  LANG: "C.UTF-8",
  NO_PROXY: "*",
};

/** They are gone again when the tests of one file have ended. */
async function makeHome(): Promise<void> {
  for (const name of ["home", "tmp", "run"]) {
    await mkdir(join(workspace, name), { mode: 0o700, recursive: true });
  }
}

export async function folder(name: string): Promise<string> {
  const path = join(workspace, name);
  await mkdir(path, { recursive: true });
  return path;
}

/** The full path of a program, or null where it is not installed. */
export function tool(name: string): string | null {
  return Bun.which(name, { PATH: searchPath });
}

/** Thrown by the body of a cell that finds it cannot be run here; the message says why. */
export class NotRun extends Error {}

export interface Cell {
  readonly client: string;
  readonly operation: string;
  outcome: string;
  seconds: number;
}

/** Every cell that was declared, in order. */
export const cells: Cell[] = [];

export interface CellOptions {
  /** Programs without which the cell is not run. */
  readonly needs: readonly string[];
  readonly timeoutSeconds?: number;
}

/** Declares one operation of one client as a test; the block around it names the client. */
export function cell(
  client: string,
  operation: string,
  { needs, timeoutSeconds = 180 }: CellOptions,
  body: () => Promise<void>,
): void {
  const entry: Cell = { client, operation, outcome: "not selected", seconds: 0 };
  cells.push(entry);
  const missing = needs.filter((name) => tool(name) === null);
  if (missing.length > 0) {
    entry.outcome = `not run: ${missing.join(", ")} not installed`;
    skipOnce(client, `${missing.join(", ")} not installed`);
    return;
  }
  const measured = async () => {
    const started = performance.now();
    try {
      await body();
      entry.outcome = "ok";
    } catch (error) {
      entry.outcome = error instanceof NotRun ? `not run: ${error.message}` : "failed";
      if (!(error instanceof NotRun)) throw error;
    } finally {
      entry.seconds = (performance.now() - started) / 1000;
    }
  };
  test(operation, measured, timeoutSeconds * 1000);
}

const skipped = new Set<string>();

/** One skipped test for all operations of a client that lack the same programs. */
function skipOnce(client: string, why: string): void {
  const key = `${client}: ${why}`;
  if (!skipped.has(key)) test.skip(why, () => {});
  skipped.add(key);
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Record<string, string>;
  readonly stdin?: string;
  readonly timeoutSeconds?: number;
  /** Whether any exit code will do. */
  readonly mayFail?: boolean;
}

export interface Finished {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

/** Runs a client to its end. Throws with its command line and the end of its output when it fails. */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const [name = "", ...rest] = argv;
  await makeHome();
  const child = Bun.spawn([tool(name) ?? name, ...rest], {
    cwd: options.cwd ?? workspace,
    env: { ...clientEnvironment, ...options.env },
    stdin: options.stdin === undefined ? "ignore" : new Blob([options.stdin]),
    stdout: "pipe",
    stderr: "pipe",
    timeout: (options.timeoutSeconds ?? 170) * 1000,
    killSignal: "SIGKILL",
  });
  const [stdout, stderr, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  if (exitCode !== 0 && options.mayFail !== true) {
    const why = child.signalCode === null ? `exit code ${exitCode}` : child.signalCode;
    throw new Error(`${argv.join(" ")}\n${why}\n${stdout.slice(-2000)}\n${stderr.slice(-4000)}`);
  }
  return { stdout, stderr, exitCode };
}

/** Runs a client that must be refused; gives all that it said. */
export async function runRefused(
  argv: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const { stdout, stderr, exitCode } = await run(argv, { ...options, mayFail: true });
  if (exitCode === 0) throw new Error(`${argv.join(" ")}\nwas not refused\n${stdout}\n${stderr}`);
  return stdout + stderr;
}

const endings: (() => Promise<void> | void)[] = [];

/** Registers what must be ended with the run; the last registered ends first. */
export function atEnd(end: () => Promise<void> | void): void {
  endings.push(end);
}

/** Ends every server of the run and removes its folder. */
export async function endAll(): Promise<void> {
  for (const end of endings.splice(0).reverse()) await end();
  for (const forget of forgetting) forget();
  rmSync(workspace, { recursive: true, force: true });
}

export interface DaemonOptions {
  readonly env?: Record<string, string>;
  readonly cwd?: string;
  readonly readySeconds?: number;
  readonly stopSeconds?: number;
}

/** Starts a server, waits until `ready` holds and ends it with the run. Its output is in a log file. */
export async function daemon(
  name: string,
  argv: readonly string[],
  ready: () => Promise<boolean>,
  options: DaemonOptions = {},
): Promise<void> {
  await makeHome();
  const logFile = join(workspace, `${name}.log`);
  // Nothing else would end the servers when the test run itself is killed.
  const guarded = tool("setpriv") === null ? [] : ["setpriv", "--pdeathsig", "TERM"];
  const child = Bun.spawn([...guarded, ...argv], {
    cwd: options.cwd ?? workspace,
    env: { ...clientEnvironment, ...options.env },
    stdin: "ignore",
    stdout: Bun.file(logFile),
    stderr: Bun.file(`${logFile}.err`),
  });
  const log = async () => `${await textOf(logFile)}${await textOf(`${logFile}.err`)}`.slice(-3000);
  atEnd(async () => {
    if (child.exitCode !== null || child.signalCode !== null) {
      const how = child.signalCode ?? `exit code ${child.exitCode}`;
      console.error(`${name} ended before the test run did: ${how}\n${await log()}`);
    }
    child.kill("SIGTERM");
    const ended = await Promise.race([
      child.exited,
      Bun.sleep((options.stopSeconds ?? 20) * 1000).then(() => null),
    ]);
    if (ended === null) {
      child.kill("SIGKILL");
      await child.exited;
    }
  });
  const deadline = performance.now() + (options.readySeconds ?? 30) * 1000;
  while (!(await ready().catch(() => false))) {
    if (child.exitCode !== null || performance.now() > deadline) {
      const how = `${argv.join(" ")} did not become ready (exit code ${child.exitCode})`;
      throw new Error(`${how}\n${await log()}`);
    }
    await Bun.sleep(25);
  }
}

async function textOf(path: string): Promise<string> {
  return existsSync(path) ? await Bun.file(path).text() : "";
}

const forgetting: (() => void)[] = [];

/** A value that is made at the first call and kept until `endAll`, also when making it failed. */
export function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  forgetting.push(() => {
    made = undefined;
  });
  return () => {
    made ??= make();
    return made;
  };
}

/** A port on which nothing listened a moment ago, for servers that cannot choose one themselves. */
export function freePort(): number {
  const probe = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = probe;
  probe.stop(true);
  return port;
}

/** Runs `work` for 0 to `count` - 1, so many at a time. */
export async function inParallel(
  count: number,
  atOnce: number,
  work: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
}
