import type { Hash } from "node:crypto";
import { actorOf } from "../auth/principal.ts";
import { storageError } from "../blobs/disk-calls.ts";
import { uuidv7 } from "../lib/random.ts";
import { algorithmOf, type Digest, type DigestAlgorithm, digestOf } from "../oci/digest.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { type RepositoryName, refuseReservedName } from "../oci/repository-name.ts";
import type { Caller } from "./caller.ts";
import { commitBlob } from "./commit-blob.ts";
import { newHasher } from "./live-uploads.ts";
import type { Registry } from "./registry.ts";
import { type RequestBody, receive } from "./request-body.ts";
import {
  certainOffset,
  claimLost,
  claimTimes,
  endUpload,
  getUpload,
  type HeldUpload,
  newUpload,
  saveProgress,
  withUpload,
} from "./upload-session.ts";
import {
  claimUpload,
  insertUpload,
  type NewUpload,
  stagedOf,
  type Upload,
} from "./upload-store.ts";

/** Sessions that one address may have open. They end with their blob, a cancel, or a day of silence. */
const uploadsPerClientMax = 1_000;

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
  const id = uuidv7();
  const row = admitSession(registry, start);
  const isBegun = await registry.db.statement(
    (tx) => insertUpload(tx, { id, ...row }, uploadsPerClientMax),
    "unsynced",
  );
  if (!isBegun) throw tooManyUploads(start);
  if (registry.blobs.stagedIsDurable) {
    // What is not known of a session may have been staged by a process that came to no end.
    registry.liveUploads.remember(id, newUpload(start.algorithm));
  }
  return id;
}

/** The same for a request that goes on with it at once: where processes share sessions it is held already. */
async function startHeldUpload(
  registry: Registry,
  start: UploadStart,
  id: string,
): Promise<Upload | null> {
  const { sharesUploads, id: holder } = registry.process;
  const times = claimTimes(registry);
  const row = admitSession(registry, start);
  return await registry.db.transactionUnsynced(async (tx) => {
    const isBegun = await insertUpload(tx, { id, ...row }, uploadsPerClientMax);
    if (!isBegun) throw tooManyUploads(start);
    return sharesUploads ? await claimUpload(tx, { id }, holder, times) : null;
  });
}

function admitSession(registry: Registry, start: UploadStart): Omit<NewUpload, "id"> {
  refuseReservedName(start.repository);
  registry.admitWrite();
  const now = registry.clock.now();
  return {
    repository: start.repository,
    algorithm: start.algorithm,
    offset_bytes: 0,
    client: start.client,
    principal: actorOf(start.caller.principal),
    created_at: now,
    touched_at: now,
  };
}

function tooManyUploads({ client }: UploadStart): RegistryError {
  return new RegistryError("TOOMANYREQUESTS", {
    message: `${client} has ${uploadsPerClientMax} uploads open: finish or cancel some first`,
    detail: { client, max: uploadsPerClientMax },
    headers: { "retry-after": "60" },
  });
}

/** Bytes received so far. */
export async function uploadOffset(
  registry: Registry,
  repository: RepositoryName,
  id: string,
  caller: Caller,
): Promise<number> {
  const row = await getUpload(registry, { repository, id, caller });
  const known = registry.process.sharesUploads ? null : registry.liveUploads.peek(id);
  return known?.offsetBytes ?? (await certainOffset(registry, row));
}

/** Appends the body to the session and returns the new offset. */
export async function appendToUpload(registry: Registry, request: UploadRequest): Promise<number> {
  registry.admitWrite();
  return await withUpload(registry, request, async (session) => {
    await append(registry, request, session);
    await saveProgress(registry, session);
    return session.upload.offsetBytes;
  });
}

/** Appends the body, if there is one, checks the digest and makes the bytes a blob of the repository. */
export async function finishUpload(
  registry: Registry,
  request: UploadRequest,
  digest: Digest,
): Promise<void> {
  registry.admitWrite();
  await withUpload(registry, request, (session) => finish(registry, session, request, digest));
}

async function finish(
  registry: Registry,
  session: HeldUpload,
  request: UploadRequest,
  digest: Digest,
): Promise<void> {
  await append(registry, request, session);
  const { upload } = session;
  // From here on the session ends, or its bytes must be looked at again.
  session.keep = registry.blobs.stagedIsDurable;
  const actual = await hashOf(registry, session, algorithmOf(digest));
  if (actual !== digest) {
    session.keep = false;
    await endUpload(registry, session);
    throw new RegistryError("DIGEST_INVALID", {
      message: `the ${upload.offsetBytes} bytes received have the digest ${actual}, not ${digest}`,
      detail: { expected: digest, actual, bytes: upload.offsetBytes },
    });
  }
  session.told = true;
  await commitBlob(registry, session, request.caller, digest);
  session.keep = false;
}

/** A session that the client never hears of: when the request fails, nobody could go on with it. */
export async function uploadAtOnce(
  registry: Registry,
  start: UploadStart,
  request: Omit<UploadRequest, "id">,
  digest: Digest,
): Promise<void> {
  const id = uuidv7();
  const asked = { ...request, id };
  const begin = () => startHeldUpload(registry, start, id);
  try {
    await withUpload(registry, asked, (session) => finish(registry, session, asked, digest), begin);
  } catch (error) {
    // After a fault of its own the node keeps the session: it leads to what must be cleared away.
    // Where dropping it fails too, it expires.
    const certain = error instanceof RegistryError && (error.status < 500 || error.status === 507);
    if (certain && error.code !== "DIGEST_INVALID") {
      await cancelUpload(registry, asked).catch(() => {});
    }
    throw error;
  }
}

/** Ends the session and drops its bytes. */
export async function cancelUpload(
  registry: Registry,
  asked: Pick<UploadRequest, "repository" | "id" | "caller">,
): Promise<void> {
  await withUpload(registry, asked, async (session) => {
    session.keep = false;
    await endUpload(registry, session);
  });
}

async function append(
  registry: Registry,
  { id, body, range }: UploadRequest,
  session: HeldUpload,
): Promise<void> {
  const { upload } = session;
  const start = upload.offsetBytes;
  checkRange(id, range, body.lengthBytes, start);
  if (body.lengthBytes === 0) return;
  const writer = await registry.blobs.stage(stagedOf({ id, state: upload.state }), start);
  if (writer === null) throw bytesLost(id, start);
  let hashed = start;
  try {
    await receive(body, async (chunk) => {
      if (session.lost) throw claimLost(session);
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
      await (session.lost ? writer.abandon() : writer.close());
    } finally {
      // A full disk or a refused chunk leaves less than was hashed.
      upload.offsetBytes = writer.offsetBytes;
      upload.state = writer.state;
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
  { row, upload }: HeldUpload,
  algorithm: DigestAlgorithm,
): Promise<Digest> {
  if (row.algorithm === algorithm) {
    if (upload.hasher !== null) return digestOf(algorithm, upload.hasher.copy().digest("hex"));
    const { digest_so_far, digest_offset } = row;
    // The row of another run may have outlived bytes that were only in the memory of the machine.
    const holds = registry.blobs.stagedIsDurable || row.digest_run === registry.process.run;
    if (holds && digest_so_far !== null && digest_offset === upload.offsetBytes) {
      return digestOf(algorithm, digest_so_far);
    }
  }
  const hasher = newHasher(algorithm);
  if (upload.offsetBytes > 0) {
    const staged = stagedOf({ id: row.id, state: upload.state });
    const bytes = await readInto(hasher, registry.blobs.readStaged(staged));
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
