import { AsyncLocalStorage } from "node:async_hooks";
import { createRequire } from "node:module";

/**
 * The machine under the program, where it is not as it is: days pass at once, work in the background is
 * looked for forty times a second, and it is seen which requests meet garbage collection. The program knows
 * nothing of it.
 */
export interface Machine {
  /** Its clock goes on by so much, of which work in the background need not know. */
  goOn(ms: number): void;
  /** The same for days. */
  pass(ms: number): void;
  /** Since the last one garbage collection has begun; and come to its end. */
  readonly isPassBegun: boolean;
  readonly isPassSeen: boolean;
  /** Whether requests count. */
  isCounting: boolean;
  readonly requests: number;
  /** Of these: while they were under way, garbage collection took something away. */
  readonly met: number;
  /** How often it took something away: rows of a transaction, or bytes. */
  readonly steps: number;
  /** Garbage collections that came to their end. */
  readonly cycles: number;
}

/** How often the program looks for work that is due, and how often it does here. */
const programLooksEveryMs = 5_000;
const looksEveryMs = 25;

/** By which garbage collection takes something away, where they find a row. */
const takingAway: readonly RegExp[] = [
  // Links of blobs whose lease is over; tags, and manifests, that were long enough in the trash.
  /^\s*delete from repository_blobs where .*lease_until/s,
  /^\s*delete from trash where id in \(/,
  /^\s*delete from manifest_edges where repository_id/,
  // Blobs are condemned, and let go of.
  /^update "blobs" set "state" = 'condemned'/,
  /^insert into "blob_deletions" .* select /s,
];
const beginOfChore = /^update "chores" set "holder" = /;
const endOfChore = /^update "chores" set "lease_until" = .*"finished_at" = /s;
const cycle = "collect garbage";
/** From the end of one to the next that nobody asks for, and a little. */
const cycleEveryMs = 11 * 60 * 1000;

interface Request {
  isMet: boolean;
}

// biome-ignore lint/suspicious/noExplicitAny: functions of every kind are replaced.
type Functions = Record<string, any>;

/** Replaces it for good. To be called before anything of the program is loaded. */
export async function installMachine(): Promise<Machine> {
  const underWay = new Set<Request>();
  /** Whose work it is; nobody's: the background's. */
  const own = new AsyncLocalStorage<Request>();
  let ahead = 0;
  let passes = 0;
  /** At the begin of the cycle under way; at that of the last one that ended. */
  let [passesAtBegin, passesSeen] = [0, -1];
  const machine = {
    goOn(ms: number) {
      ahead += ms;
    },
    pass(ms: number) {
      ahead += ms;
      passes += 1;
    },
    get isPassBegun() {
      return passesAtBegin === passes;
    },
    get isPassSeen() {
      return passesSeen === passes;
    },
    ...{ isCounting: false, requests: 0, met: 0, steps: 0, cycles: 0 },
  };

  function tookAway(): void {
    if (own.getStore() !== undefined) return;
    machine.steps += 1;
    for (const request of underWay) request.isMet = true;
  }

  const { now } = Date;
  Date.now = () => now() + ahead;

  const { setInterval: interval } = globalThis as Functions;
  (globalThis as Functions)["setInterval"] = (fire: unknown, ms: unknown, ...args: unknown[]) =>
    interval(fire, ms === programLooksEveryMs ? looksEveryMs : ms, ...args);

  const files: Functions = createRequire(import.meta.url)("node:fs");
  const { unlink } = files;
  files["unlink"] = (path: string, done: (error: Error | null) => void) =>
    unlink(path, (error: Error | null) => {
      if (error === null && path.includes("/blobs/")) tookAway();
      done(error);
    });

  const { serve } = Bun as unknown as Functions;
  (Bun as unknown as Functions)["serve"] = (options: Functions) =>
    serve({
      ...options,
      async fetch(...args: unknown[]) {
        const request = { isMet: false };
        const { isCounting } = machine;
        underWay.add(request);
        try {
          return await own.run(request, () => options["fetch"](...args));
        } finally {
          underWay.delete(request);
          if (isCounting) {
            machine.requests += 1;
            if (request.isMet) machine.met += 1;
          }
        }
      },
    });

  const { DefaultQueryExecutor } = await import("kysely");
  const executor: Functions = Object.getPrototypeOf(DefaultQueryExecutor.prototype);
  const { executeQuery } = executor;
  executor["executeQuery"] = async function (this: unknown, query: Query, ...args: unknown[]) {
    const result: Result = await executeQuery.call(this, query, ...args);
    const { sql, parameters } = query;
    const rows = result.rows.length + Number(result.numAffectedRows ?? 0);
    if (rows > 0 && parameters.includes(cycle)) {
      if (beginOfChore.test(sql)) passesAtBegin = passes;
      if (endOfChore.test(sql)) {
        passesSeen = passesAtBegin;
        machine.cycles += 1;
        // One that was asked for, and that the days went by of: the next is due now.
        if (!machine.isPassSeen) machine.goOn(cycleEveryMs);
      }
    }
    if (rows > 0 && takingAway.some((statement) => statement.test(sql))) tookAway();
    return result;
  };
  return machine;
}

interface Query {
  readonly sql: string;
  readonly parameters: readonly unknown[];
}

interface Result {
  readonly rows: readonly unknown[];
  readonly numAffectedRows?: bigint;
}
