import type { BlobStore } from "../blobs/blob-store.ts";
import type { Database } from "../db/database.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../platform/log.ts";
import type { Damage } from "./damage.ts";

export interface VerifyDeps {
  readonly db: Database;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly log: Log;
}

/** One thing that is wrong. */
export interface Finding {
  readonly kind: Damage;
  /** One sentence that names what is wrong. */
  readonly message: string;
  /** Of the blob or manifest; null where none is known. */
  readonly digest: string | null;
  /** Of the file; null where the damage is in the database alone. */
  readonly path: string | null;
  readonly repository: string | null;
}

/** What looks wrong, but may be a push that was seen halfway. */
export interface Suspect {
  readonly finding: Finding;
  /** Looks again, at the database last: true when it is wrong still. */
  confirm(): Promise<boolean>;
  /**
   * Puts it right and says how; null where that takes a person. Changes only what is still as it
   * was when it was confirmed.
   */
  repair(): Promise<string | null>;
}

/** How long a push that was seen halfway has to finish before it is looked at again. */
export const settleMs = 1000;

/** Counts of what was looked at. */
export interface Checked {
  files: number;
  blobs: number;
  blobBytes: number;
  manifests: number;
  tags: number;
  links: number;
  uploads: number;
}

/** Rows or files looked at before other work gets its turn. */
export const pageSize = 500;
