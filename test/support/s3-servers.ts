import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import S3rver from "@20minutes/s3rver";
import { toolsFolder } from "./tools.ts";

export const testBucket = "berth";

export const testCredentials = {
  AWS_ACCESS_KEY_ID: "S3RVER",
  AWS_SECRET_ACCESS_KEY: "S3RVER",
} as const;

/** The same, for stores that a test opens itself. */
export const fixedCredentials = {
  current: async () => ({
    accessKeyId: testCredentials.AWS_ACCESS_KEY_ID,
    secretAccessKey: testCredentials.AWS_SECRET_ACCESS_KEY,
  }),
  refresh: () => false,
};

/** An S3 on loopback, with the bucket `berth`. */
export interface S3Server {
  readonly endpoint: string;
  stop(): Promise<void>;
}

/** The settings of a Berth on this server, in a prefix of its own. Its credentials come from the environment. */
export function s3Settings(
  { endpoint }: Pick<S3Server, "endpoint">,
  prefix: string,
): Record<string, string> {
  Object.assign(process.env, testCredentials);
  return { BERTH_BLOBS: `s3://${testBucket}/${prefix}`, BERTH_S3_ENDPOINT: endpoint };
}

/** Out of npm: checks no sums, has no conditions, and lists no unfinished uploads. */
export async function startWeakS3(): Promise<S3Server> {
  const directory = mkdtempSync(join(tmpdir(), "berth-s3-weak-"));
  const server = new S3rver({
    port: 0,
    address: "127.0.0.1",
    silent: true,
    directory,
    vhostBuckets: false,
    allowMismatchedSignatures: false,
    configureBuckets: [{ name: testBucket }],
  });
  const { port } = await server.run();
  return {
    endpoint: `http://127.0.0.1:${port}`,
    async stop() {
      await server.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

const startMsMax = 20_000;

/** The program that `.ci/run` installs; null: it is not there. */
export function strictS3(): string | null {
  const path = `${join(toolsFolder, "bin")}:${process.env["PATH"] ?? ""}`;
  return Bun.which("versitygw", { PATH: path });
}

/** As strict as S3 itself where a push depends on it. `options`: further ones of the program. */
export async function startStrictS3(
  program: string,
  options: readonly string[] = [],
): Promise<S3Server> {
  const folder = mkdtempSync(join(tmpdir(), "berth-s3-strict-"));
  const data = join(folder, "data");
  mkdirSync(join(data, testBucket), { recursive: true });
  const port = await freePort();
  const child = Bun.spawn(
    [program, "--port", `127.0.0.1:${port}`, "--quiet", "--keep-alive", ...options, "posix", data],
    {
      env: { ROOT_ACCESS_KEY: "S3RVER", ROOT_SECRET_KEY: "S3RVER", HOME: folder },
      stdout: "ignore",
      stderr: "ignore",
    },
  );
  const endpoint = `${options.includes("--cert") ? "https" : "http"}://127.0.0.1:${port}`;
  await untilItAnswers(endpoint);
  return {
    endpoint,
    async stop() {
      child.kill();
      await child.exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function untilItAnswers(endpoint: string): Promise<void> {
  for (let waited = 0; waited < startMsMax; waited += 20) {
    const answer = await fetch(endpoint, { tls: { rejectUnauthorized: false } }).catch(() => null);
    if (answer !== null) return;
    await Bun.sleep(20);
  }
  throw new Error(`nothing answers at ${endpoint}`);
}

/** A port that is free now; whoever listens on it soon is likely to have it. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
