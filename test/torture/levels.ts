import { availableParallelism } from "node:os";
import { projectFolder, runSeeds } from "./run-seeds.ts";
import { runSoak } from "./run-soak.ts";
import type { SoakWanted } from "./soak/soak.ts";

const workers = Math.min(2, availableParallelism());

/** What was done, by its name: `seeds` 500. */
export type Counts = Readonly<Record<string, number>>;

/** What a level did. */
export interface Done {
  readonly counts: Counts;
  readonly failure: string | null;
  /** Why it did nothing; null where it did. */
  readonly skipped: string | null;
}

export interface Level {
  readonly name: string;
  /** In a few words. */
  readonly what: string;
  /** Which part of a night's work this is; the same for the same work. */
  readonly part?: string;
  run(tree?: string): Promise<Done>;
}

/** What a change has to pass, from the quickest to the slowest. Other seeds than those of the tests: `firstSeed`. */
export function usualLevels(firstSeed: number): readonly Level[] {
  const seed = { BERTH_TEST_SEED: `${firstSeed}` };
  return [
    simulated(500, firstSeed),
    soaked({ operations: 4_000, seconds: 180 }, firstSeed),
    ...killed(50, firstSeed),
    ...killedAtSystemCalls("some", firstSeed),
    ...powerLost(5, firstSeed),
    ...nodes(1, firstSeed),
    tested("GC", "garbage collection held at each step", ["gc/races"]),
    tested("GC", "random graphs against an oracle", ["gc/graphs"]),
    tested("disk", "errors of the disk, and a full one", disk, seed),
    tested("disk", "bits that flip, older stores", stores, seed),
    ...fuzzed.map((file) => fuzz(file, 3_000, firstSeed)),
  ];
}

/**
 * A night's work in parts of some minutes, so that it can be ended after any of them and taken up again: the
 * first of each level, then the second of each.
 */
export function nightParts(firstSeed: number): readonly Level[] {
  const parts = (count: number, level: (seed: number) => readonly Level[]) =>
    Array.from({ length: count }, (_, k) => {
      const seed = firstSeed + k;
      return level(seed).map((one) => ({ ...one, part: `${one.name} ${one.what} ${seed}` }));
    });
  const all = [
    parts(40, (seed) => [simulated(500, firstSeed + (seed - firstSeed) * 500)]),
    parts(10, (seed) => [soaked({ operations: 10_000, seconds: 0 }, seed)]),
    parts(20, (seed) => killed(50, seed)),
    parts(1, (seed) => killedAtSystemCalls("all", seed)),
    parts(30, (seed) => powerLost(10, seed)),
    parts(5, (seed) => nodes(1, seed)),
    parts(1, () => [
      tested("GC", "garbage collection held at each step", ["gc/races"], { BERTH_RACES: "all" }),
      tested("GC", "random graphs against an oracle", ["gc/graphs"], { BERTH_GC_GRAPHS: "2000" }),
      tested("disk", "errors of the disk, and a full one", disk),
      tested("disk", "bits that flip, older stores", stores, { BERTH_TEST_ROUNDS: "30" }),
      tested("disk", "each write of a change", ["faults/each-write"], { BERTH_TEST_WRITES: "all" }),
      tested("tags", "one order for what clients see", ["faults/tag-moves"]),
    ]),
    ...fuzzed.map((file) => parts(1, (seed) => [fuzz(file, 100_000, seed)])),
  ];
  const most = Math.max(...all.map(({ length }) => length));
  return Array.from({ length: most }, (_, k) => all.flatMap((own) => own[k] ?? [])).flat();
}

const fuzzed = ["manifests", "routes", "headers", "tokens", "ranges", "config", "sockets"];

function fuzz(file: string, runs: number, seed: number): Level {
  const env = { BERTH_TEST_SEED: `${seed}`, BERTH_TEST_FUZZ_RUNS: `${runs}` };
  return tested("fuzz", `${file} that are nearly right`, [`fuzz/${file}`], env);
}

const databases = ["faults/database-troubles", "postgres/failover"];
const disk = ["faults/disk-errors", "faults/full-disk"];
const stores = ["faults/changed-store", "faults/older-store", "faults/migrations"];

export function simulated(count: number, first: number, shrinks = true): Level {
  return {
    name: "L0",
    what: "the program on a simulated machine",
    async run(tree = projectFolder) {
      const { runs, failure } = await runSeeds({ first, count, workers, tree, shrinks });
      const sum = (of: "operations" | "crashes") => runs.reduce((all, run) => all + run[of], 0);
      const counts = {
        ...{ seeds: runs.length, operations: sum("operations") },
        "kills and power losses": sum("crashes"),
      };
      return { counts, failure, skipped: null };
    },
  };
}

