import type { Clock } from "../lib/clock.ts";
import { letOthersRun } from "../lib/let-others-run.ts";

/** So many turns of the event loop take a tenth of a millisecond at rest; where they take longer, others have work. */
const turns = 5;
const busyMs = 0.25;
/**
 * While others have work a piece comes no sooner than so long after the one before, and so do as many more, for
 * one look does not always see it. A piece that took as long has waited for the others by itself. Of pulls that
 * fill two cores 0.82 go on for ten seconds in which 1 GB is read, in 4.8 s; with 100 ms it takes 10.5 s, and 0.73 do.
 */
const pieceMs = 30;
const restedPieces = 16;
/** Of one layer. */
export const restedMsMax = 5 * 60_000;

export interface RestsDeps {
  readonly clock: Pick<Clock, "monotonic">;
  /** What tests bring. */
  readonly sleep?: (ms: number) => Promise<unknown>;
  readonly turn?: () => Promise<void>;
}

/** To be awaited between two pieces, of which the first took so long: reading a layer keeps nobody from pulling. */
export function createRests({
  clock,
  sleep = (ms) => Bun.sleep(ms),
  turn = letOthersRun,
}: RestsDeps): (tookMs: number) => Promise<void> {
  let restsLeft = 0;
  let restedMs = 0;

  async function isBusy(): Promise<boolean> {
    const begun = clock.monotonic();
    for (let count = 0; count < turns; count++) await turn();
    return clock.monotonic() - begun > busyMs;
  }

  return async (tookMs) => {
    restsLeft = (await isBusy()) ? restedPieces : restsLeft - 1;
    if (restsLeft <= 0) return;
    const restMs = Math.min(pieceMs - tookMs, restedMsMax - restedMs);
    if (restMs <= 0) return;
    restedMs += restMs;
    await sleep(restMs);
  };
}
