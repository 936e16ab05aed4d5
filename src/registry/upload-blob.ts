import type { Hash } from "node:crypto";
import { actorOf } from "../auth/principal.ts";
import type { BlobKey, StagedId } from "../blobs/blob-store.ts";
import { storageError } from "../blobs/disk-calls.ts";
import type { Tx } from "../db/database.ts";
import type { UploadRow } from "../db/tables.ts";
import { uuidv7 } from "../lib/random.ts";
import { algorithmOf, type Digest, type DigestAlgorithm, digestOf } from "../oci/digest.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { type RepositoryName, refuseReservedName } from "../oci/repository-name.ts";
import { findLiveBlob, insertBlob, linkBlob } from "./blob-link-store.ts";
import type { Caller } from "./caller.ts";
import { type LiveUpload, newHasher } from "./live-uploads.ts";
import type { Registry } from "./registry.ts";
import { ensureRepository } from "./repository-store.ts";
import { type RequestBody, receive } from "./request-body.ts";
import {
  countUploads,
  deleteUpload,
  findUpload,
  insertUpload,
  setUploadOffset,
} from "./upload-store.ts";

/** Sessions that one address may have open. They end with their blob, a cancel, or a day of silence. */
export const uploadsPerClientMax = 1_000;

export interface UploadStart {
  readonly repository: RepositoryName;
  readonly algorithm: DigestAlgorithm;
  readonly client: string;
  readonly caller: Caller;
}

/** Where an upload session is, and what a request brings to it. */
export interface UploadRequest {
  readonly repository: RepositoryName;
  readonly id: string;
  readonly body: RequestBody;
  /** `Content-Range`: the bytes that the client believes it sends; null when it does not say. */
  readonly range: { readonly first: number; readonly last: number } | null;
  readonly caller: Caller;
}

/** Opens an upload session and returns its id. */
export async function startUpload(registry: Registry, start: UploadStart): Promise<string> {
  refuseReservedName(start.repository);
  registry.admitWrite();
  const { client } = start;
  if ((await countUploads(registry.db.reads, client, uploadsPerClientMax)) >= uploadsPerClientMax) {
    throw new RegistryError("TOOMANYREQUESTS", {
      message: `${client} has ${uploadsPerClientMax} uploads open: finish or cancel some first`,
      detail: { client, max: uploadsPerClientMax },
      headers: { "retry-after": "60" },
    });
  }
  const id = uuidv7();
  const now = registry.clock.now();
  const row: UploadRow = {
    id,
    repository: start.repository,
    algorithm: start.algorithm,
    offset_bytes: 0,
    client,
    principal: actorOf(start.caller.principal),
    created_at: now,
    touched_at: now,
  };
  await registry.db.transactionUnsynced((tx) => insertUpload(tx, row));
  return id;
}

/** Bytes received so far. */
export async function uploadOffset(
  registry: Registry,
  repository: RepositoryName,
  id: string,
  caller: Caller,
): Promise<number> {
  const row = await getUpload(registry, repository, id, caller);
  return registry.liveUploads.peek(id)?.offsetBytes ?? (await certainOffset(registry, row));
}

/** Appends the body to the session and returns the new offset. */
export async function appendToUpload(registry: Registry, request: UploadRequest): Promise<number> {
  registry.admitWrite();
  return await withUpload(registry, request, async ({ row, upload }) => {
    await append(registry, request, upload);
    const { offsetBytes } = upload;
    const now = registry.clock.now();
    await registry.db.transactionUnsynced((tx) => setUploadOffset(tx, row.id, offsetBytes, now));
    return offsetBytes;
  });
}

/** Appends the body, if there is one, checks the digest and makes the bytes a blob of the repository. */
export async function finishUpload(
  registry: Registry,
  request: UploadRequest,
  digest: Digest,
): Promise<void> {
  registry.admitWrite();
  await withUpload(registry, request, async (session) => {
    const { row, upload } = session;
    await append(registry, request, upload);
    // From here on the session ends, or its bytes must be looked at again.
    session.keep = false;
    const actual = await hashOf(registry, row, upload, algorithmOf(digest));
    if (actual !== digest) {
      await dropUpload(registry, row.id);
      throw new RegistryError("DIGEST_INVALID", {
        message: `the ${upload.offsetBytes} bytes received have the digest ${actual}, not ${digest}`,
        detail: { expected: digest, actual, bytes: upload.offsetBytes },
      });
    }
    await commitBlob(registry, row, request.caller, digest, upload.offsetBytes);
  });
}

