import { assert } from "../lib/assert.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { BlobKey, StagedWriter } from "./blob-store.ts";
import type { PartBuffer, PartRoom } from "./part-buffer.ts";
import { type PartTier, partBytesMin, partSize } from "./part-sizes.ts";
import type { S3Calls } from "./s3-calls.ts";
import { s3Failure } from "./s3-client.ts";
import { encodeState, partBytes, type S3Staged, type StagedPart, stagedSize } from "./s3-state.ts";

/** Parts of one upload on their way at a time. */
const inFlightMax = 2;

export interface S3WriterDeps {
  readonly calls: S3Calls;
  readonly room: PartRoom;
  readonly tiers: readonly PartTier[];
  newKey(): BlobKey;
  /** The bytes of a tail. */
  readTail(staged: S3Staged): Promise<Uint8Array<ArrayBuffer>>;
  /** Stores bytes under a key that nobody has used, and may remember them. */
  putTail(key: BlobKey, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  onClosed(): void;
}

/** Gathers parts and sends them on; what is too small for one is kept as the tail when the writer closes. */
export function createS3Writer(
  deps: S3WriterDeps,
  before: S3Staged,
  /** The tail counts less bytes than its object has. */
  tailIsCut: boolean,
): StagedWriter {
  const { calls, room, tiers } = deps;
  let multipart = before.multipart;
  let parts: (StagedPart | null)[] = [...before.parts];
  /** Bytes in parts that were sent, or are on their way. */
  let sentBytes = partBytes(before.parts);
  let buffer: PartBuffer | null = null;
  /** The tail of the writer before waits to be read back: it goes in front of what is written. */
  let hasTail = before.tail !== null;
  const inFlight = new Set<Promise<void>>();
  let failure: RegistryError | null = null;
  let failureTold = false;
  let after: S3Staged | null = null;
  let closing: Promise<void> | null = null;

  function throwFailure(): void {
    if (failure === null) return;
    failureTold = true;
    throw failure;
  }

  const pendingBytes = () => buffer?.sizeBytes ?? (hasTail ? (before.tail?.sizeBytes ?? 0) : 0);

  async function ownMemoryBack(): Promise<boolean> {
    if (inFlight.size === 0) return false;
    await Promise.race(inFlight);
    return true;
  }

  /** The buffer to write to, with the tail in it. */
  async function current(): Promise<PartBuffer> {
    if (buffer !== null) return buffer;
    const size = partSize(parts.length + 1, tiers);
    if (size === null) throw tooManyParts(sentBytes);
    const made = room.open(size, ownMemoryBack);
    try {
      if (hasTail) await made.append(await deps.readTail(before));
    } catch (error) {
      made.release();
      throw error;
    }
    hasTail = false;
    buffer = made;
    return made;
  }

  async function send(full: PartBuffer): Promise<void> {
    buffer = null;
    const index = parts.length;
    parts.push(null);
    sentBytes += full.sizeBytes;
    const sizeBytes = full.sizeBytes;
    try {
      if (multipart === null) {
        const key = deps.newKey();
        multipart = { key, uploadId: await calls.createMultipart(key) };
      }
    } catch (error) {
      full.release();
      failure ??= s3Failure(error, "an upload");
      throw error;
    }
    const { key, uploadId } = multipart;
    const sending = calls
      .uploadPart(key, uploadId, index + 1, full)
      .then((etag) => {
        parts[index] = { etag, sizeBytes };
      })
      .catch((error: unknown) => {
        failure ??= s3Failure(error, "an upload");
      })
      .finally(() => {
        full.release();
        inFlight.delete(sending);
      });
    inFlight.add(sending);
    if (inFlight.size >= inFlightMax) await Promise.race(inFlight);
  }

  /** What is certainly there: the parts up to the first that failed. */
  function certain(): S3Staged {
    const failed = parts.indexOf(null);
    const whole = (failed === -1 ? parts : parts.slice(0, failed)) as StagedPart[];
    // The first of the new parts begins with the old tail.
    if (whole.length <= before.parts.length) return { ...before, multipart };
    return { multipart, parts: whole, tail: null, spent: spentBy() };
  }

  function spentBy(): readonly BlobKey[] {
    return before.tail === null ? before.spent : [...before.spent, before.tail.key];
  }

  async function finish(): Promise<void> {
    try {
      await keepRest();
    } catch (error) {
      failure ??= s3Failure(error, "an upload");
    } finally {
      await Promise.all(inFlight);
      buffer?.release();
      buffer = null;
      after ??= certain();
      deps.onClosed();
    }
    if (!failureTold) throwFailure();
  }

  async function keepRest(): Promise<void> {
    if (failure === null && buffer !== null && buffer.sizeBytes >= partBytesMin) await send(buffer);
    await Promise.all(inFlight);
    if (failure !== null) return;
    if (hasTail && tailIsCut) await current();
    if (buffer === null) {
      after = hasTail ? { ...certain(), tail: before.tail, spent: before.spent } : certain();
      return;
    }
    const key = deps.newKey();
    const bytes = await buffer.bytes();
    if (bytes.byteLength > 0) await deps.putTail(key, bytes);
    const tail = bytes.byteLength > 0 ? { key, sizeBytes: bytes.byteLength } : null;
    after = { multipart, parts: parts as StagedPart[], tail, spent: spentBy() };
  }

  return {
    get offsetBytes() {
      if (after !== null) return stagedSize(after);
      return failure === null ? sentBytes + pendingBytes() : stagedSize(certain());
    },
    get state() {
      return encodeState(after ?? certain());
    },
    async write(chunk) {
      assert(closing === null, "a closed writer was written to");
      throwFailure();
      for (let rest = chunk; rest.byteLength > 0; ) {
        try {
          const into = await current();
          rest = rest.subarray(await into.append(rest));
          if (into.sizeBytes === partSize(parts.length + 1, tiers)) await send(into);
        } catch (error) {
          failure ??= s3Failure(error, "an upload");
        }
        throwFailure();
      }
      release(chunk);
    },
    async truncate(offsetBytes) {
      assert(closing === null, "a closed writer was truncated");
      await Promise.all(inFlight);
      throwFailure();
      if (offsetBytes >= sentBytes && buffer !== null) {
        buffer.cut(offsetBytes - sentBytes);
        return;
      }
      if (offsetBytes === sentBytes + pendingBytes()) return;
      assert(offsetBytes === stagedSize(before), "staged bytes are cut back to where they began");
      buffer?.release();
      buffer = null;
      parts = [...before.parts];
      sentBytes = partBytes(before.parts);
      hasTail = before.tail !== null;
    },
    close() {
      closing ??= finish();
      return closing;
    },
    async abandon() {
      failure ??= new RegistryError("UNAVAILABLE", {
        message: "another process has taken the upload over",
      });
      failureTold = true;
      closing ??= finish();
      await closing;
    },
  };
}

/** The chunk is the store's own. Left to the collector, hundreds of megabytes wait for it. */
function release({ buffer, byteLength }: Uint8Array): void {
  const isWhole = buffer instanceof ArrayBuffer && buffer.byteLength === byteLength;
  if (isWhole && !buffer.detached) buffer.transfer(0);
}

function tooManyParts(bytes: number): RegistryError {
  return new RegistryError("SIZE_INVALID", {
    status: 413,
    message: `the blob has more than ${bytes} bytes, which is all that the storage takes in parts`,
    detail: { bytes },
  });
}
