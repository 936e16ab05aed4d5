import { join } from "node:path";
import type { BlobStore } from "../../src/blobs/blob-store.ts";
import { createPartRoom, type PartRoom } from "../../src/blobs/part-buffer.ts";
import { createReadCache } from "../../src/blobs/read-cache.ts";
import { createS3BlobStore } from "../../src/blobs/s3-blob-store.ts";
import { createS3Calls, type S3Calls } from "../../src/blobs/s3-calls.ts";
import { createS3Client, type S3Client } from "../../src/blobs/s3-client.ts";
import { openObject } from "../../src/blobs/s3-read.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { fixedCredentials, testBucket } from "./s3-servers.ts";

const mebibyte = 1024 * 1024;

export interface TestStore {
  readonly store: BlobStore;
  readonly calls: S3Calls;
  readonly client: S3Client;
  readonly room: PartRoom;
}

export interface TestStoreOptions {
  readonly endpoint: string;
  /** With a slash at its end. */
  readonly prefix: string;
  /** For parts on disk, and the cache. */
  readonly folder: string;
  readonly roomBytes?: number;
  readonly firstWaitMs?: number;
  readonly answerMsMax?: number;
  /** 0: none. */
  readonly cacheBytes?: number;
}

/** An S3 store with small parts, so that a test needs few bytes to reach the last. */
export function openTestStore(options: TestStoreOptions): TestStore {
  const { endpoint, prefix, folder } = options;
  const location = { bucket: testBucket, prefix, region: "us-east-1", endpoint, pathStyle: true };
  const client = createS3Client({
    location,
    ca: null,
    credentials: fixedCredentials,
    clock: systemClock,
    ...(options.firstWaitMs === undefined ? {} : { firstWaitMs: options.firstWaitMs }),
    ...(options.answerMsMax === undefined ? {} : { answerMsMax: options.answerMsMax }),
  });
  const calls = createS3Calls(client, { bucket: testBucket, prefix, encryption: null });
  const room = createPartRoom(join(folder, "parts"), options.roomBytes);
  const cacheBytes = options.cacheBytes ?? 0;
  const cache =
    cacheBytes === 0
      ? null
      : createReadCache({
          folder: join(folder, "cache"),
          bytesMax: cacheBytes,
          clock: systemClock,
          admitWrite() {},
          source: (key, size, range) => openObject(calls, key, size, range),
        });
  const store = createS3BlobStore({
    calls,
    room,
    address: `s3://${testBucket}/${prefix}`,
    link: (key) => client.presign(prefix + key, 60),
    cache,
    tiers: [
      { parts: 2, sizeBytes: 5 * mebibyte },
      { parts: 20, sizeBytes: 6 * mebibyte },
    ],
  });
  return { store, calls, client, room };
}
