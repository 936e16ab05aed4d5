import type { Brand } from "../lib/brand.ts";
import type { Digest } from "../oci/digest.ts";

/** Where a blob's bytes lie in its store. Never used twice: a late or repeated delete is harmless. */
export type BlobKey = Brand<string, "BlobKey">;

/** Names the staged bytes of one upload. Made by the caller, unique. */
export type StagedId = Brand<string, "StagedId">;

/**
 * What a store is to be told again of staged bytes. Opaque; empty where nothing is staged, and for a
 * store that needs no telling.
 */
export type StagedState = Brand<string, "StagedState">;

export const nothingStaged = "" as StagedState;

/** The staged bytes of one upload, as its row knows them. */
export interface Staged {
  readonly id: StagedId;
  readonly state: StagedState;
}

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
  /** What is to be told of the `offsetBytes`, once the writer is closed. */
  readonly state: StagedState;
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
  /** Releases the writer, which writes nothing more: its upload is somebody else's by now. */
  abandon(): Promise<void>;
}

/**
 * What `list` finds in the store. A blob's key tells which staged bytes it was published from; where
 * it tells no digest, what looks like a blob may be staged still.
 */
export type StoredItem =
  | {
      kind: "blob";
      key: BlobKey;
      digest: Digest | null;
      stagedAs: StagedId;
      sizeBytes: number;
      path: string;
    }
  | { kind: "staged"; id: StagedId; state: StagedState; sizeBytes: number; path: string }
  | { kind: "stray"; sizeBytes: number; path: string };

/** Names something in the store; a `StoredItem` is one of these. */
export type ItemName =
  | { kind: "blob"; key: BlobKey }
  | { kind: "staged"; id: StagedId; state: StagedState }
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
   * True: what a closed writer staged survives a power cut, its state tells any process all about it,
   * and `publish` may be repeated as long as the session is there. Staged bytes are then dropped
   * before their session ends, since nothing but its state leads to them.
   */
  readonly stagedIsDurable: boolean;
  /**
   * Opens staged bytes for appending at `offsetBytes`; creates them when it is 0. What lies beyond the
   * offset is cut off. Null when fewer bytes are there than that, or it cannot be cut there.
   */
  stage(staged: Staged, offsetBytes: number): Promise<StagedWriter | null>;
  /**
   * To be called before one goes on with what another process staged without coming to an end: what
   * that one may yet write does no harm from then on, and what the state does not tell of is gone.
   * `confirm` throws when the upload is somebody else's by now. It is asked once it is known what is to
   * go: what a later holder stages is not among that.
   */
  takeOver(staged: Staged, confirm: () => Promise<void>): Promise<void>;
  /** Bytes that are staged, or null when there are none. */
  stagedBytes(staged: Staged): Promise<number | null>;
  /** Reads what is staged from its start: for hashing again. Nothing may be appended after it. */
  readStaged(staged: Staged): ReadableStream<Uint8Array>;
  /**
   * Makes the staged bytes a blob. The caller has checked that they hash to `digest`, and has closed
   * the writer. `BLOB_UPLOAD_UNKNOWN` when nothing is staged.
   */
  publish(staged: Staged, digest: Digest): Promise<BlobKey>;
  /** Drops staged bytes. */
  discard(staged: Staged): Promise<void>;
  /**
   * Drops what `staged` tells of and `kept` does not, after the upload turned out to be another
   * process's: its state never came into the row, so nobody else knows of it.
   */
  disown(staged: Staged, kept: StagedState): Promise<void>;
  /** Bytes stored under `key`, or null when they are gone. */
  size(key: BlobKey): Promise<number | null>;
  /**
   * Opens a blob of `sizeBytes` (as the database knows it). Null when it is gone or is not of that size.
   * `from` "store": past every cache, for whoever asks whether the bytes are still what they were.
   */
  open(
    key: BlobKey,
    sizeBytes: number,
    range: ByteRange | null,
    from?: "anywhere" | "store",
  ): Promise<BlobBody | null>;
  /** An address at which a client may read the blob itself for a while; null: there is none. */
  readonly link: ((key: BlobKey) => Promise<string>) | null;
  /** Deletes the bytes. */
  remove(keys: readonly BlobKey[]): Promise<void>;
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
