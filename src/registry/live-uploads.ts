import { createHash, type Hash } from "node:crypto";
import { LRUCache } from "lru-cache";
import type { StagedState } from "../blobs/blob-store.ts";
import type { DigestAlgorithm } from "../oci/digest.ts";
import { RegistryError } from "../oci/registry-error.ts";

/** Upload bodies received at the same time by one node; each buffers at most about a mebibyte. */
const bodiesMax = 256;
/** Sessions whose hash is kept between two requests. One that falls out is read again at its end. */
const hashersMax = 4_096;

/** What this process knows of an upload session beyond its row. */
export interface LiveUpload {
  offsetBytes: number;
  /** What the blob store is to be told of these bytes. */
  state: StagedState;
  /** Hash of the first `offsetBytes`; null when it was lost and the bytes must be read again. */
  hasher: Hash | null;
  /** Of the row when this was so. Where processes share sessions, another may have gone on since. */
  epoch: number;
}

/** One writer per session, and the hash state that cannot be stored. */
export interface LiveUploads {
  /**
   * Takes the session for one request; `release` ends it. Waits while it is cleared up, which its client
   * cannot know of. Throws while another request has it.
   */
  acquire(id: string): Promise<{ known: LiveUpload | null }>;
  /** The same for clearing up, which receives no body: false while the session is taken. */
  tryTake(id: string): boolean;
  release(id: string, upload: LiveUpload | null): void;
  /** Of a session that began just now. */
  remember(id: string, upload: LiveUpload): void;
  peek(id: string): LiveUpload | null;
  isBusy(id: string): boolean;
  readonly receiving: number;
}

export function newHasher(algorithm: DigestAlgorithm): Hash {
  return createHash(algorithm);
}

export function uploadIsHeld(id: string): RegistryError {
  return new RegistryError("BLOB_UPLOAD_INVALID", {
    status: 409,
    message: `another request is writing to the upload ${id}`,
    detail: { upload: id },
  });
}

export function createLiveUploads(): LiveUploads {
  const known = new LRUCache<string, LiveUpload>({ max: hashersMax });
  const busy = new Set<string>();
  const clearedUp = new Map<string, PromiseWithResolvers<void>>();
  return {
    async acquire(id) {
      while (clearedUp.has(id)) await clearedUp.get(id)?.promise;
      if (busy.has(id)) {
        throw uploadIsHeld(id);
      }
      if (busy.size >= bodiesMax) {
        throw new RegistryError("TOOMANYREQUESTS", {
          message: `${busy.size} uploads are being received, at most ${bodiesMax} at a time`,
          detail: { receiving: busy.size, max: bodiesMax },
          headers: { "retry-after": "1" },
        });
      }
      busy.add(id);
      return { known: known.get(id) ?? null };
    },
    tryTake(id) {
      if (busy.has(id)) return false;
      busy.add(id);
      clearedUp.set(id, Promise.withResolvers());
      return true;
    },
    release(id, upload) {
      busy.delete(id);
      clearedUp.get(id)?.resolve();
      clearedUp.delete(id);
      if (upload === null) known.delete(id);
      else known.set(id, upload);
    },
    remember(id, upload) {
      known.set(id, upload);
    },
    peek: (id) => known.get(id) ?? null,
    isBusy: (id) => busy.has(id),
    get receiving() {
      return busy.size;
    },
  };
}
