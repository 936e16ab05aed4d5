import { rmSync, writeFileSync } from "node:fs";

const fileBytes = 4096;
const lookEveryMs = 1;
/** A commit takes less than a millisecond. Who takes longer may be dead. */
const looksMax = 50;

/** Places of the file. What they count wraps: only differences tell. */
const begun = 0;
const returned = 1;
/** The last that readers wait for. */
const awaited = 2;
const durable = 3;

/**
 * Tells each of the processes that write one SQLite file how far the commits of all of them have come,
 * so that what one of them has not synced yet, the others do not tell of, and any may sync for all.
 * Commits that may be lost are not among them.
 */
export interface SharedCommits {
  /** Tells that this process has the lock for writing: nobody else's commit is under way. */
  locked(): void;
  /** Before a commit, with the lock. Returns the commit's number. */
  begin(isAwaited: boolean): number;
  /** After the commit has returned, or failed. */
  end(number: number): void;
  /** Resolves when the commit with this number, which another process may have made, is durable. */
  durable(number: number): Promise<void>;
  /** Null when nothing is uncertain; else resolves when all that could be seen at the call is durable. */
  settled(): Promise<void> | null;
  /** Another number after each commit, before any read sees it; NaN while one is under way. */
  version(): number;
}

export interface SharedCommitsOptions {
  /** Holds nothing that lasts. The parent makes it, before there are others. */
  readonly path: string;
  readonly isParent: boolean;
  /** Syncs the log after the call: resolves when all commits that returned before it are durable. */
  readonly sync: () => Promise<void>;
  /** Takes the lock for writing, and calls `locked`. */
  readonly takeTurn: () => Promise<void>;
}

export function openSharedCommits(options: SharedCommitsOptions): SharedCommits {
  const { path, isParent, sync, takeTurn } = options;
  if (isParent) {
    // Never the same file again: cutting it would crash whoever has it mapped.
    rmSync(path, { force: true });
    writeFileSync(path, new Uint8Array(fileBytes), { mode: 0o600 });
  }
  const counts = new Int32Array(Bun.mmap(path, { shared: true }).buffer);
  const count = (at: number) => Atomics.load(counts, at);

  function raise(at: number, to: number): void {
    for (let now = count(at); isBefore(now, to); now = count(at)) {
      if (Atomics.compareExchange(counts, at, now, to) === now) return;
    }
  }

  async function whenReturned(number: number): Promise<void> {
    for (let looks = 0; isBefore(count(returned), number); looks++) {
      // Nobody can be in the middle of a commit while another has the lock.
      if (looks >= looksMax) await takeTurn();
      else await Bun.sleep(lookEveryMs);
    }
  }

  async function whenDurable(number: number): Promise<void> {
    while (isBefore(count(durable), number)) {
      await whenReturned(number);
      // Commits that return from here on are not covered: the kernel may have passed their pages.
      const covered = count(returned);
      await sync();
      raise(durable, covered);
    }
  }

  return {
    locked: () => raise(returned, count(begun)),
    begin(isAwaited) {
      const number = (Atomics.add(counts, begun, 1) + 1) | 0;
      if (isAwaited) raise(awaited, number);
      return number;
    },
    end: (number) => raise(returned, number),
    durable: whenDurable,
    settled() {
      // Counted before it can be seen: whatever was read before this is among them.
      const seen = count(awaited);
      return isBefore(count(durable), seen) ? whenDurable(seen) : null;
    },
    version() {
      const last = count(begun);
      return count(returned) === last ? last : Number.NaN;
    },
  };
}

function isBefore(one: number, other: number): boolean {
  return ((one - other) | 0) < 0;
}
