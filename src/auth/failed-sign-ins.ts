import { LRUCache } from "lru-cache";
import type { Audit } from "../audit/audit.ts";
import type { Database } from "../db/database.ts";
import type { PrincipalRow } from "../db/tables.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../platform/log.ts";
import type { Refusal } from "./prove.ts";

/** One line for an account and a reason in this time: guessing must not fill the disk. */
const lineEveryMs = 60_000;
/** Accounts and reasons. */
const toldMax = 10_000;

export interface FailedSignIn {
  /** Null where nobody has that name. What was typed is not written down: it may be a password. */
  readonly account: Pick<PrincipalRow, "id" | "kind" | "name"> | null;
  readonly credentialId: string | null;
  readonly reason: Refusal;
  readonly address: string;
  /** What of an identity token is wrong, and whose it is. */
  readonly token?: {
    readonly issuer: string | null;
    /** Null where nobody vouches for it. */
    readonly subject: string | null;
    readonly claim: string;
    readonly why: string;
  };
}

/** Writes refused sign-ins to the audit, beside the requests that they came with. */
export interface FailedSignIns {
  tell(failed: FailedSignIn): void;
  /** Resolves when what was told is written. */
  settled(): Promise<void>;
}

export function createFailedSignIns(deps: {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: Audit;
  readonly isReadOnly?: () => boolean;
}): FailedSignIns {
  const { db, clock, log, audit } = deps;
  const told = new LRUCache<string, { at: number; unwritten: number }>({ max: toldMax });
  const writing = new Set<Promise<void>>();

  async function write(failed: FailedSignIn, attempts: number): Promise<void> {
    const { account, reason } = failed;
    await db.transactionUnawaited(
      async (tx) =>
        audit.append(tx, {
          actor: {
            id: account?.id ?? null,
            name: account?.name ?? "(unknown)",
            credentialId: failed.credentialId,
            address: failed.address,
          },
          action: "signin.failed",
          resource: account === null ? "registry" : `${account.kind} ${account.name}`,
          projectId: null,
          result: "refused",
          detail: { reason, attempts, ...failed.token },
        }),
      "rows",
    );
    // Pulls by tag, which wait for the disk wherever a commit does, need not wait for this one.
    await db.flush();
  }

  return {
    tell(failed) {
      if (deps.isReadOnly?.() === true) return;
      const { account, reason, token } = failed;
      const key = `${account?.id ?? ""} ${reason} ${token === undefined ? "" : `${token.issuer} ${token.claim}`}`;
      const before = told.get(key);
      const now = clock.monotonic();
      if (before !== undefined && now - before.at < lineEveryMs) {
        before.unwritten += 1;
        return;
      }
      told.set(key, { at: now, unwritten: 0 });
      const written = write(failed, 1 + (before?.unwritten ?? 0))
        .catch((error: unknown) => log.warn("Cannot record a failed sign-in", { error }))
        .finally(() => writing.delete(written));
      writing.add(written);
    },
    async settled() {
      await Promise.all(writing);
    },
  };
}
