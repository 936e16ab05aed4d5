import type { Progress as LongWorkProgress } from "../access/long-work.ts";
import type { BlobStore } from "../blobs/blob-store.ts";
import type { Database } from "../db/database.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../platform/log.ts";

/** One of the two places. */
export interface End {
  readonly db: Database;
  readonly blobs: BlobStore;
}

export interface MoveDeps {
  readonly source: End;
  readonly target: End;
  readonly clock: Clock;
  readonly log: Log;
  readonly progress: Progress;
  /** Set when it is to stop: what was copied stays, and is not copied again. */
  readonly signal: AbortSignal;
  /** What tests shorten: the pause before a blob is tried again. */
  readonly pauseMs?: number;
}

/** How far it is. */
export type Progress = LongWorkProgress<
  "preparing" | "copying blobs" | "copying rows" | "comparing rows"
>;

/** A blob whose bytes are not what its digest says. */
export interface BrokenBlob {
  readonly digest: string;
  readonly message: string;
}

/** The move was interrupted. */
export class InterruptedError extends Error {
  override name = "InterruptedError";
}

export function stopIfAsked(signal: AbortSignal): void {
  if (signal.aborted) throw new InterruptedError("the move was interrupted");
}
