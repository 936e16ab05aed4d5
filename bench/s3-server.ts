import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Bench, removeFolder } from "./bench.ts";
import type { S3Place } from "./peers.ts";
import { endWithRun, freePort } from "./server.ts";

const bucket = "bench";
const keys = { accessKey: "bench", secretKey: "bench-secret" };
const readyWithinMs = 20_000;

/** A versitygw of this run, with files below the run's folder. */
export interface S3Server {
  place(prefix: string): S3Place;
  /** What its log says of all requests with this name so far: how long each took, in ms. */
  requests(operation: "GetObject" | "CompleteMultipartUpload"): number[];
}

/** The executable; null: it is not there. */
export function versitygw(): string | null {
  return Bun.env["BENCH_VERSITYGW"] ?? Bun.which("versitygw");
}

export async function withS3(
  bench: Bench,
  name: string,
  work: (s3: S3Server) => Promise<void>,
): Promise<void> {
  const folder = join(bench.folder, `s3-${name}`);
  mkdirSync(join(folder, "data", bucket), { recursive: true });
  const port = freePort();
  const log = join(folder, "access.log");
  const listen = ["--port", `127.0.0.1:${port}`, "--keep-alive", "--quiet", "--access-log", log];
  const child = Bun.spawn([versitygw() ?? "versitygw", ...listen, "posix", join(folder, "data")], {
    env: { HOME: folder, ROOT_ACCESS_KEY: keys.accessKey, ROOT_SECRET_KEY: keys.secretKey },
    stdout: "ignore",
    stderr: Bun.file(join(folder, "error.log")),
  });
  endWithRun(child);
  try {
    await untilItAnswers(`http://127.0.0.1:${port}`);
    await work({
      place: (prefix) => ({ endpoint: `http://127.0.0.1:${port}`, bucket, prefix, ...keys }),
      requests: (operation) => requestsOf(log, `s3_${operation}`),
    });
  } finally {
    child.kill();
    await child.exited;
    await removeFolder(folder);
  }
}

/** A line of the log is as S3's own: the operation is its eighth word, the milliseconds the fifteenth. */
function requestsOf(log: string, operation: string): number[] {
  const lines = readFileSync(log, "utf8").split("\n");
  const words = lines.map((line) => line.split(" ")).filter((line) => line[7] === operation);
  return words.map((line) => {
    const milliseconds = Number(line[14]);
    if (Number.isNaN(milliseconds)) throw new Error(`versitygw logged ${line.join(" ")}`);
    return milliseconds;
  });
}

async function untilItAnswers(origin: string): Promise<void> {
  for (let waited = 0; waited < readyWithinMs; waited += 20) {
    if ((await fetch(origin).catch(() => null)) !== null) return;
    await Bun.sleep(20);
  }
  throw new Error(`versitygw was not ready within ${readyWithinMs} ms`);
}
