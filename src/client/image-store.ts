import type { Digest } from "../oci/digest.ts";
import type { JsonRecord } from "./json-file.ts";
import type { StoredManifest } from "./stored-manifest.ts";

/** What a transfer needs to know of a blob. */
export interface BlobFacts {
  readonly digest: Digest;
  readonly sizeBytes: number;
}

/** Where images are read from. */
export interface ImageSource {
  /** For people. */
  readonly name: string;
  /** By tag, name or digest, without one the one that is meant then; null where it is not there. */
  manifest(reference: string | null): Promise<StoredManifest | null>;
  referrers(digest: Digest): Promise<JsonRecord[]>;
  /** The bytes from `from` on. */
  blob(blob: BlobFacts, from: number, signal: AbortSignal): Promise<ReadableStream<Uint8Array>>;
  /** Removes what it made for itself. */
  close(): void;
}

/** What a manifest is to the target. */
export interface ManifestPlace {
  /** A tag, or a name; null: its digest alone. */
  readonly name: string | null;
  /** Whether it is no part of another. */
  readonly isWhole: boolean;
  /** What it refers to as its subject. */
  readonly subject: Digest | null;
}

/** Where images are written to. */
export interface ImageTarget {
  readonly name: string;
  /** Whether the manifest is there, and with it all that it refers to. */
  hasManifest(digest: Digest): Promise<boolean>;
  hasBlob(blob: BlobFacts): Promise<boolean>;
  /**
   * Takes the blob, going on where an earlier run was interrupted. All of its bytes are checked against
   * the digest, here or by who has it then. `told` hears of bytes: those that were there, and each piece.
   */
  putBlob(
    blob: BlobFacts,
    open: (from: number) => Promise<ReadableStream<Uint8Array>>,
    told: (bytes: number) => void,
    signal: AbortSignal,
  ): Promise<"copied" | "mounted">;
  /** All that it refers to is there by now. */
  putManifest(manifest: StoredManifest, place: ManifestPlace): Promise<void>;
  /** Completes what is complete only as a whole. */
  finish(): Promise<void>;
  /** Lets go of what it held for itself, whole or not. */
  close(): void;
}
