import type { Database } from "../db/database.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../platform/log.ts";
import { auditKey, isSealed, type KeySource, rowHash, sealOf } from "./audit-chain.ts";
import { deleteLinesBefore, listLinesFrom, readChain, writeSeal } from "./audit-store.ts";

/** Lines that one transaction removes: a few milliseconds for whoever writes meanwhile. */
const batch = 500;
const dayMs = 24 * 60 * 60 * 1000;

export interface PruneAuditDeps {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Log;
  readonly secrets: KeySource;
}

/**
 * Removes lines that are older than `days`, and moves the beginning of the chain with them. Stops at a
 * line that was changed, and where the chain is not sealed: made to look old, lines could be removed by
 * us, and a new seal would hide that. Returns how many were removed. To be called daily.
 */
export async function pruneAudit(
  deps: PruneAuditDeps,
  days: number,
  signal?: AbortSignal,
): Promise<number> {
  const before = deps.clock.now() - days * dayMs;
  let removed = 0;
  while (signal?.aborted !== true) {
    const result = await pruneBatch(deps, before);
    removed += result.removed;
    if (result.broken !== null) {
      deps.log.error(
        `The audit keeps what is older than ${days} days, because ${result.broken}: see \`berth audit verify\``,
      );
    }
    if (result.removed < batch || result.broken !== null) break;
  }
  return removed;
}

function pruneBatch(
  { db, secrets }: PruneAuditDeps,
  before: number,
): Promise<{ removed: number; broken: string | null }> {
  return db.transaction(async (tx) => {
    const chain = await readChain(tx);
    // Not before the transaction, which waits for one in which the key changes.
    const key = auditKey(secrets);
    if (!isSealed(key, chain)) return { removed: 0, broken: "its end was not written by it" };
    const lines = await listLinesFrom(tx, chain.first_seq, chain.seq, batch);
    let { first_seq, first_hash } = chain;
    let broken: string | null = null;
    for (const line of lines) {
      if (line.at >= before) break;
      if (line.seq !== first_seq || rowHash(first_hash, line) !== line.hash) {
        broken = `line ${first_seq} was changed`;
        break;
      }
      first_seq = line.seq + 1;
      first_hash = line.hash;
    }
    const removed = first_seq - chain.first_seq;
    if (removed === 0) return { removed, broken };
    await deleteLinesBefore(tx, first_seq);
    const ends = { ...chain, first_seq, first_hash };
    await writeSeal(tx, ends, sealOf(key, ends, chain));
    return { removed, broken };
  });
}
