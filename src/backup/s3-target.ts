import fs from "node:fs";
import { join } from "node:path";
import { BucketError } from "../blobs/open-s3.ts";
import type { S3Calls } from "../blobs/s3-calls.ts";
import { createS3Calls } from "../blobs/s3-calls.ts";
import { createS3Client } from "../blobs/s3-client.ts";
import { createCredentials } from "../blobs/s3-credentials.ts";
import type { StagedPart } from "../blobs/s3-state.ts";
import type { Clock } from "../lib/clock.ts";
import type { AwsKeys, S3Config } from "../platform/config.ts";
import { type BackupTarget, chunksOf, type Fill } from "./backup-target.ts";
import { refused } from "./refused.ts";

/** Each holds a part in memory. */
const writesAtOnce = 4;
const partBytesMin = 16 * 1024 * 1024;
/** That S3 takes of one object. */
const partsMax = 10_000;

export interface S3TargetOptions {
  readonly s3: S3Config;
  /** Null: those that this process finds itself. */
  readonly keys: AwsKeys | null;
  readonly scratch: string;
  readonly clock: Clock;
}

/** Backups as objects below a prefix of a bucket. */
export async function openS3Target(options: S3TargetOptions): Promise<BackupTarget> {
  const { s3, keys, scratch, clock } = options;
  const name = `s3://${s3.bucket}/${s3.prefix}`;
  const client = createS3Client({
    location: s3,
    ca: s3.caFile === null ? null : fs.readFileSync(s3.caFile, "utf8"),
    credentials:
      keys === null
        ? createCredentials(clock)
        : { current: async () => keys, refresh: () => false },
    clock,
  });
  const calls = createS3Calls(client, s3);
  await calls
    .list("backups/")
    .next()
    .catch((error: Error) => {
      throw refused(
        409,
        `${name} cannot be read: ${error.message}`,
        new BucketError(error.message),
      );
    });

  async function write(path: string, sizeBytes: number, fill: Fill): Promise<void> {
    const partBytes = Math.max(partBytesMin, Math.ceil(sizeBytes / partsMax));
    if (sizeBytes <= partBytes) await writeWhole(calls, path, sizeBytes, fill);
    else await writeInParts(calls, path, { sizeBytes, partBytes, fill });
  }

  return {
    name,
    scratchFile: (ending) => join(scratch, `unfinished${ending}`),
    writesAtOnce,
    async *list(folder) {
      for await (const { key } of calls.list(`${folder}/`)) yield key;
    },
    async read(path) {
      const answer = await calls.get(path, null);
      return answer === null ? null : (answer.body ?? new Blob([]).stream());
    },
    write,
    async moveIn(path, file) {
      await write(path, fs.statSync(file).size, async (take) => {
        for await (const chunk of chunksOf(Bun.file(file).stream())) await take(chunk);
      });
      fs.rmSync(file);
    },
    remove: (path) => calls.remove([path]),
    async settle() {},
    faults: async () => [],
    async close() {},
  };
}

async function writeWhole(
  calls: S3Calls,
  path: string,
  sizeBytes: number,
  fill: Fill,
): Promise<void> {
  const buffer = new PartBuffer(sizeBytes);
  await fill(async (chunk) => {
    if (buffer.add(chunk) < chunk.byteLength) throw tooMany(sizeBytes);
  });
  const bytes = buffer.bytes();
  if (bytes.byteLength !== sizeBytes) throw tooFew(bytes.byteLength, sizeBytes);
  const sha256 = new Bun.CryptoHasher("sha256").update(bytes).digest("base64");
  await calls.put(path, { sizeBytes, open: () => bytes }, sha256);
}

/** What is not completed is nothing that can be read; it is ended where it failed. */
async function writeInParts(
  calls: S3Calls,
  path: string,
  { sizeBytes, partBytes, fill }: { sizeBytes: number; partBytes: number; fill: Fill },
): Promise<void> {
  const uploadId = await calls.createMultipart(path);
  const parts: StagedPart[] = [];
  const buffer = new PartBuffer(partBytes);
  let sent = 0;
  const send = async () => {
    const bytes = buffer.bytes();
    const body = { sizeBytes: bytes.byteLength, open: () => bytes };
    const etag = await calls.uploadPart(path, uploadId, parts.length + 1, body);
    parts.push({ etag, sizeBytes: bytes.byteLength });
    sent += bytes.byteLength;
    buffer.clear();
  };
  try {
    await fill(async (chunk) => {
      for (let rest = chunk; rest.byteLength > 0; ) {
        rest = rest.subarray(buffer.add(rest));
        if (buffer.isFull) await send();
      }
    });
    if (buffer.bytes().byteLength > 0) await send();
    if (sent !== sizeBytes) throw tooFew(sent, sizeBytes);
    await calls.complete(path, uploadId, parts);
    const stored = await calls.size(path);
    if (stored !== sizeBytes) throw tooFew(stored ?? 0, sizeBytes);
  } catch (error) {
    await calls.abort(path, uploadId).catch(() => {});
    throw error;
  }
}

/** Gathers a part. */
class PartBuffer {
  readonly #all: Uint8Array<ArrayBuffer>;
  #used = 0;

  constructor(sizeBytes: number) {
    this.#all = new Uint8Array(sizeBytes);
  }

  get isFull(): boolean {
    return this.#used === this.#all.byteLength;
  }

  /** Takes as much as there is room for; returns how much that was. */
  add(chunk: Uint8Array): number {
    const taken = chunk.subarray(0, this.#all.byteLength - this.#used);
    this.#all.set(taken, this.#used);
    this.#used += taken.byteLength;
    return taken.byteLength;
  }

  bytes(): Uint8Array<ArrayBuffer> {
    return this.#all.subarray(0, this.#used);
  }

  clear(): void {
    this.#used = 0;
  }
}

function tooFew(bytes: number, wanted: number): Error {
  return new Error(`${bytes} bytes came in place of ${wanted}`);
}

function tooMany(wanted: number): Error {
  return new Error(`more than ${wanted} bytes came`);
}
