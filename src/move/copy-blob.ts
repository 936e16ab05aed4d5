import { createHash } from "node:crypto";
import { type BlobBody, type BlobKey, nothingStaged, type StagedId } from "../blobs/blob-store.ts";
import type { BlobRow } from "../db/tables.ts";
import { uuidv7 } from "../lib/random.ts";
import { algorithmOf, hexOf } from "../oci/digest.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { type MoveDeps, stopIfAsked } from "./move-deps.ts";

/** How often a blob is tried that a connection, or the target, got in the way of. */
const attemptsMax = 3;
const pauseMs = 1000;

type CopiedBlob =
  | { readonly kind: "copied"; readonly key: BlobKey }
  /** The source does not have what the digest says. */
  | { readonly kind: "broken"; readonly message: string };

/** Copies one blob, hashing what is read from the source and then what the target gives back. */
export async function copyBlob(deps: MoveDeps, blob: BlobRow): Promise<CopiedBlob> {
  for (let attempt = 1; ; attempt++) {
    try {
      const copied = await copyOnce(deps, blob);
      if (copied.kind === "copied") await readBack(deps, blob, copied.key);
      return copied;
    } catch (error) {
      const isFinal = deps.signal.aborted || attempt === attemptsMax;
      if (isFinal || (error instanceof RegistryError && error.code === "STORAGE_FULL")) throw error;
      await Bun.sleep((deps.pauseMs ?? pauseMs) * attempt);
    }
  }
}

async function readBack(deps: MoveDeps, blob: BlobRow, key: BlobKey): Promise<void> {
  const { blobs } = deps.target;
  const body = await blobs.open(key, blob.size, null, "store");
  const hash = body === null ? null : await hashBody(deps, body, blob, async () => {});
  if (hash === hexOf(blob.digest)) return;
  await blobs.remove([key]);
  throw new Error(
    `the target does not give back what was written to it: of ${blob.digest} it has ${hash ?? "nothing"}`,
  );
}

async function copyOnce(deps: MoveDeps, blob: BlobRow): Promise<CopiedBlob> {
  const { source, target } = deps;
  const body = await source.blobs.open(blob.key, blob.size, null, "store");
  if (body === null) {
    const size = await source.blobs.size(blob.key);
    return broken(size === null ? "its bytes are gone" : `it has ${size} bytes, not ${blob.size}`);
  }
  const id = uuidv7() as StagedId;
  const writer = await target.blobs.stage({ id, state: nothingStaged }, 0);
  if (writer === null) throw new Error("the target has no room for an upload of no bytes");
  let hash: string | null;
  try {
    hash = await hashBody(deps, body, blob, (chunk) => writer.write(chunk));
    await writer.close();
  } catch (error) {
    await writer.close().catch(() => {});
    await target.blobs.discard({ id, state: writer.state }).catch(() => {});
    throw error;
  }
  const staged = { id, state: writer.state };
  if (hash === hexOf(blob.digest)) {
    return { kind: "copied", key: await target.blobs.publish(staged, blob.digest) };
  }
  await target.blobs.discard(staged);
  return broken(hash === null ? "the disk cannot read it" : `it hashes to ${hash}`);
}

function broken(message: string): CopiedBlob {
  return { kind: "broken", message };
}

/** Null when the disk reports an error for the bytes themselves. `take` gets each chunk once it is hashed. */
async function hashBody(
  { signal }: MoveDeps,
  body: BlobBody,
  { digest, size }: BlobRow,
  take: (chunk: Uint8Array) => Promise<void>,
): Promise<string | null> {
  const hasher = createHash(algorithmOf(digest));
  if (body.kind === "bytes") {
    hasher.update(body.bytes);
    // The taker may keep the chunk's buffer, and these are the store's own.
    if (size > 0) await take(body.bytes.slice());
    return hasher.digest("hex");
  }
  const reader = (body.kind === "file" ? body.file.stream() : body.stream).getReader();
  try {
    for (;;) {
      const { done, value } = await readOrNull(reader);
      if (value === null) return null;
      if (done) return hasher.digest("hex");
      stopIfAsked(signal);
      hasher.update(value);
      await take(value);
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

type Piece =
  | { readonly done: false; readonly value: Uint8Array | null }
  | { readonly done: true; readonly value: undefined };

async function readOrNull(reader: { read(): Promise<unknown> }): Promise<Piece> {
  try {
    return (await reader.read()) as Piece;
  } catch (error) {
    if ((error as { code?: string }).code === "EIO") return { done: false, value: null };
    throw error;
  }
}
