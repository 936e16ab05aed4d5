import { createRequire } from "node:module";
import type { Random } from "../../faults/support/random.ts";
import type { SimDisk } from "./disk.ts";
import "./real.ts";
import type { Scheduler } from "./scheduler.ts";

/** What stands in for the machine under the program. */
export interface SimWorld {
  readonly scheduler: Scheduler;
  readonly random: Random;
  /** Null while nothing runs on it. */
  disk: SimDisk | null;
}

let world: SimWorld | null = null;
/** Of the current millisecond: as Bun makes them, each is greater than the one before. */
let uuids = { at: 0, count: 0 };

/** From now on the program's clock, timers, chance, syncs and statements are this world's; null: the real ones. */
export function simulate(next: SimWorld | null): void {
  world = next;
  uuids = { at: 0, count: 0 };
}

type Callback = (error: Error | null, value?: unknown) => void;
// biome-ignore lint/suspicious/noExplicitAny: functions of every kind are replaced.
type Functions = Record<string, any>;

/** Free bytes: enough for a push, and too few for the ballast to be written in each of many worlds. */
const freeBytes = 30 * 1024 * 1024;

/**
 * Replaces what the program asks of the machine, for good. To be called before anything of the program
 * is loaded. The program itself knows nothing of it.
 */
export async function install(): Promise<void> {
  const require = createRequire(import.meta.url);
  replaceFiles(require("node:fs"));
  replaceTime();
  replaceChance(require("node:crypto"));
  // As the program imports it: another way would find another copy.
  replaceStatements(await import("kysely"));
}

/** `simulated` while there is a world, else what was there. */
function replace(
  owner: Functions,
  name: string,
  simulated: (now: SimWorld, real: (...args: unknown[]) => unknown, args: unknown[]) => unknown,
): void {
  const real = owner[name];
  owner[name] = function (this: unknown, ...args: unknown[]) {
    if (world === null) return real.apply(this, args);
    return simulated(world, (...given) => real.apply(this, given), args);
  };
}

function replaceFiles(fs: Functions): void {
  const sync = Object.fromEntries(
    ["writev", "ftruncate", "rename", "open", "readFile"].map((name) => [name, fs[`${name}Sync`]]),
  );
  const calledBack = (done: Callback, work: () => unknown) => {
    let value: unknown;
    try {
      value = work();
    } catch (error) {
      done(error as Error);
      return;
    }
    done(null, value);
  };
  for (const name of ["fdatasync", "fsync"]) {
    replace(fs, name, ({ scheduler, disk }, _, [fd, done]) => {
      const end = disk?.beginSync(fd as number);
      void scheduler.point(name).then(() => {
        end?.();
        (done as Callback)(null);
      });
    });
    replace(fs, `${name}Sync`, ({ disk }, _, [fd]) => disk?.beginSync(fd as number)());
  }
  for (const [name, work] of Object.entries(sync)) {
    replace(fs, name, ({ scheduler }, _, args) => {
      const done = args.pop() as Callback;
      void scheduler.point(name).then(() => calledBack(done, () => work(...args)));
    });
  }
  replace(fs, "unlink", ({ scheduler, disk }, _, [path, done]) => {
    void scheduler
      .point("unlink")
      .then(() => calledBack(done as Callback, () => disk?.unlink(path as string)));
  });
  replace(fs, "statfsSync", () => ({ bsize: 1, bavail: freeBytes, files: 0, ffree: 0 }));
  const { readdirSync, readFileSync } = fs;
  replace(fs["promises"], "readdir", async ({ scheduler }, _, args) => {
    await scheduler.point("readdir");
    return readdirSync(...args);
  });
  // Bytes of a file come at once: when a thread has them is no seed's to decide.
  replace(Bun as unknown as Functions, "file", (_world, _real, [path]) => {
    return new Blob([readFileSync(path)]);
  });
}

function replaceTime(): void {
  replace(Date as unknown as Functions, "now", ({ scheduler }) => scheduler.now);
  replace(performance as unknown as Functions, "now", ({ scheduler }) => scheduler.now);
  replace(Bun as unknown as Functions, "sleep", ({ scheduler }) => scheduler.point("sleep"));
  const timer = (repeats: boolean) =>
    (({ scheduler }, _, [fire, ms, ...args]) => {
      const made = scheduler.timer(
        () => (fire as (...given: unknown[]) => void)(...args),
        Number(ms ?? 0),
        repeats,
      );
      return Object.assign(made, { unref: () => made, ref: () => made, refresh: () => made });
    }) satisfies Parameters<typeof replace>[2];
  replace(globalThis, "setTimeout", timer(false));
  replace(globalThis, "setInterval", timer(true));
  for (const name of ["clearTimeout", "clearInterval"]) {
    replace(globalThis, name, ({ scheduler }, real, [made]) => {
      if (made !== null && typeof made === "object" && "due" in made)
        scheduler.clear(made as never);
      else real(made);
    });
  }
  replace(globalThis, "setImmediate", ({ scheduler }, _, [work, ...args]) => {
    void scheduler.point("immediate").then(() => (work as (...given: unknown[]) => void)(...args));
  });
  replaceWorkers();
}

/**
 * The worker of checkpoints says yes to everything and does nothing: syncs that SQLite makes by itself are
 * not seen here, so that no checkpoint is made.
 */
function replaceWorkers(): void {
  const answers: Record<string, unknown> = {
    open: { kind: "opened" },
    checkpoint: { kind: "done", frames: 0, copied: 0 },
    close: { kind: "closed" },
  };
  class IdleWorker {
    onmessage: ((event: { data: unknown }) => void) | null = null;
    unref(): void {}
    postMessage({ kind }: { kind: string }): void {
      queueMicrotask(() => this.onmessage?.({ data: answers[kind] }));
    }
  }
  (globalThis as Functions)["Worker"] = IdleWorker;
}

function replaceChance(crypto: Functions): void {
  replace(Math as unknown as Functions, "random", ({ random }) => random.below(2 ** 31) / 2 ** 31);
  replace(crypto, "randomBytes", ({ random }, _, [size]) =>
    Buffer.from(Array.from({ length: size as number }, () => random.below(256))),
  );
  replace(Bun as unknown as Functions, "randomUUIDv7", ({ random, scheduler }) => {
    const { now } = scheduler;
    uuids = { at: now, count: uuids.at === now ? uuids.count + 1 : 0 };
    const time = now.toString(16).padStart(12, "0");
    const count = uuids.count.toString(16).padStart(3, "0");
    const digits = (count: number) =>
      Array.from({ length: count }, () => random.below(16).toString(16)).join("");
    return `${time.slice(0, 8)}-${time.slice(8)}-7${count}-8${digits(3)}-${digits(12)}`;
  });
}

/**
 * Others may go on before each statement, in a transaction as well. What is issued at once, without
 * waiting for each other, keeps its order: the program relies on that.
 */
function replaceStatements({ DefaultQueryExecutor }: typeof import("kysely")): void {
  const base = Object.getPrototypeOf(DefaultQueryExecutor.prototype);
  let issued: { scheduler: Scheduler; step: number; turn: Promise<void> } | null = null;
  replace(base, "executeQuery", async ({ scheduler }, real, args) => {
    if (issued === null || issued.scheduler !== scheduler || issued.step !== scheduler.steps) {
      issued = { scheduler, step: scheduler.steps, turn: scheduler.point("statement") };
    }
    await issued.turn;
    return await real(...args);
  });
}
