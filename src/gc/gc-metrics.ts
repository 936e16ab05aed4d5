import type { Database } from "../db/database.ts";
import { nowOf, readNow } from "../db/database-clock.ts";
import type { Clock } from "../lib/clock.ts";
import type { Metrics } from "../platform/metrics.ts";
import { pauseOf } from "./collect-garbage.ts";
import { countCondemned, countDeletions, readState } from "./state-store.ts";

/** What was counted is told again for so long: several metrics of one scrape, and whoever else scrapes. */
const keptMs = 5_000;

/** Says the same on each node. */
export function describeGc(
  metrics: Metrics,
  { db, clock }: { readonly db: Database; readonly clock: Clock },
): void {
  const condemned = kept(clock, () => countCondemned(db.reads));
  const deletions = kept(clock, () => countDeletions(db.reads));
  metrics.gauge(
    "berth_gc_stopped",
    "1 while garbage collection waits for a person's word.",
    async () => {
      const now = await readNow(db.reads, nowOf(db, clock));
      return pauseOf(await readState(db.reads), now) === null ? 0 : 1;
    },
    "max",
  );
  metrics.gauge(
    "berth_gc_condemned_bytes",
    "Bytes of blobs that nobody sees any more and whose grace is not over.",
    async () => (await condemned()).bytes,
    "max",
  );
  metrics.gauge(
    "berth_gc_to_remove",
    "Blobs whose bytes are to be removed.",
    async () => (await deletions()).blobs,
    "max",
  );
  metrics.gauge(
    "berth_gc_failing",
    "Of these, those that the store did not let go so far.",
    async () => (await deletions()).failing,
    "max",
  );
  metrics.counter(
    "berth_gc_removed_bytes_total",
    "Bytes of blobs that garbage collection removed, by all nodes.",
    async () => (await readState(db.reads)).removed_bytes,
  );
}

function kept<Value>(clock: Clock, read: () => Promise<Value>): () => Promise<Value> {
  /** `until` is far while it is read. */
  let last: { until: number; readonly value: Promise<Value> } | null = null;
  return () => {
    if (last !== null && clock.monotonic() < last.until) return last.value;
    const reading = { until: Number.POSITIVE_INFINITY, value: read() };
    last = reading;
    reading.value.then(
      () => {
        reading.until = clock.monotonic() + keptMs;
      },
      () => {
        reading.until = 0;
      },
    );
    return reading.value;
  };
}
