import type { LRUCache } from "lru-cache";
import type { BlobKey, BlobStore } from "../blobs/blob-store.ts";
import type { Database } from "../db/database.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../platform/log.ts";
import type { HotReads } from "./hot-reads-store.ts";
import type { LiveUploads } from "./live-uploads.ts";

/** What every operation of the registry works with; made once, in app.ts. */
export interface Registry {
  readonly db: Database;
  readonly reads: HotReads;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly log: Log;
  /** Manifests may refer to what is not there: the setting registry.sparse. */
  readonly sparse: boolean;
  /** Bytes by digest. Only immutable facts: whether somebody may see them is asked each time. */
  readonly manifestCache: LRUCache<string, Uint8Array<ArrayBuffer>>;
  readonly blobCache: LRUCache<BlobKey, Uint8Array<ArrayBuffer>>;
  readonly liveUploads: LiveUploads;
  /** Throws `STORAGE_FULL` when the disk is so full that only deletes may go on. */
  readonly admitWrite: () => void;
  readonly traffic: Traffic;
}

/** Bytes of blobs that came and went, for the metrics. */
export interface Traffic {
  receivedBytes: number;
  sentBytes: number;
}
