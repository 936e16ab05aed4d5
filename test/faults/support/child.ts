import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const projectFolder = join(import.meta.dir, "../../..");
const bunFlags = ["--no-env-file", "--config=/dev/null", "--no-install"];
const readyMsMax = 20_000;
const outputCharsMax = 256 * 1024;

/** A Berth in a process of its own, which may be killed. */
export interface Child {
  readonly pid: number;
  readonly url: string;
  /** What it wrote to stdout and stderr so far; the last part of it when that is much. */
  output(): string;
  signal(name: NodeJS.Signals): void;
  /** SIGKILL, and waits until the process is gone. May be repeated. */
  kill(): Promise<void>;
  /** SIGTERM, and waits for the exit code. */
  stop(): Promise<number>;
  readonly exited: Promise<number>;
  /** Memory that the process holds now. */
  residentBytes(): number;
}

export interface ChildOptions {
  readonly data: string;
  readonly env?: Readonly<Record<string, string>>;
  /** A program that starts the one behind it, with its own arguments: `strace ...`. */
  readonly wrapper?: readonly string[];
  /** By default any that is free. */
  readonly port?: number;
  /** The folder of the program, where it is another than this one. */
  readonly program?: string;
}

/** Starts the process; it may not serve yet. */
export async function spawnChild(options: ChildOptions): Promise<Child> {
  const { data, env, wrapper = [] } = options;
  const port = options.port ?? (await freePort());
  const child = Bun.spawn([...wrapper, process.execPath, ...bunFlags, "src/main.ts", "serve"], {
    cwd: options.program ?? projectFolder,
    env: {
      PATH: process.env["PATH"] ?? "",
      BERTH_LISTEN: `127.0.0.1:${port}`,
      BERTH_DATA: data,
      BERTH_OPEN: "1",
      BERTH_LOG_REQUESTS: "false",
      BERTH_SERVER_PROCESSES: "1",
      ...env,
    },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  let output = "";
  const collect = async (stream: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      output = (output + decoder.decode(chunk, { stream: true })).slice(-outputCharsMax);
    }
  };
  const drained = Promise.all([collect(child.stdout), collect(child.stderr)]).catch(() => {});
  return {
    pid: child.pid,
    url: `http://127.0.0.1:${port}`,
    output: () => output,
    signal: (name) => child.kill(name),
    async kill() {
      child.kill("SIGKILL");
      await child.exited;
      await drained;
    },
    async stop() {
      child.kill("SIGTERM");
      const code = await child.exited;
      await drained;
      return code;
    },
    exited: child.exited,
    residentBytes() {
      const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
      return Number(/^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
    },
  };
}

/** Starts the process and waits until it says that it is ready. */
export async function startChild(options: ChildOptions): Promise<Child> {
  const child = await spawnChild(options);
  if (await isReady(child)) return child;
  await child.kill();
  throw new Error(`Berth did not get ready (exit code ${await child.exited}):\n${child.output()}`);
}

async function isReady(child: Child): Promise<boolean> {
  let exited = false;
  void child.exited.then(() => {
    exited = true;
  });
  for (let waited = 0; waited < readyMsMax && !exited; waited += 10) {
    try {
      const answer = await fetch(`${child.url}/readyz`, { signal: AbortSignal.timeout(5_000) });
      await answer.arrayBuffer();
      if (answer.ok) return true;
    } catch {
      // Nobody listens yet.
    }
    await Bun.sleep(10);
  }
  return false;
}

/** A command on the data folder; resolves with what it wrote and its exit code. */
export async function runCommand(
  data: string,
  ...args: string[]
): Promise<{ code: number; output: string }> {
  return await spawnCommand({ data }, ...args).ended;
}

/** The same, and the process while it runs. */
export function spawnCommand(
  { data, env }: Pick<ChildOptions, "data" | "env">,
  ...args: string[]
): { kill(signal: NodeJS.Signals): void; ended: Promise<{ code: number; output: string }> } {
  const child = Bun.spawn([process.execPath, ...bunFlags, "src/main.ts", ...args], {
    cwd: projectFolder,
    env: { PATH: process.env["PATH"] ?? "", BERTH_DATA: data, BERTH_OPEN: "1", ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const end = async () => {
    const [out, error] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ]);
    return { code: await child.exited, output: out + error };
  };
  return { kill: (signal) => child.kill(signal), ended: end() };
}

/** A new data folder, and how to remove it. */
export function temporaryFolder(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), "berth-faults-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