/** A session that the client never hears of: when the request fails, nobody could go on with it. */
export async function uploadAtOnce(
  registry: Registry,
  start: UploadStart,
  request: Omit<UploadRequest, "id">,
  digest: Digest,
): Promise<void> {
  const id = await startUpload(registry, start);
  try {
    await finishUpload(registry, { ...request, id }, digest);
  } catch (error) {
    // After a fault of its own the node keeps the session: it leads to what must be cleared away.
    // Where dropping it fails too, it expires.
    const certain = error instanceof RegistryError && (error.status < 500 || error.status === 507);
    if (certain && error.code !== "DIGEST_INVALID") await dropUpload(registry, id).catch(() => {});
    throw error;
  }
}

/** Ends the session and drops its bytes. */
export async function cancelUpload(
  registry: Registry,
  repository: RepositoryName,
  id: string,
  caller: Caller,
): Promise<void> {
  registry.liveUploads.acquire(id);
  try {
    await getUpload(registry, repository, id, caller);
    await dropUpload(registry, id);
  } finally {
    registry.liveUploads.release(id, null);
  }
}

/** Rows before bytes: a crash in between leaves a file that the next start removes. */
export async function dropUpload(registry: Registry, id: string): Promise<void> {
  await registry.db.transaction((tx) => deleteUpload(tx, id));
  await registry.blobs.discard(id as StagedId);
}

/** The session, if the caller began it: to everybody else there is none. */
async function getUpload(
  registry: Registry,
  repository: RepositoryName,
  id: string,
  caller: Caller,
): Promise<UploadRow> {
  const row = await findUpload(registry.db.reads, repository, id);
  if (row !== null && row.principal === actorOf(caller.principal)) return row;
  throw new RegistryError("BLOB_UPLOAD_UNKNOWN", {
    message: `the repository ${repository} has no upload ${id}: it ended, expired, or never began`,
    detail: { repository, upload: id },
  });
}

/** A session in the hands of one request. */
interface HeldUpload {
  readonly row: UploadRow;
  readonly upload: LiveUpload;
  /** Whether what is known of the session holds for the next request. */
  keep: boolean;
}

/** Takes the session for this request alone. */
async function withUpload<T>(
  registry: Registry,
  { repository, id, caller }: UploadRequest,
  work: (session: HeldUpload) => Promise<T>,
): Promise<T> {
  // Taken before its row is read: the request that has it now may be the one that ends it.
  const { known } = registry.liveUploads.acquire(id);
  let session: HeldUpload | null = null;
  try {
    const row = await getUpload(registry, repository, id, caller);
    session = { row, upload: known ?? (await resume(registry, row)), keep: true };
    return await work(session);
  } catch (error) {
    // Fewer bytes may be there than this process remembers.
    if (session?.upload.hasher === null) session.keep = false;
    throw error;
  } finally {
    registry.liveUploads.release(id, session?.keep ? session.upload : null);
  }
}

/**
 * After a restart the file may have more than the row, from a chunk that was not answered: it is cut
 * to what the client was told.
 */
async function resume(registry: Registry, row: UploadRow): Promise<LiveUpload> {
  const offsetBytes = await certainOffset(registry, row);
  if (offsetBytes === 0) return { offsetBytes, hasher: newHasher(row.algorithm) };
  await (await registry.blobs.stage(row.id as StagedId, offsetBytes))?.close();
  return { offsetBytes, hasher: null };
}

/** The smaller of row and file: after a power cut the row may speak of bytes that are gone. */
async function certainOffset(registry: Registry, row: UploadRow): Promise<number> {
  const staged = (await registry.blobs.stagedBytes(row.id as StagedId)) ?? 0;
  return Math.min(row.offset_bytes, staged);
}

async function append(
  registry: Registry,
  { id, body, range }: UploadRequest,
  upload: LiveUpload,
): Promise<void> {
  const start = upload.offsetBytes;
  checkRange(id, range, body.lengthBytes, start);
  if (body.lengthBytes === 0) return;
  const writer = await registry.blobs.stage(id as StagedId, start);
  if (writer === null) throw bytesLost(id, start);
  let hashed = start;
  try {
    await receive(body, async (chunk) => {
      const { byteLength } = chunk;
      upload.hasher?.update(chunk);
      hashed += byteLength;
      await writer.write(chunk);
      registry.traffic.receivedBytes += byteLength;
    });
    const received = writer.offsetBytes - start;
    if (range !== null && received !== range.last - range.first + 1) {
      await writer.truncate(start);
      throw wrongLength(range, received);
    }
  } finally {
    try {
      await writer.close();
    } finally {
      // A full disk or a refused chunk leaves less than was hashed.
      upload.offsetBytes = writer.offsetBytes;
      if (writer.offsetBytes !== hashed) upload.hasher = null;
    }
  }
}

