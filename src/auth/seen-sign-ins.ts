import { LRUCache } from "lru-cache";
import type { Audit } from "../audit/audit.ts";
import type { Database } from "../db/database.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../platform/log.ts";
import { networkOf } from "./network.ts";
import { auditActor, type KnownPrincipal } from "./principal.ts";

/** One line for a credential from a network in this time: clients sign in with each pull. */
const lineEveryMs = 24 * 60 * 60 * 1000;
/** Credentials and networks; of those that were forgotten a line comes early. */
const seenMax = 20_000;
/** Lines that wait for the database; what comes beyond is told with its next use. */
const writingMax = 100;

/** Writes to the audit who signed in with a password, a token or a robot's secret, beside the requests. */
export interface SeenSignIns {
  tell(principal: KnownPrincipal, address: string): void;
  /** Resolves when what was told is written. */
  settled(): Promise<void>;
}

export function createSeenSignIns(deps: {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: Audit;
  readonly isReadOnly?: () => boolean;
}): SeenSignIns {
  const { db, clock, log, audit } = deps;
  const seen = new LRUCache<string, number>({ max: seenMax });
  const writing = new Set<Promise<void>>();

  async function write(principal: KnownPrincipal, address: string): Promise<void> {
    await db.transactionUnawaited(
      async (tx) =>
        audit.append(tx, {
          actor: auditActor(principal, address),
          action: "signin.done",
          resource: `${principal.kind} ${principal.name}`,
          projectId: null,
          result: "done",
          detail: { with: principal.credentialKind },
        }),
      "rows",
    );
    // Pulls by tag, which wait for the disk wherever a commit does, need not wait for this one.
    await db.flush();
  }

  return {
    tell(principal, address) {
      if (deps.isReadOnly?.() === true) return;
      const key = `${principal.credentialId ?? principal.id} ${networkOf(address)}`;
      const now = clock.monotonic();
      const before = seen.get(key);
      if (before !== undefined && now - before < lineEveryMs) return;
      if (writing.size >= writingMax) return;
      seen.set(key, now);
      const written = write(principal, address)
        .catch((error: unknown) => {
          seen.delete(key);
          log.warn("Cannot record a sign-in", { error });
        })
        .finally(() => writing.delete(written));
      writing.add(written);
    },
    async settled() {
      await Promise.all(writing);
    },
  };
}
