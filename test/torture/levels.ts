import { availableParallelism } from "node:os";
import { join } from "node:path";
import { runSeeds } from "./run-seeds.ts";

const projectFolder = join(import.meta.dir, "../..");
const workers = Math.min(2, availableParallelism());

/** What a level did. */
export interface Done {
  /** What was done, with its number: `500 seeds`. */
  readonly counts: string;
  readonly failure: string | null;
  /** Why it did nothing; null where it did. */
  readonly skipped: string | null;
}

export interface Level {
  readonly name: string;
  /** In a few words. */
  readonly what: string;
  run(tree?: string): Promise<Done>;
}

export type Size = "usual" | "night";

/** How much of each. */
const amounts = {
  usual: { seeds: 500, kills: 50, losses: 5, rounds: 1, graphs: 200 },
  night: { seeds: 20_000, kills: 1_000, losses: 300, rounds: 10, graphs: 20_000 },
} as const;

/** From the quickest to the slowest. Other seeds than those of the tests: `firstSeed`. */
export function levelsOf(size: Size, firstSeed: number): readonly Level[] {
  const { seeds, kills, losses, rounds, graphs } = amounts[size];
  const seed = { BERTH_TEST_SEED: `${firstSeed}` };
  const many = { ...seed, BERTH_TEST_ROUNDS: `${rounds}` };
  const gc = { BERTH_GC_GRAPHS: `${graphs}`, ...(size === "night" ? { BERTH_RACES: "all" } : {}) };
  return [
    simulated(seeds, firstSeed),
    tested("L1", "the real program, killed at random", ["faults/kill-9"], {
      ...seed,
      BERTH_TEST_KILLS: `${kills}`,
    }),
    tested("L2", "a kill at each system call of a change", ["faults/syscall-kills"], seed),
    tested("L2", "the order of syncs and answers", ["faults/sync-order"], {}),
    tested("L3", "power losses on ext4", ["faults/power-loss"], {
      ...seed,
      BERTH_TEST_POWER_LOSSES: `${losses}`,
    }),
    tested("L4", "three nodes: kills, pauses, failover", ["faults/node-troubles"], many),
    tested("L4", "a database that fails", ["faults/database-troubles"], many),
    tested("L4", "an S3 that fails", ["faults/s3-troubles"], many),
    tested("GC", "garbage collection held at each step", ["gc/races"], gc),
    tested("GC", "random graphs against an oracle", ["gc/graphs"], gc),
    tested(
      "disk",
      "errors of the disk, and a full one",
      ["faults/disk-errors", "faults/full-disk"],
      seed,
    ),
  ];
}

export function simulated(count: number, first: number, shrinks = true): Level {
  return {
    name: "L0",
    what: "the program on a simulated machine",
    async run(tree = projectFolder) {
      const { runs, failure } = await runSeeds({ first, count, workers, tree, shrinks });
      const sum = (of: "operations" | "crashes") => runs.reduce((all, run) => all + run[of], 0);
      const counts = `${runs.length} seeds, ${sum("operations")} operations, ${sum("crashes")} crashes`;
      return { counts, failure, skipped: null };
    },
  };
}

/** Tests that are there, as many rounds as wanted. */
export function tested(
  name: string,
  what: string,
  files: readonly string[],
  env: Readonly<Record<string, string>>,
): Level {
  return {
    name,
    what,
    async run(tree = projectFolder) {
      const paths = files.map((file) => `./test/${file}.test.ts`);
      const child = Bun.spawn(
        [
          process.execPath,
          "--no-env-file",
          "--config=/dev/null",
          "test",
          "--timeout=60000",
          ...paths,
        ],
        {
          cwd: tree,
          env: { ...process.env, NO_COLOR: "1", ...env },
          stdin: "ignore",
          stdout: "pipe",
          stderr: "pipe",
        },
      );
      const [printed, told, code] = await Promise.all([
        new Response(child.stdout).text(),
        new Response(child.stderr).text(),
        child.exited,
      ]);
      return readTests(`${printed}\n${told}`, code);
    },
  };
}

/** What `bun test` printed. A level of which nothing ran has shown nothing. */
function readTests(text: string, code: number): Done {
  const number = (kind: string) =>
    Number(new RegExp(`^ (\\d+) ${kind}$`, "m").exec(text)?.[1] ?? 0);
  const [passed, failed, skipped] = [number("pass"), number("fail"), number("skip")];
  const figures = text
    .split("\n")
    .filter((line) => /^\d+ (kills|power losses),|: killed at \d+ calls/.test(line))
    .map((line) => line.replace(/( calls).*/, "$1"));
  const counts = [`${passed} tests`, ...figures].join("; ");
  if (code === 0 && passed > 0) return { counts, failure: null, skipped: null };
  if (code === 0) {
    const why = /skipped: ([^)]*)\)/.exec(text)?.[1] ?? `${skipped} tests were skipped`;
    return { counts, failure: null, skipped: why };
  }
  const lines = text.split("\n");
  const first = lines.findIndex((line) => /^error:|\(fail\)|^\s*error:/.test(line));
  const shown = lines.slice(Math.max(0, first - 5), first + 40).join("\n");
  return { counts: `${counts}, ${failed} failed`, failure: shown, skipped: null };
}
