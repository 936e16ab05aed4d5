import * as fs from "node:fs";
import { promisify } from "node:util";

const fdatasync = promisify(fs.fdatasync);

/** Makes commits durable: one `fdatasync` of the write-ahead log for all that committed before it began. */
export interface WalSync {
  /** Tells of a commit that has returned. */
  committed(awaited: "awaited" | "unawaited"): void;
  /** Null when nothing waits; else resolves when the awaited commits made before the call are durable. */
  settled(): Promise<void> | null;
  /** Resolves when all commits made before the call are durable. */
  flush(): Promise<void>;
  /** Throws when the open file is no longer the one at the path: syncing it would prove nothing. */
  assertInPlace(): void;
  readonly syncs: number;
  close(): Promise<void>;
}

/**
 * `path` is the `-wal` file, which must exist. `onFailure` is told of the first failed sync, after
 * which everything that waits is rejected: whether those pages reached the disk cannot be known.
 */
export function openWalSync(path: string, onFailure: (error: Error) => void): WalSync {
  const fd = fs.openSync(path, "r+");
  let last = 0;
  let lastAwaited = 0;
  let durable = 0;
  let syncs = 0;
  let running: Promise<void> | null = null;
  let failure: Error | null = null;

  async function syncOnce(): Promise<void> {
    // Commits that arrive from here on are not covered: the kernel may have passed their pages.
    const covered = last;
    syncs += 1;
    try {
      assertInPlace();
      await fdatasync(fd);
    } catch (error) {
      failure ??= error as Error;
      onFailure(failure);
      throw failure;
    }
    durable = covered;
  }

  async function settle(target: number): Promise<void> {
    while (durable < target) {
      if (failure !== null) throw failure;
      running ??= syncOnce().finally(() => {
        running = null;
      });
      await running;
    }
  }

  function assertInPlace(): void {
    const open = fs.fstatSync(fd);
    const named = fs.statSync(path, { throwIfNoEntry: false });
    if (open.nlink === 0 || named === undefined || named.ino !== open.ino) {
      throw new Error(`the write-ahead log ${path} was replaced or deleted while in use`);
    }
  }

  return {
    committed(awaited) {
      last += 1;
      if (awaited === "awaited") lastAwaited = last;
    },
    settled() {
      return durable >= lastAwaited && failure === null ? null : settle(lastAwaited);
    },
    flush: () => settle(last),
    assertInPlace,
    get syncs() {
      return syncs;
    },
    async close() {
      await running?.catch(() => {});
      fs.closeSync(fd);
    },
  };
}
