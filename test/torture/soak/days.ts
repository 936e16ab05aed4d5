import type { Machine } from "./machine.ts";

const hourMs = 60 * 60 * 1000;
/** Less than a day: garbage collection takes more for a clock that jumped. */
const passMs = 20 * hourMs;
/** Begun from one day to the next: so many that blobs are used again, so few that some are not. */
const operationsPerPass = 24;

/**
 * Days go by when so much was done in one, and never two in an operation: what one is promised lasts for a
 * day. Then clients and garbage collection begin at the same time.
 */
export interface Days {
  /** An operation, when its day has come. */
  during(operate: () => Promise<void>): Promise<void>;
  /** One goes by. Returns how long that is. */
  pass(): number;
  readonly count: number;
}

export function createDays(machine: Machine): Days {
  /** Operations under way that began before the last one went by, and since. */
  let [before, since] = [0, 0];
  let begun = 0;
  let passes = 0;

  function pass(): number {
    machine.pass(passMs);
    passes += 1;
    [before, since] = [since, 0];
    begun = 0;
    return passMs;
  }

  return {
    async during(operate) {
      while (begun >= operationsPerPass || !machine.isPassBegun) {
        if (begun >= operationsPerPass && machine.isPassSeen && before === 0) pass();
        else await Bun.sleep(1);
      }
      begun += 1;
      since += 1;
      const ownPass = passes;
      try {
        await operate();
      } finally {
        if (ownPass === passes) since -= 1;
        else before -= 1;
      }
    },
    pass,
    get count() {
      return Math.round((passes * passMs) / (24 * hourMs));
    },
  };
}
