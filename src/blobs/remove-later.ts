import { setTimeout as sleep } from "node:timers/promises";
import type { BlobKey } from "./blob-store.ts";

/** After the first failure; twice as long after each one more. */
const waitMsFirst = 1_000;
/** Whoever fails for longer is left alone: a day later garbage collection finds what nobody names. */
const triesMax = 12;

/** Deletes objects that nobody names any more, beside requests. */
export interface LateRemoval {
  remove(keys: readonly BlobKey[]): void;
  /** Resolves when none is under way; what waits for another try stays. */
  close(): Promise<void>;
}

export function createLateRemoval(
  remove: (keys: readonly BlobKey[]) => Promise<void>,
  waitMs = waitMsFirst,
): LateRemoval {
  const underWay = new Set<Promise<void>>();
  const closing = new AbortController();
  const { signal } = closing;

  async function removePatiently(keys: readonly BlobKey[]): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        return await remove(keys);
      } catch {
        if (tries === triesMax || signal.aborted) return;
        await sleep(waitMs * 2 ** (tries - 1), undefined, { signal }).catch(() => {});
        if (signal.aborted) return;
      }
    }
  }

  return {
    remove(keys) {
      if (keys.length === 0) return;
      const removing = removePatiently(keys).finally(() => underWay.delete(removing));
      underWay.add(removing);
    },
    async close() {
      closing.abort();
      await Promise.all(underWay);
    },
  };
}
