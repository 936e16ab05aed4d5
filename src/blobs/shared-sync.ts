/** Lets callers that come together share one sync. */
export interface SharedSync {
  /** Resolves after a sync that began after this call; rejects when that sync failed. */
  sync(): Promise<void>;
  /** Resolves when the syncs asked for so far have ended. Never rejects. */
  idle(): Promise<void>;
}

/** Runs `run` once at a time. What is under way may have passed a newcomer's change, so it waits for the next. */
export function createSharedSync(run: () => Promise<void>): SharedSync {
  let last: Promise<void> = Promise.resolve();
  let next: Promise<void> | null = null;
  return {
    sync() {
      if (next === null) {
        next = last.then(() => {
          next = null;
          return run();
        });
        last = next.catch(() => {});
      }
      return next;
    },
    idle: () => last,
  };
}
