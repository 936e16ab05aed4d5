import { nowOf, readNow } from "../db/database-clock.ts";
import { keptMsMax } from "../registry/presence-store.ts";
import { type GcDeps, pauseOf, rest } from "./collect-garbage.ts";
import { forgetBeginning, type HistoryLine, listHistory } from "./prune-history-store.ts";
import { readState } from "./state-store.ts";

const pageLines = 1_000;
const tagsPerBatch = 20;

/**
 * Removes the beginnings of histories of tags that are older than any project keeps the past, and of
 * whose manifests none is there any more. Returns how many lines went.
 */
export async function pruneHistory(deps: GcDeps, signal: AbortSignal): Promise<number> {
  const { db, clock } = deps;
  const now = await readNow(db.reads, nowOf(db, clock));
  if (pauseOf(await readState(db.reads), now) !== null) return 0;
  const before = now - keptMsMax;
  let pruned = 0;
  let last: HistoryLine | null = null;
  while (!signal.aborted) {
    const begun = clock.monotonic();
    const page = await listHistory(db.reads, before, { after: last, limit: pageLines });
    const workedMs = clock.monotonic() - begun;
    const beginnings = beginningsOf(page, last);
    for (let at = 0; at < beginnings.length && !signal.aborted; at += tagsPerBatch) {
      pruned += await db.transactionUnawaited(async (tx) => {
        let gone = 0;
        for (const tag of beginnings.slice(at, at + tagsPerBatch)) {
          gone += await forgetBeginning(tx, tag, before);
        }
        return gone;
      }, "rows");
      await rest();
    }
    if (page.length < pageLines) return pruned;
    last = page.at(-1) ?? null;
    await rest(workedMs);
  }
  return pruned;
}

/** First lines of tags, on the page, that do not stay. */
function beginningsOf(page: readonly HistoryLine[], last: HistoryLine | null): HistoryLine[] {
  return page.filter((line, at) => {
    const previous = page[at - 1] ?? last;
    return line.stays === 0 && (previous === null || !isOfOneTag(previous, line));
  });
}

function isOfOneTag(one: HistoryLine, other: HistoryLine): boolean {
  return one.repository_id === other.repository_id && one.tag === other.tag;
}