function checkRange(
  id: string,
  range: UploadRequest["range"],
  lengthBytes: number | null,
  offsetBytes: number,
): void {
  if (range === null) return;
  if (range.first !== offsetBytes) {
    throw new RegistryError("BLOB_UPLOAD_INVALID", {
      status: 416,
      message: `the chunk begins at byte ${range.first}, the upload is at byte ${offsetBytes}`,
      detail: { upload: id, first: range.first, offset: offsetBytes },
      headers: { range: uploadRange(offsetBytes) },
    });
  }
  const stated = range.last - range.first + 1;
  if (lengthBytes !== null && lengthBytes !== stated) throw wrongLength(range, lengthBytes);
}

function wrongLength(range: { first: number; last: number }, received: number): RegistryError {
  return new RegistryError("SIZE_INVALID", {
    message: `the body has ${received} bytes, Content-Range ${range.first}-${range.last} states ${
      range.last - range.first + 1
    }`,
    detail: { range: `${range.first}-${range.last}`, received },
  });
}

function bytesLost(id: string, offsetBytes: number): RegistryError {
  return new RegistryError("BLOB_UPLOAD_INVALID", {
    message: `the first ${offsetBytes} bytes of the upload ${id} are gone: start it again`,
    detail: { upload: id, offset: offsetBytes },
  });
}

/** The `Range` of a session at this offset. An empty one is 0-0 too, as in every registry. */
export function uploadRange(offsetBytes: number): string {
  return `0-${Math.max(0, offsetBytes - 1)}`;
}

async function hashOf(
  registry: Registry,
  row: UploadRow,
  upload: LiveUpload,
  algorithm: DigestAlgorithm,
): Promise<Digest> {
  if (upload.hasher !== null && row.algorithm === algorithm) {
    return digestOf(algorithm, upload.hasher.copy().digest("hex"));
  }
  const hasher = newHasher(algorithm);
  if (upload.offsetBytes > 0) {
    const bytes = await readInto(hasher, registry.blobs.readStaged(row.id as StagedId));
    if (bytes !== upload.offsetBytes) throw bytesLost(row.id, upload.offsetBytes);
  }
  return digestOf(algorithm, hasher.digest("hex"));
}

async function readInto(hasher: Hash, stream: ReadableStream<Uint8Array>): Promise<number> {
  const reader = stream.getReader();
  let bytes = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return bytes;
      hasher.update(value);
      bytes += value.byteLength;
    }
  } catch (error) {
    throw storageError(error, "an upload");
  }
}

/** Bytes durable, then rows; the answer waits for both. */
async function commitBlob(
  registry: Registry,
  row: UploadRow,
  caller: Caller,
  digest: Digest,
  size: number,
): Promise<void> {
  const { db, blobs } = registry;
  const id = row.id as StagedId;
  const link = async (tx: Tx) => {
    const now = registry.clock.now();
    const { repositoryId } = await ensureRepository(registry, tx, row.repository, caller, now);
    await linkBlob(tx, repositoryId, digest, now);
  };

  const stored = await findLiveBlob(db.reads, digest);
  const intact = stored !== null && (await blobs.size(stored.key)) === stored.size;
  if (intact) {
    const linked = await db.transaction(async (tx) => {
      if ((await findLiveBlob(tx, digest))?.key !== stored.key) return false;
      await link(tx);
      await deleteUpload(tx, row.id);
      return true;
    });
    if (linked) {
      await blobs.discard(id);
      return;
    }
  }

  if (size === 0) await (await blobs.stage(id, 0))?.close();
  const key = await blobs.publish(id, digest);
  // Where the bytes that the database speaks of are gone, these take their place.
  const replace = stored !== null && !intact ? stored.key : null;
  const kept = await registerBlob(registry, key, async (tx) => {
    const blob = { digest, size, key, replace, now: registry.clock.now() };
    const current = await insertBlob(tx, blob);
    await link(tx);
    if (current === key) await deleteUpload(tx, row.id);
    return current;
  });
  if (kept === key) return;
  // Somebody else stored the same blob meanwhile. The session ends after its spare file: it is by
  // the session that a start finds what a killed process left.
  await blobs.remove(key);
  await db.transactionUnsynced((tx) => deleteUpload(tx, row.id));
}

async function registerBlob(
  registry: Registry,
  key: BlobKey,
  body: (tx: Tx) => Promise<BlobKey>,
): Promise<BlobKey> {
  try {
    return await registry.db.transaction(body);
  } catch (error) {
    // After a failed sync the commit may be on the disk all the same: then the bytes must stay.
    if (registry.db.stats.failure === null) await registry.blobs.remove(key);
    throw error;
  }
}
