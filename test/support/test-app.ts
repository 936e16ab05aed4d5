import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { loadConfig } from "../../src/platform/config.ts";
import { createLog } from "../../src/platform/log.ts";
import { serve } from "../../src/serve.ts";
import { type Child, startChild } from "../faults/support/child.ts";
import { startBalancer } from "./balancer.ts";
import { type S3Server, s3Settings, startWeakS3 } from "./s3-servers.ts";
import { databaseEnvironment, dropDatabaseOf, queryStore } from "./test-database.ts";

/**
 * With this many, tests of a Berth in their own process run it as a program of so many processes
 * instead: what clients see must be the same.
 */
const processes = Number(process.env["BERTH_TEST_PROCESSES"] ?? "1");

/**
 * With this many, on PostgreSQL and S3, each app is so many servers that take connections in turn. Those
 * beside the first have folders of their own in its folder.
 */
export const nodes = Number(process.env["BERTH_TEST_NODES"] ?? "1");

/** What several of them seal secrets with. */
export const sharedSecretKey = Buffer.alloc(32, "nodes").toString("base64");

export function folderOfNode(folder: string, number: number): string {
  return number === 0 ? folder : `${folder}/node-${number}`;
}

/** A Berth in this process, on a free port, with a data folder of its own. */
export interface TestApp {
  readonly url: string;
  readonly port: number;
  readonly folder: string;
  /** Lines that were logged at `warn` or above, as text. */
  readonly logged: readonly string[];
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** Rows of a query on the store, through a connection of its own. */
  rows(sql: string, ...params: (string | number | null)[]): Promise<Record<string, unknown>[]>;
  /** Stops the server; the folder stays, for a start on it. */
  stop(): Promise<void>;
  /** Stops the server and removes the folder. */
  remove(): Promise<void>;
}

export interface TestAppOptions {
  /** Environment variables on top of the defaults. */
  readonly env?: Readonly<Record<string, string>>;
  /** A folder of an earlier app; default: a new one. */
  readonly folder?: string;
}

/** Tests that start apps run on S3 with BERTH_TEST_BLOBS=s3: each folder has a prefix of its own. */
export const testsRunOnS3 = process.env["BERTH_TEST_BLOBS"] === "s3";

let sharedS3: Promise<S3Server> | null = null;

/** Variables with which a Berth on this folder finds its blobs: in the folder, or below a prefix of their own. */
export async function blobEnvironment(folder: string): Promise<Record<string, string>> {
  if (!testsRunOnS3) return {};
  sharedS3 ??= startWeakS3();
  // Where bytes come from is all that may differ: the tests look at the answers of Berth itself.
  return { ...s3Settings(await sharedS3, basename(folder)), BERTH_S3_REDIRECT: "false" };
}

export async function startTestApp(options: TestAppOptions = {}): Promise<TestApp> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), "berth-test-"));
  const env = {
    BERTH_LOG_REQUESTS: "false",
    BERTH_OPEN: "1",
    ...(await blobEnvironment(folder)),
    ...(await databaseEnvironment(folder)),
    ...options.env,
  };
  const start = processes > 1 ? startProgram : nodes > 1 ? startSeveral : startHere;
  const { url, port, logged, stop } = await start(folder, env);
  return {
    url,
    port,
    folder,
    get logged() {
      return logged();
    },
    fetch: (path, init) => fetch(url + path, init),
    rows: (sql, ...params) => queryStore(folder, sql, ...params),
    stop,
    async remove() {
      await stop();
      await dropDatabaseOf(folder);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

interface Started {
  readonly url: string;
  readonly port: number;
  logged(): readonly string[];
  stop(): Promise<void>;
}

async function startHere(folder: string, env: Readonly<Record<string, string>>): Promise<Started> {
  const { config } = loadConfig({ listen: "127.0.0.1:0", data: folder }, env);
  const logged: string[] = [];
  const log = createLog({
    format: "text",
    level: "warn",
    write: (lines) => {
      logged.push(...lines.split("\n").filter((line) => line !== ""));
    },
  });
  const running = await serve(config, log);
  const { port } = running;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    logged: () => logged,
    stop: () => running.stop(),
  };
}

async function startSeveral(
  folder: string,
  env: Readonly<Record<string, string>>,
): Promise<Started> {
  const shared = { BERTH_SECRET_KEY: sharedSecretKey, ...env };
  const all: Started[] = [];
  for (let number = 0; number < nodes; number++) {
    all.push(await startHere(folderOfNode(folder, number), shared));
  }
  const balancer = await startBalancer(all.map(({ port }) => port));
  return {
    url: balancer.url,
    port: balancer.port,
    logged: () => all.flatMap((each) => each.logged()),
    async stop() {
      await balancer.stop();
      for (const each of all) await each.stop();
    },
  };
}

async function startProgram(data: string, env: Readonly<Record<string, string>>): Promise<Started> {
  const child = await startChild({
    data,
    env: { ...env, BERTH_SERVER_PROCESSES: `${processes}`, BERTH_LOG_LEVEL: "warn" },
  });
  return {
    url: child.url,
    port: Number(new URL(child.url).port),
    logged: () => warningsOf(child),
    async stop() {
      await child.stop();
    },
  };
}

/** But for the one that open mode begins with, which is of the command and not of the server. */
function warningsOf(child: Child): string[] {
  return child
    .output()
    .split("\n")
    .filter((line) => line !== "" && !line.includes("open is 1."));
}
