import type { Clock } from "../lib/clock.ts";

/** Shorter pauses than this are put off. */
const pauseMsMin = 20;
/** What was not used of the rate for longer than this is not made up for. */
const behindMsMax = 1_000;

/** Waits as long as it takes for so many bytes at the rate; at once when the signal is set. */
export type Pace = (bytes: number) => Promise<void>;

export function createPace(
  clock: Clock,
  { bytesPerMs, signal }: { bytesPerMs: number; signal: AbortSignal },
): Pace {
  let dueMs = clock.monotonic();
  return async (bytes) => {
    const now = clock.monotonic();
    dueMs = Math.max(dueMs, now - behindMsMax) + bytes / bytesPerMs;
    if (dueMs - now >= pauseMsMin) await pause(dueMs - now, signal);
  };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
  });
}
