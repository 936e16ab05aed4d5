import { createHash } from "node:crypto";
import type { Random } from "../../faults/support/random.ts";
import { immediate, sleep } from "./real.ts";

/** Turns of the event loop in which nothing may happen any more before somebody is let go on. */
const quietTurns = 3;
/** Nothing goes on for so long: somebody waits for what never comes. */
const stuckMsMax = 20_000;
/** In a millisecond: where it has many, things that follow each other have one time. */
const stepsPerMs = [1, 1, 40] as const;

/**
 * Some stand still for long while others go on: a slow disk, and work in the background that lets others go
 * first, more often than anybody else.
 */
const slowSteps = 80;
const slow: ReadonlySet<string> = new Set(["fsync", "fdatasync", "sleep", "immediate"]);
const slowChance = (label: string) => (slow.has(label) ? 0.5 : 0.03);

interface Parked {
  readonly label: string;
  /** By number: not before it, unless nobody else can. */
  readonly fromStep: number;
  resume(): void;
}

interface SimTimer {
  readonly every: number | null;
  due: number;
  fire(): void;
}

/** Who goes on next, and what time it is, by a seed alone. */
export interface Scheduler {
  /** Epoch milliseconds of the simulated world. */
  readonly now: number;
  readonly steps: number;
  /** Nobody waits for their turn, and no timer is due. */
  readonly isIdle: boolean;
  /** Over the choices so far. */
  hash(): string;
  /** Adds to the hash. */
  note(text: string): void;
  advance(ms: number): void;
  /** Waits until it is one's turn. */
  point(label: string): Promise<void>;
  timer(fire: () => void, ms: number, repeats: boolean): SimTimer;
  clear(timer: SimTimer): void;
  /** Lets one after another go on until `isOver`, which is asked when nobody moves. */
  run(isOver: () => boolean): Promise<void>;
  /** Everybody goes on at once, and timers stand still, while `body` runs. */
  direct<T>(body: () => Promise<T>): Promise<T>;
}

/** Nobody goes on any more, and the work is not done. */
class StuckError extends Error {
  override name = "StuckError";
}

export function createScheduler(random: Random, start: number): Scheduler {
  const parked: Parked[] = [];
  const timers = new Set<SimTimer>();
  const digest = createHash("sha256");
  const msAfterSteps = random.pick(stepsPerMs);
  let now = start;
  let steps = 0;
  let activity = 0;
  let isDirect = 0;

  async function quiet(): Promise<void> {
    for (let turns = 0; turns < quietTurns; turns++) {
      const before = activity;
      await new Promise<void>((resolve) => immediate(() => resolve()));
      if (activity !== before) turns = -1;
    }
  }

  /** Somebody who may go on, or null. */
  function choose(): Pick<Parked, "label" | "resume"> | null {
    const ready = parked.filter(({ fromStep }) => fromStep <= steps);
    const due = [...timers].filter((timer) => timer.due <= now);
    const first = parked.toSorted((one, other) => one.fromStep - other.fromStep).slice(0, 1);
    const choices = ready.length + due.length > 0 ? [...ready, ...due.map(asParked)] : first;
    const chosen = choices.length === 0 ? null : random.pick(choices);
    const at = parked.indexOf(chosen as Parked);
    if (at >= 0) parked.splice(at, 1);
    return chosen;
  }

  function asParked(timer: SimTimer): Pick<Parked, "label" | "resume"> {
    return {
      label: "timer",
      resume() {
        if (timer.every === null) timers.delete(timer);
        else timer.due = now + timer.every;
        timer.fire();
      },
    };
  }

  const scheduler: Scheduler = {
    get now() {
      return now;
    },
    get steps() {
      return steps;
    },
    get isIdle() {
      return parked.length === 0 && ![...timers].some((timer) => timer.due <= now);
    },
    hash: () => digest.copy().digest("hex"),
    note: (text) => void digest.update(`${text}\n`),
    advance(ms) {
      now += ms;
    },
    point(label) {
      activity += 1;
      if (isDirect > 0) return Promise.resolve();
      const fromStep = steps + (random.chance(slowChance(label)) ? random.below(slowSteps) : 0);
      return new Promise((resume) => parked.push({ label, fromStep, resume }));
    },
    timer(fire, ms, repeats) {
      activity += 1;
      const timer = { fire, due: now + ms, every: repeats ? Math.max(1, ms) : null };
      timers.add(timer);
      return timer;
    },
    clear: (timer) => void timers.delete(timer),
    async run(isOver) {
      let waitedMs = 0;
      for (;;) {
        await quiet();
        if (isOver()) return;
        const next = choose();
        if (next === null) {
          // Somebody works outside of the simulation, or everybody waits for somebody.
          if (waitedMs++ > stuckMsMax) throw new StuckError("nobody goes on any more");
          await sleep(1);
          continue;
        }
        waitedMs = 0;
        steps += 1;
        if (steps % msAfterSteps === 0) now += 1;
        scheduler.note(next.label);
        next.resume();
      }
    },
    async direct(body) {
      isDirect += 1;
      try {
        while (parked.length > 0) parked.shift()?.resume();
        return await body();
      } finally {
        isDirect -= 1;
      }
    },
  };
  return scheduler;
}
