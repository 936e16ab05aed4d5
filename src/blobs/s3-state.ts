import { assert } from "../lib/assert.ts";
import { type BlobKey, nothingStaged, type StagedId, type StagedState } from "./blob-store.ts";

export interface StagedPart {
  readonly etag: string;
  readonly sizeBytes: number;
}

/** Bytes that are too few for a part, in an object of their own. */
export interface StagedTail {
  readonly key: BlobKey;
  readonly sizeBytes: number;
}

/** What an upload has in the bucket. */
export interface S3Staged {
  /** Of the multipart upload, and of the object that it becomes; null before there is one. */
  readonly multipart: { readonly key: BlobKey; readonly uploadId: string } | null;
  readonly parts: readonly StagedPart[];
  /** Follows the parts. Without parts it is all there is, and becomes the blob as it is. */
  readonly tail: StagedTail | null;
  /** Earlier tails, to be deleted once the row no longer names them. */
  readonly spent: readonly BlobKey[];
}

export const emptyStaged: S3Staged = { multipart: null, parts: [], tail: null, spent: [] };

export function stagedSize({ parts, tail }: S3Staged): number {
  return partBytes(parts) + (tail?.sizeBytes ?? 0);
}

export function partBytes(parts: readonly StagedPart[]): number {
  let bytes = 0;
  for (const part of parts) bytes += part.sizeBytes;
  return bytes;
}

export function encodeState({ multipart, parts, tail, spent }: S3Staged): StagedState {
  return JSON.stringify({
    ...(multipart === null ? {} : { key: multipart.key, upload: multipart.uploadId }),
    parts: parts.map(({ etag, sizeBytes }) => [etag, sizeBytes]),
    ...(tail === null ? {} : { tail: [tail.key, tail.sizeBytes] }),
    ...(spent.length === 0 ? {} : { spent }),
  }) as StagedState;
}

/** Null for what was never staged. */
export function decodeState(state: StagedState): S3Staged | null {
  if (state === nothingStaged) return null;
  const { key, upload, parts, tail, spent } = JSON.parse(state) as {
    key?: BlobKey;
    upload?: string;
    parts: [string, number][];
    tail?: [BlobKey, number];
    spent?: BlobKey[];
  };
  return {
    multipart: key === undefined || upload === undefined ? null : { key, uploadId: upload },
    parts: parts.map(([etag, sizeBytes]) => ({ etag, sizeBytes })),
    tail: tail === undefined ? null : { key: tail[0], sizeBytes: tail[1] },
    spent: spent ?? [],
  };
}

const keyPattern = /^blobs\/[0-9a-f]{2}\/([A-Za-z0-9_-]{1,64})\.[0-9a-f]{12}$/;

/** The keys of one upload have this beginning: what it left can be found. */
export function keysOf(id: StagedId): string {
  assert(/^[A-Za-z0-9_-]{1,64}$/.test(id), "an upload id is a plain name");
  const shard = (Bun.hash.crc32(id) & 0xff).toString(16).padStart(2, "0");
  return `blobs/${shard}/${id}.`;
}

/** The upload to which a key belongs; null for what is no key of the store. */
export function uploadOf(key: string): StagedId | null {
  return (keyPattern.exec(key)?.[1] as StagedId | undefined) ?? null;
}
