import type { Database } from "../db/database.ts";
import type { Log } from "../platform/log.ts";
import { setLastUsed } from "./credential-store.ts";

/** How often what was used is written down, and so how much of it a crash forgets. */
const writeEveryMs = 60_000;
/** Rows of one transaction: others wait for so long. */
const writtenAtOnce = 500;
/** Principals and credentials between two writes; more is written early. */
const pendingMax = 20_000;

/** Remembers when principals and credentials were last used, without a write per request. */
export interface LastUsed {
  touch(principalId: string, credentialId: string | null, at: number): void;
  /** The last use that is not written down yet. */
  pending(credentialId: string): number | null;
  start(): void;
  /** Writes down what is left. */
  stop(): Promise<void>;
}

export function createLastUsed(deps: {
  readonly db: Database;
  readonly log: Log;
  readonly isReadOnly?: () => boolean;
}): LastUsed {
  const { db, log } = deps;
  let principals = new Map<string, number>();
  let credentials = new Map<string, number>();
  let timer: Timer | undefined;
  let writing: Promise<void> | null = null;

  async function write(): Promise<void> {
    // In one order, so that nodes that write of the same do not get stuck in each other.
    const due = [
      ...sortedById(principals).map(([id, at]) => ["principals", id, at] as const),
      ...sortedById(credentials).map(([id, at]) => ["credentials", id, at] as const),
    ];
    principals = new Map();
    credentials = new Map();
    for (let from = 0; from < due.length; from += writtenAtOnce) {
      await db.transactionUnsynced(async (tx) => {
        for (const [table, id, at] of due.slice(from, from + writtenAtOnce)) {
          await setLastUsed(tx, table, id, at);
        }
      });
    }
  }

  function forgetSurplus(): void {
    if (principals.size + credentials.size <= pendingMax) return;
    principals.clear();
    credentials.clear();
  }

  async function flush(): Promise<void> {
    if (deps.isReadOnly?.() === true) return forgetSurplus();
    writing ??= write()
      .catch((error: unknown) => log.warn("Cannot note when credentials were last used", { error }))
      .finally(() => {
        writing = null;
      });
    return writing;
  }

  return {
    touch(principalId, credentialId, at) {
      principals.set(principalId, at);
      if (credentialId !== null) credentials.set(credentialId, at);
      if (principals.size + credentials.size > pendingMax) void flush();
    },
    pending: (credentialId) => credentials.get(credentialId) ?? null,
    start() {
      timer = setInterval(() => void flush(), writeEveryMs);
      timer.unref();
    },
    async stop() {
      clearInterval(timer);
      await writing;
      await flush();
    },
  };
}

function sortedById(uses: ReadonlyMap<string, number>): [string, number][] {
  return [...uses].sort(([a], [b]) => (a < b ? -1 : 1));
}
