import { Database, type Statement } from "bun:sqlite";
import { type Clock, systemClock } from "../lib/clock.ts";
import { RegistryError } from "../oci/registry-error.ts";

/** How long a write waits for those of other processes, each of which holds the lock for some milliseconds. */
const waitMsMax = 10_000;
const lookEveryMs = 1;

/** Whose turn it is to write, among the processes that have one SQLite file open. */
export interface WriteTurn {
  /** Begins a transaction on the write connection. Throws UNAVAILABLE after ten seconds. */
  begin(): Promise<void>;
  close(): void;
}

/**
 * SQLite gives its write lock to whoever asks first once it is free, which is the one that had it: others
 * would wait for as long as that has something to write. So who wants it takes a second lock before,
 * and holds that until it has the first: whoever just wrote stands behind them. `begin` is tried, not
 * waited for, since SQLite waits in place of the event loop.
 */
export function openWriteTurn(
  path: string,
  begin: Statement,
  { clock = systemClock, maxMs = waitMsMax }: { clock?: Clock; maxMs?: number } = {},
): WriteTurn {
  const queue = new Database(path, { create: true });
  queue.run(`PRAGMA busy_timeout = ${maxMs}`);
  // Nothing is ever written to it.
  queue.run("PRAGMA journal_mode = MEMORY");
  queue.run("PRAGMA busy_timeout = 0");
  const enter = queue.prepare("BEGIN EXCLUSIVE");
  const leave = queue.prepare("ROLLBACK");

  async function untilFree(statement: Statement, deadline: number): Promise<void> {
    for (;;) {
      try {
        statement.run();
        return;
      } catch (error) {
        if (!isBusy(error)) throw error;
        if (clock.monotonic() >= deadline) throw tooBusy(error);
      }
      await Bun.sleep(lookEveryMs);
    }
  }

  return {
    async begin() {
      const deadline = clock.monotonic() + maxMs;
      await untilFree(enter, deadline);
      try {
        await untilFree(begin, deadline);
      } finally {
        leave.run();
      }
    },
    close() {
      enter.finalize();
      leave.finalize();
      queue.close();
    },
  };
}

/** Another connection has the lock: `SQLITE_BUSY`, or a recovery of the log that takes it for a moment. */
function isBusy(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return typeof code === "string" && code.startsWith("SQLITE_BUSY");
}

function tooBusy(cause: unknown): RegistryError {
  return new RegistryError("UNAVAILABLE", {
    message: "the database is busy with the writes of others: try again in a moment",
    headers: { "retry-after": "1" },
    cause,
  });
}
