import type { BlobBody, ByteRange } from "../blobs/blob-store.ts";
import { storageError } from "../blobs/disk-calls.ts";
import type { Reads } from "../db/database.ts";
import { assertNever } from "../lib/assert.ts";
import { chain, type MaybePromise } from "../lib/maybe-promise.ts";
import type { Digest } from "../oci/digest.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import { holdLiveBlob, isBlobVisible, leaseMs, renewLease } from "./blob-link-store.ts";
import type { VisibleBlob } from "./hot-reads-store.ts";
import { liveParents } from "./manifest-store.ts";
import type { Registry } from "./registry.ts";
import { unknownBlob, unknownRepository } from "./unknown.ts";

/** Blobs up to this size are kept in memory: opening a file costs more than they do. */
const cachedBlobBytesMax = 64 * 1024;
/** What comes as a stream is read whole up to this size: Bun states no Content-Length for one. */
const collectedBytesMax = 1024 * 1024;

/** The blob if it is visible in the repository, without opening its bytes. */
export function findBlob(
  registry: Registry,
  repository: RepositoryName,
  digest: Digest,
): MaybePromise<VisibleBlob> {
  return chain(
    registry.pullReads.visibleBlob(repository, digest),
    (found) => found ?? refuse(registry, repository, digest),
  );
}

async function refuse(
  registry: Registry,
  repository: RepositoryName,
  digest: Digest,
): Promise<never> {
  if ((await registry.reads.repositoryId(repository)) === null) throw unknownRepository(repository);
  throw unknownBlob(repository, digest);
}

/**
 * The answer that a push relies on: the blob is there, and stays until the push can refer to it.
 * Nearly always this writes nothing; a lease is renewed only when it is all that holds the blob.
 */
export async function confirmBlob(
  registry: Registry,
  repository: RepositoryName,
  digest: Digest,
): Promise<VisibleBlob> {
  const found = await registry.reads.visibleBlob(repository, digest);
  const settled = registry.db.settled();
  if (settled !== null) await settled;
  const blob = found ?? (await refuse(registry, repository, digest));
  const now = registry.clock.now();
  if (blob.lease_until - now >= leaseMs / 2) return blob;
  if (await isReferred(registry.db.reads, blob, digest)) return blob;
  try {
    await registry.db.transaction(
      async (tx) => {
        // A manifest may have come meanwhile, and the blob may have gone.
        if (await isReferred(tx, blob, digest)) return;
        const isThere = (await holdLiveBlob(tx, digest)) !== null;
        if (!isThere || !(await isBlobVisible(tx, blob.repository_id, digest))) {
          throw unknownBlob(repository, digest);
        }
        await renewLease(tx, blob.repository_id, digest, now);
      },
      { adds: repository },
    );
  } catch (error) {
    // What a lease promises for a while yet is true on a disk that takes no writes, too.
    if (!isWriteRefused(error) || blob.lease_until <= now) throw error;
  }
  return blob;
}

async function isReferred(reads: Reads, blob: VisibleBlob, digest: Digest): Promise<boolean> {
  return (await liveParents(reads, blob.repository_id, digest, 1)).length > 0;
}

function isWriteRefused(error: unknown): boolean {
  return (
    error instanceof RegistryError &&
    (error.code === "STORAGE_FULL" || error.code === "UNAVAILABLE")
  );
}

/** Where the client may read the blob itself; null: it reads it here. Small ones are in memory here. */
export function linkToBlob(
  registry: Registry,
  blob: VisibleBlob,
  userAgent: string,
  address: () => string,
): Promise<string> | null {
  const { link } = registry.blobs;
  if (link === null || blob.size <= cachedBlobBytesMax) return null;
  if (!registry.mayRedirect(userAgent, address)) return null;
  registry.traffic.sentBytes += blob.size;
  return link(blob.key);
}

/** Opens the bytes, or a part of them. Bytes that the disk has lost are an unknown blob, and logged. */
export async function openBlob(
  registry: Registry,
  repository: RepositoryName,
  digest: Digest,
  blob: VisibleBlob,
  range: ByteRange | null,
): Promise<BlobBody> {
  const sentBytes = range === null ? blob.size : range.last - range.first + 1;
  registry.traffic.sentBytes += sentBytes;
  const open = async (part: ByteRange | null) =>
    (await registry.blobs.open(blob.key, blob.size, part)) ??
    lost(registry, repository, digest, blob);
  if (blob.size > cachedBlobBytesMax) {
    const body = await open(range);
    if (body.kind !== "stream" || sentBytes > collectedBytesMax) return body;
    return { kind: "bytes", bytes: await collect(body) };
  }
  let bytes = registry.blobCache.get(blob.key);
  if (bytes === undefined) {
    bytes = await collect(await open(null));
    registry.blobCache.set(blob.key, bytes);
  }
  return {
    kind: "bytes",
    bytes: range === null ? bytes : bytes.subarray(range.first, range.last + 1),
  };
}

async function collect(body: BlobBody): Promise<Uint8Array<ArrayBuffer>> {
  try {
    switch (body.kind) {
      case "bytes":
        return body.bytes;
      case "file":
        return new Uint8Array(await body.file.arrayBuffer());
      case "stream":
        return (await Bun.readableStreamToBytes(body.stream)) as Uint8Array<ArrayBuffer>;
      default:
        return assertNever(body);
    }
  } catch (error) {
    throw storageError(error, "reading a blob");
  }
}

async function lost(
  registry: Registry,
  repository: RepositoryName,
  digest: Digest,
  blob: VisibleBlob,
): Promise<never> {
  // Erased, or pushed anew, since its row was read: then nothing is wrong.
  const current = await registry.pullReads.visibleBlob(repository, digest);
  if (current?.key === blob.key) {
    const message = `The bytes of ${digest} are missing or cut short: run berth verify --repair`;
    registry.log.error(message, { repository, digest, key: blob.key });
  }
  throw unknownBlob(repository, digest);
}
