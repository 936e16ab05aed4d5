import type { Database } from "../db/database.ts";
import type { Clock } from "../lib/clock.ts";
import type { FoundPull } from "./pull-list-store.ts";
import { everyPull, type PullFilter } from "./pull-search.ts";

/** An empty line goes out after so long without a pull, so that nothing on the way ends the connection. */
const keepAliveMs = 15_000;

/**
 * Pulls as NDJSON, oldest first: a line for each, then `{"pulls":COUNT}`, without which it was cut. Those that
 * come after it began are not among them, so it ends. Reads as fast as the reader does.
 */
export function exportPulls(
  deps: { readonly db: Database; readonly clock: Clock },
  filter: PullFilter,
  toLine: (pull: FoundPull) => object,
): ReadableStream<Uint8Array> {
  const gone = new AbortController();
  const chunks = exportChunks(deps, filter, toLine, gone.signal);
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await chunks.next();
        if (done) controller.close();
        else controller.enqueue(encoder.encode(value));
      },
      cancel: () => gone.abort(),
    },
    { highWaterMark: 0 },
  );
}

async function* exportChunks(
  { db, clock }: { readonly db: Database; readonly clock: Clock },
  filter: PullFilter,
  toLine: (pull: FoundPull) => object,
  gone: AbortSignal,
): AsyncGenerator<string, void, void> {
  const until = Math.min(filter.until ?? Number.POSITIVE_INFINITY, clock.now());
  let count = 0;
  let quietSince = clock.monotonic();
  for await (const pulls of everyPull(db, { ...filter, until })) {
    if (gone.aborted) return;
    count += pulls.length;
    const isQuiet = pulls.length === 0;
    if (isQuiet && clock.monotonic() - quietSince < keepAliveMs) continue;
    yield isQuiet ? "\n" : pulls.map((pull) => `${JSON.stringify(toLine(pull))}\n`).join("");
    quietSince = clock.monotonic();
  }
  yield `${JSON.stringify({ pulls: count })}\n`;
}

const encoder = new TextEncoder();
