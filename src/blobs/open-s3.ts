import fs from "node:fs";
import { join } from "node:path";
import type { Clock } from "../lib/clock.ts";
import type { S3Config } from "../platform/config.ts";
import type { BlobStore } from "./blob-store.ts";
import { createPartRoom } from "./part-buffer.ts";
import { type CacheStats, createReadCache } from "./read-cache.ts";
import { createS3BlobStore } from "./s3-blob-store.ts";
import { createS3Calls } from "./s3-calls.ts";
import { createS3Client, S3Error, type S3Stats } from "./s3-client.ts";
import { type Credentials, createCredentials } from "./s3-credentials.ts";
import { openObject } from "./s3-read.ts";

/** How long a client has to begin to read a blob that it was sent to. */
const linkSeconds = 10 * 60;

export interface OpenedS3 {
  readonly blobs: BlobStore;
  readonly stats: S3Stats;
  readonly cache: CacheStats | null;
}

export interface OpenS3Options {
  readonly s3: S3Config;
  /** Holds the cache, and parts on their way. */
  readonly folder: string;
  /** That share the folder. */
  readonly processes: number;
  readonly clock: Clock;
  readonly admitWrite: (bytes: number) => void;
  /** Default: where every AWS program finds them. */
  readonly credentials?: Credentials;
}

/** The bucket cannot be used as it was set up: one sentence for whoever did. */
export class BucketError extends Error {
  override name = "BucketError";
}

/** Opens the store in the bucket, and looks whether it can be read. One that does not answer may do so later. */
export async function openS3(options: OpenS3Options): Promise<OpenedS3> {
  const { s3, folder, clock } = options;
  const address = `s3://${s3.bucket}/${s3.prefix}`;
  const client = createS3Client({
    location: s3,
    ca: s3.caFile === null ? null : readCa(s3.caFile),
    credentials: options.credentials ?? createCredentials(clock),
    clock,
  });
  const calls = createS3Calls(client, s3);
  const read = (
    ...asked: Parameters<typeof openObject> extends [unknown, ...infer Rest] ? Rest : never
  ) => openObject(calls, ...asked);
  const cache =
    s3.cacheBytes === 0
      ? null
      : createReadCache({
          folder: join(folder, "cache"),
          bytesMax: s3.cacheBytes / options.processes,
          clock,
          admitWrite: options.admitWrite,
          source: read,
        });
  const { cdn } = s3;
  const blobs = createS3BlobStore({
    calls,
    room: createPartRoom(join(folder, "parts")),
    address,
    link: async (key) =>
      cdn === null
        ? await client.presign(s3.prefix + key, linkSeconds)
        : `${cdn}/${s3.prefix}${key}`,
    cache,
  });
  await assertReadable(() => calls.list("blobs/").next(), address);
  return { blobs, stats: client.stats, cache: cache?.stats ?? null };
}

function readCa(path: string): string {
  try {
    return fs.readFileSync(path, "utf8");
  } catch (error) {
    throw new BucketError(`s3.ca: ${path} cannot be read (${(error as { code?: string }).code})`);
  }
}

async function assertReadable(look: () => Promise<unknown>, address: string): Promise<void> {
  try {
    await look();
  } catch (error) {
    if (!(error instanceof S3Error)) {
      throw new BucketError(`no credentials for ${address}: ${(error as Error).message}`);
    }
    if (error.status === 0 || error.status >= 500) return;
    throw new BucketError(`${address} cannot be read: ${error.message}`);
  }
}