export function soaked(wanted: Omit<SoakWanted, "seed">, seed: number): Level {
  return {
    name: "L5",
    what: "garbage collection beside requests",
    async run(tree = projectFolder) {
      const { run, failure } = await runSoak({ ...wanted, seed }, tree);
      const counts = {
        operations: run.operations,
        ...{ requests: run.requests, "that met garbage collection": run.met },
        ...{ steps: run.steps, collections: run.cycles, days: run.days },
      };
      return { counts, failure, skipped: null };
    },
  };
}

/** Half as often while all is done that there is to do. */
function killed(kills: number, seed: number): readonly Level[] {
  const env = (times: number) => ({ BERTH_TEST_SEED: `${seed}`, BERTH_TEST_KILLS: `${times}` });
  return [
    tested("L1", "pushes, killed at random", ["torture/push-kills"], env(kills)),
    tested("L1", "all operations, killed at random", ["torture/kills"], env(kills / 2)),
  ];
}

function killedAtSystemCalls(which: "some" | "all", seed: number): readonly Level[] {
  const env = { BERTH_TEST_SEED: `${seed}`, BERTH_TEST_SYSCALLS: which };
  return [
    tested("L2", `kills at ${which} of a change's calls`, ["torture/syscall-kills"], env),
    tested("L2", "an upgrade killed at its system calls", ["faults/upgrade-kills"]),
    tested("L2", "the order of syncs and answers", ["faults/sync-order"]),
  ];
}

function powerLost(losses: number, seed: number): readonly Level[] {
  const env = { BERTH_TEST_SEED: `${seed}`, BERTH_TEST_POWER_LOSSES: `${losses}` };
  return [
    tested("L3", "power losses on ext4, xfs and btrfs", ["torture/push-power-losses"], env),
    tested("L3", "all operations, and power losses", ["torture/power-losses"], env),
  ];
}

function nodes(rounds: number, seed: number): readonly Level[] {
  const env = { BERTH_TEST_SEED: `${seed}`, BERTH_TEST_ROUNDS: `${rounds}` };
  return [
    tested("L4", "three nodes: kills, pauses, failover", ["faults/node-troubles"], env),
    tested("L4", "all operations, on nodes that are killed", ["torture/node-kills"], env),
    tested("L4", "a database that fails, and its standby", databases, env),
    tested("L4", "an S3 that fails", ["faults/s3-troubles"], env),
  ];
}

/** Tests that are there, as much of them as wanted. */
export function tested(
  name: string,
  what: string,
  files: readonly string[],
  env: Readonly<Record<string, string>> = {},
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
          "--timeout=120000",
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

/** What `bun test` printed. A level of which nothing ran has shown nothing; what did not run is counted. */
function readTests(text: string, code: number): Done {
  const number = (kind: string) =>
    Number(new RegExp(`^ (\\d+) ${kind}$`, "m").exec(text)?.[1] ?? 0);
  const [passed, failed, skipped] = [number("pass"), number("fail"), number("skip")];
  const counts = {
    ...{ tests: passed, ...(skipped > 0 ? { "tests not run": skipped } : {}) },
    ...figuresIn(text),
  };
  if (code === 0 && passed > 0) return { counts, failure: null, skipped: null };
  if (code === 0) {
    const why = /skipped: ([^)]*)\)/.exec(text)?.[1] ?? `${skipped} tests were skipped`;
    return { counts, failure: null, skipped: why };
  }
  const lines = text.split("\n");
  const first = lines.findIndex((line) => /^error:|\(fail\)|^\s*error:/.test(line));
  const shown = lines.slice(Math.max(0, first - 5), first + 40).join("\n");
  return { counts: { ...counts, failed }, failure: shown, skipped: null };
}

/** What tests print of what they did: `50 kills, 1234 acknowledged pushes, seed 7`. */
function figuresIn(text: string): Counts {
  const counts: Record<string, number> = {};
  for (const line of text.split("\n")) {
    if (!/^\d+ [A-Za-z0-9 ]+(, [A-Za-z0-9 ]+)*$/.test(line)) continue;
    for (const [, number, name = ""] of line.matchAll(/(?:^|, )(\d+) ([A-Za-z0-9 ]+)/g)) {
      counts[name] = (counts[name] ?? 0) + Number(number);
    }
  }
  return counts;
}
