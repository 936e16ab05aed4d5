import type { Database } from "../db/database.ts";
import { letOthersRun } from "../lib/let-others-run.ts";
import { firstUuidv7At } from "../lib/random.ts";
import { type FoundPull, listAllPulls, pastEnd } from "./pull-list-store.ts";

/** Pulls of one query. */
const batch = 500;
/** Pulls that one page looks at: what matches nothing ends all the same. */
const lookedAtMax = 10_000;
/** Nodes' clocks, and the times of pulls and of their ids, differ by less. */
const slackMs = 60 * 60 * 1000;

export interface PullFilter {
  /** The name of who pulled. */
  readonly principal: string | null;
  /** Part of the repository's name. */
  readonly repository: string | null;
  /** Part of the client's address. */
  readonly address: string | null;
  /** Epoch milliseconds; `until` is not included. */
  readonly since: number | null;
  readonly until: number | null;
}

export interface FoundPulls {
  /** Newest first; may be empty though there is a next page. */
  readonly pulls: FoundPull[];
  /** What to give as `before` for the next page; null at the end. */
  readonly next: string | null;
  /** Epoch milliseconds: when the last one was that was looked at; null at the end. */
  readonly lookedBackTo: number | null;
}

export async function searchPulls(
  { reads }: Database,
  filter: PullFilter,
  before: string | null,
  limit: number,
): Promise<FoundPulls> {
  const floor = filter.since === null ? "" : firstUuidv7At(filter.since - slackMs);
  const pulls: FoundPull[] = [];
  let lookedBackTo: number | null = null;
  let after = before ?? (filter.until === null ? pastEnd : firstUuidv7At(filter.until + slackMs));
  for (let looked = 0; looked < lookedAtMax; looked += batch) {
    const rows = await listAllPulls(reads, { after, newestFirst: true, limit: batch });
    for (const row of rows) {
      if (row.id < floor) return { pulls, next: null, lookedBackTo: null };
      if (matches(row, filter)) pulls.push(row);
      if (pulls.length === limit) return { pulls, next: row.id, lookedBackTo: row.at };
      after = row.id;
      lookedBackTo = row.at;
    }
    if (rows.length < batch) return { pulls, next: null, lookedBackTo: null };
    await letOthersRun();
  }
  return { pulls, next: after, lookedBackTo };
}

/** Oldest first, as fast as the reader reads: of each some that were looked at those that match, perhaps none. */
export async function* everyPull(
  { reads }: Database,
  filter: PullFilter & { readonly until: number },
): AsyncGenerator<readonly FoundPull[]> {
  const ceiling = firstUuidv7At(filter.until + slackMs);
  let after = filter.since === null ? "" : firstUuidv7At(filter.since - slackMs);
  for (;;) {
    const rows = await listAllPulls(reads, { after, newestFirst: false, limit: batch });
    const last = rows.at(-1);
    yield rows.filter((row) => row.id < ceiling && matches(row, filter));
    if (last === undefined || rows.length < batch || last.id >= ceiling) return;
    after = last.id;
    await letOthersRun();
  }
}

function matches({ principal, repository, address, at }: FoundPull, filter: PullFilter): boolean {
  return (
    (filter.principal === null || principal === filter.principal) &&
    (filter.repository === null || (repository ?? "").includes(filter.repository.toLowerCase())) &&
    (filter.address === null || address.includes(filter.address)) &&
    (filter.since === null || at >= filter.since) &&
    (filter.until === null || at < filter.until)
  );
}
