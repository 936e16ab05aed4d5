import { heapStats } from "bun:jsc";
import { expect, test } from "bun:test";
import fc from "fast-check";
import { inCi, numberFrom } from "../faults/support/requirements.ts";

const runs = numberFrom("BERTH_TEST_FUZZ_RUNS", inCi ? 3_000 : 1_000);
// Always the same ones: what a change breaks shows, and nothing else does. A night takes other seeds.
const seed = numberFrom("BERTH_TEST_SEED", 1);
/** Where fast-check came to in an earlier run of the same seed: begins there, with what it shrank to. */
const path = process.env["BERTH_TEST_FUZZ_PATH"] ?? "";

const megabyte = 1024 * 1024;
/** What may live longer at the end than in the middle; the cache of manifests, of 32 MiB, may fill only then. */
const heapGrowthMax = (24 + 32) * megabyte;
/** The same for the whole process, whose allocator gives back late. */
const residentGrowthMax = 128 * megabyte;
const runMsMax = 200;

export interface Target<T> {
  readonly name: string;
  readonly values: fc.Arbitrary<T>;
  /** What came of it, in a word; throws where that must not be. */
  run(value: T): Promise<string> | string;
  /** Words of which each must have come up: a target that only ever refuses shows little. */
  readonly expects: readonly string[];
  /** Of the runs, where one takes much longer than others do. Default: all. */
  readonly share?: number;
}

/** Makes a test of the target: so many values that the seed decides, of which a wrong one is made small. */
export function fuzz<T>(target: Target<T>): void {
  const count = Math.max(1, Math.floor(runs * (target.share ?? 1)));
  test(
    `${target.name}: ${count} of them (BERTH_TEST_SEED=${seed})`,
    async () => {
      const outcomes = new Map<string, number>();
      let executed = 0;
      let middle = held();
      const property = fc.asyncProperty(target.values, async (value) => {
        const outcome = await target.run(value);
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        executed += 1;
        if (executed === Math.floor(count / 2)) middle = held();
      });
      const started = performance.now();
      const details = await fc.check(property, { numRuns: count, seed, path });
      if (details.failed) throw new Error(describe(target.name, details));
      const seconds = (performance.now() - started) / 1000;
      const end = held();
      const grown = { heap: end.heap - middle.heap, resident: end.resident - middle.resident };
      console.log(
        `${target.name}: ${executed} in ${seconds.toFixed(1)} s, ${countsOf(outcomes)}; ` +
          `since the middle ${inMegabytes(grown.heap)} of heap, ${inMegabytes(grown.resident)} of memory`,
      );
      // Of a path only what is behind it is run.
      if (path !== "") return;
      expect(target.expects.filter((outcome) => !outcomes.has(outcome))).toEqual([]);
      expect(grown.heap).toBeLessThan(heapGrowthMax);
      expect(grown.resident).toBeLessThan(residentGrowthMax);
    },
    120_000 + count * runMsMax,
  );
}

function held(): { heap: number; resident: number } {
  Bun.gc(true);
  const { heapSize, extraMemorySize } = heapStats();
  return { heap: heapSize + extraMemorySize, resident: process.memoryUsage().rss };
}

function describe<T>(name: string, details: fc.RunDetails<[T]>): string {
  const [value] = details.counterexample ?? [];
  const { errorInstance } = details;
  const why = errorInstance instanceof Error ? errorInstance.message : String(errorInstance);
  return [
    `${name}: ${why}`,
    `after ${details.numRuns} of them, made small in ${details.numShrinks} steps:`,
    JSON.stringify(value, (_key, each) =>
      each instanceof Uint8Array ? Buffer.from(each).toString("latin1") : each,
    ),
    `again: BERTH_TEST_SEED=${details.seed} BERTH_TEST_FUZZ_PATH=${details.counterexamplePath} BERTH_TEST_FUZZ_RUNS=${runs}`,
  ].join("\n");
}

function countsOf(outcomes: ReadonlyMap<string, number>): string {
  return [...outcomes]
    .sort(([, a], [, b]) => b - a)
    .map(([outcome, count]) => `${count} ${outcome}`)
    .join(", ");
}

function inMegabytes(bytes: number): string {
  return `${bytes < 0 ? "" : "+"}${(bytes / megabyte).toFixed(1)} MiB`;
}
