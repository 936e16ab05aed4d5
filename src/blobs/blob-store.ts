import type { Brand } from "../lib/brand.ts";
import type { Digest } from "../oci/digest.ts";

/** Where a blob's bytes lie in its store. Never used twice: a late or repeated delete is harmless. */
export type BlobKey = Brand<string, "BlobKey">;

/** Names the staged bytes of one upload. Made by the caller, unique. */
export type StagedId = Brand<string, "StagedId">;

/** What a reader gets. A file lets the server use sendfile; a stream comes from anywhere. */
export type BlobBody =
  | { kind: "file"; file: Blob }
  | { kind: "bytes"; bytes: Uint8Array<ArrayBuffer> }
  | { kind: "stream"; stream: ReadableStream<Uint8Array> };

/** First and last byte, both included, as in RFC 9110 §14.1.2. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/** Appends to the staged bytes of one upload. One writer at a time for each upload: the caller sees to it. */
export interface StagedWriter {
  /** Bytes written so far, those of earlier writers included. */
  readonly offsetBytes: number;
  /**
   * Resolves when the store took the chunk: waiting for it is the backpressure. The chunk belongs to
   * the store from then on, which may detach its buffer. An error may stem from an earlier chunk; after
   * it the writer only counts, in `offsetBytes`, what is staged for good.
   */
  write(chunk: Uint8Array): Promise<void>;
  /** Cuts what was staged back to `offsetBytes`. */
  truncate(offsetBytes: number): Promise<void>;
  /**
   * Releases the writer; what was written stays staged. Idempotent. Throws when chunks that it took
   * could not be staged and no call has said so yet; it is released even then.
   */
  close(): Promise<void>;
}

/** What `list` finds in the store. A blob's key tells which staged bytes it was published from. */
export type StoredItem =
  | {
      kind: "blob";
      key: BlobKey;
      digest: Digest;
      stagedAs: StagedId;
      sizeBytes: number;
      path: string;
    }
  | { kind: "staged"; id: StagedId; sizeBytes: number; path: string }
  | { kind: "stray"; sizeBytes: number; path: string };

/** Names something in the store; a `StoredItem` is one of these. */
export type ItemName =
  | { kind: "blob"; key: BlobKey }
  | { kind: "staged"; id: StagedId }
  | { kind: "stray"; path: string };

/**
 * Content-addressed bytes. Knows nothing of repositories: the database maps a digest to a key.
 *
 * Promises
 * - Staged bytes become readable only through `publish`, and then all of them at once.
 * - When `publish` or `put` resolves, the bytes survive a power cut.
 * - A key, once returned, names those bytes until `remove`; it is never given to others.
 * - `remove` and `discard` may be repeated, and may name what was never there.
 * - A full disk is `RegistryError` of status 507 and leaves what was there; an error from a sync
 *   other than "full" is final for the object, is never retried on the same descriptor, and is
 *   reported through the `onSyncFailure` given when the store was made.
 */
export interface BlobStore {
  /**
   * Opens the staged bytes of `id` for appending at `offsetBytes`; creates them when it is 0.
   * What lies beyond the offset is cut off. Null when fewer bytes are there than that.
   */
  stage(id: StagedId, offsetBytes: number): Promise<StagedWriter | null>;
  /** Bytes staged for `id`, or null when there are none. */
  stagedBytes(id: StagedId): Promise<number | null>;
  /** Reads what is staged from its start: for hashing again after a restart. */
  readStaged(id: StagedId): ReadableStream<Uint8Array>;
  /**
   * Makes the staged bytes a blob. The caller has checked that they hash to `digest`, and has closed
   * the writer. `BLOB_UPLOAD_UNKNOWN` when nothing is staged.
   */
  publish(id: StagedId, digest: Digest): Promise<BlobKey>;
  /** Drops staged bytes. */
  discard(id: StagedId): Promise<void>;
  /** Bytes stored under `key`, or null when they are gone. */
  size(key: BlobKey): Promise<number | null>;
  /** Opens a blob of `sizeBytes` (as the database knows it). Null when it is gone or is not of that size. */
  open(key: BlobKey, sizeBytes: number, range: ByteRange | null): Promise<BlobBody | null>;
  /** Deletes the bytes. */
  remove(key: BlobKey): Promise<void>;
  /**
   * Moves a damaged or unknown item out of the way, where an operator can look at it. Returns its
   * new path, or null when it is gone.
   */
  quarantine(item: ItemName): Promise<string | null>;
  /** Where the item lies, or would lie: for people. */
  pathOf(item: ItemName): string;
  /**
   * Everything in the store, or the staged bytes alone; each once, in no order. What appears or goes
   * while it runs may be missed.
   */
  list(which: "all" | "staged"): AsyncIterable<StoredItem>;
  close(): Promise<void>;
}
