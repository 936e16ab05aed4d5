import type { LRUCache } from "lru-cache";
import type { Access } from "../access/authorize.ts";
import type { Audit } from "../audit/audit.ts";
import type { BlobKey, BlobStore } from "../blobs/blob-store.ts";
import type { Database } from "../db/database.ts";
import type { Clock } from "../lib/clock.ts";
import type { Digest } from "../oci/digest.ts";
import type { Tag } from "../oci/tag.ts";
import type { Log } from "../platform/log.ts";
import type { HotReads } from "./hot-reads-store.ts";
import type { LiveUploads } from "./live-uploads.ts";
import type { PullReads } from "./outage-reads.ts";

/** What every operation of the registry works with; made once, in app.ts. */
export interface Registry {
  readonly db: Database;
  readonly reads: HotReads;
  readonly pullReads: PullReads;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly access: Access;
  readonly audit: Audit;
  /** Keeps who pulled what; never waits. */
  readonly recordPull: (pull: Pull) => void;
  /** Manifests may refer to what is not there: the setting registry.sparse. */
  readonly sparse: boolean;
  /** Bytes by digest. Only immutable facts: whether somebody may see them is asked each time. */
  readonly manifestCache: LRUCache<string, Uint8Array<ArrayBuffer>>;
  readonly blobCache: LRUCache<BlobKey, Uint8Array<ArrayBuffer>>;
  readonly liveUploads: LiveUploads;
  readonly process: ProcessIdentity;
  /** Throws `STORAGE_FULL` when the disk is so full that only deletes may go on. */
  readonly admitWrite: () => void;
  /** Whether a client may be sent elsewhere for a blob, where the store can tell where. */
  readonly mayRedirect: (userAgent: string, address: () => string) => boolean;
  readonly traffic: Traffic;
}

/** Who this is among the processes that serve one database. */
export interface ProcessIdentity {
  /** Never the same for two processes; begins with `run`. */
  readonly id: string;
  /** The same for processes between whose starts the machine did not: what one wrote to a file, another reads. */
  readonly run: string;
  /** Whether others may go on with uploads that began here: each is then held by a claim in its row. */
  readonly sharesUploads: boolean;
}

/** A manifest that went out. What it says may be asked for only while it is recorded. */
export interface Pull {
  readonly at: number;
  readonly repositoryId: string;
  readonly digest: Digest;
  /** By which it was asked for; null for a pull by digest. */
  readonly tag: Tag | null;
  readonly principalId: string | null;
  readonly credentialId: string | null;
  readonly address: string;
  readonly userAgent: string;
}

/** Bytes of blobs that came and went, for the metrics. */
export interface Traffic {
  receivedBytes: number;
  sentBytes: number;
}
