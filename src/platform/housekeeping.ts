import type { Log } from "./log.ts";

/** Work in the background that each process does for itself. `run` looks at the signal before each item, and stops when it is set. */
export interface OwnChore {
  readonly name: string;
  /** Milliseconds from the end of a run to the next; null: once, at the start. */
  readonly everyMs: number | null;
  run(signal: AbortSignal): Promise<void>;
}

/** Runs the chores of this process, each at the start and then at its pace. A failure is logged, the next run comes. */
export function createHousekeeping(chores: readonly OwnChore[], log: Log) {
  const ending = new AbortController();
  const running = new Set<Promise<void>>();
  const timers = new Set<Timer>();

  function start(chore: OwnChore): void {
    if (ending.signal.aborted) return;
    const ended = chore
      .run(ending.signal)
      .catch((error: unknown) => log.error(`Background work failed: ${chore.name}`, { error }))
      .finally(() => {
        running.delete(ended);
        if (chore.everyMs === null || ending.signal.aborted) return;
        const timer = setTimeout(() => {
          timers.delete(timer);
          start(chore);
        }, chore.everyMs);
        timer.unref();
        timers.add(timer);
      });
    running.add(ended);
  }

  return {
    /** Begins one more, now. */
    run: start,
    start(): void {
      for (const chore of chores) start(chore);
    },
    /** Resolves when nothing runs any more. */
    async stop(): Promise<void> {
      for (const timer of timers) clearTimeout(timer);
      ending.abort();
      await Promise.all(running);
    },
  };
}
