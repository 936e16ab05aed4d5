import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const projectFolder = join(import.meta.dir, "../..");
const bunFlags = ["--no-env-file", "--config=/dev/null", "--no-install"];
/** For whoever looks into a failure. */
const failuresFolder = join(tmpdir(), "berth-torture-failures");

/** What `seeds.ts` prints of a seed. */
export interface SeedRun {
  readonly seed: number;
  readonly ms: number;
  readonly hash: string;
  readonly operations: number;
  readonly crashes: number;
  readonly violations: readonly string[];
}

interface Shrunk {
  readonly steps: number;
  readonly violations: readonly string[];
  readonly history: readonly string[];
  readonly plan: unknown;
}

type Line = Partial<SeedRun> & { history?: readonly string[]; shrunk?: Shrunk; seed: number };

export interface SeedsDone {
  readonly runs: readonly SeedRun[];
  /** The first seed that failed, with what there is to be said of it; null: none did. */
  readonly failure: string | null;
}

export interface SeedsWanted {
  readonly first: number;
  readonly count: number;
  /** Processes at once. */
  readonly workers: number;
  /** The tree whose program runs; default: this one. */
  readonly tree?: string;
}

/** Seeds in processes of their own. Each stops at its first failure, whose history is kept in a file. */
export async function runSeeds(wanted: SeedsWanted): Promise<SeedsDone> {
  const { first, count, workers, tree = projectFolder } = wanted;
  const all = Array.from({ length: workers }, async (_, number) => {
    const share = Math.floor((count + workers - 1 - number) / workers);
    if (share === 0) return [];
    return await runProcess(tree, [first + number, share, workers]);
  });
  const lines = (await Promise.all(all)).flat();
  const runs = lines.filter((line): line is SeedRun & Line => line.shrunk === undefined);
  const failed = runs.find(({ violations }) => violations.length > 0);
  const shrunk = lines.find((line) => line.seed === failed?.seed && line.shrunk)?.shrunk;
  if (failed !== undefined) return { runs, failure: describe(tree, failed, shrunk) };
  return { runs, failure: runs.length === count ? null : `${runs.length} of ${count} seeds ended` };
}

async function runProcess(tree: string, args: readonly number[]): Promise<Line[]> {
  const child = Bun.spawn(
    [process.execPath, ...bunFlags, "test/torture/seeds.ts", ...args.map(String)],
    { cwd: tree, stdin: "ignore", stdout: "pipe", stderr: "pipe" },
  );
  const [output, errors, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  const lines = output
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Line);
  if (code === 0) return lines;
  const violations = [
    `seeds from ${args[0]} ended with exit code ${code}: ${errors.slice(-2_000)}`,
  ];
  const seed = lines.at(-1)?.seed ?? args[0] ?? 0;
  return [...lines, { seed, ms: 0, hash: "", operations: 0, crashes: 0, violations }];
}

function describe(tree: string, { seed, violations, history }: Line, shrunk?: Shrunk): string {
  mkdirSync(failuresFolder, { recursive: true });
  const path = join(failuresFolder, `seed-${seed}.json`);
  writeFileSync(path, JSON.stringify({ seed, violations, history, shrunk }, null, 1));
  const commit = spawnSync("git", ["rev-parse", "--short", "HEAD"], { cwd: tree });
  const smaller =
    shrunk === undefined
      ? []
      : [
          `with ${shrunk.steps} steps: ${shrunk.violations[0] ?? "it fails no more"}`,
          ...shrunk.history.filter((line) => / client \d+: | power lost| restart/.test(line)),
        ];
  return [
    `seed ${seed} fails at commit ${commit.stdout.toString().trim() || "unknown"}; its history is in ${path}`,
    ...(violations ?? []).slice(0, 5),
    ...smaller.slice(0, 60),
  ].join("\n");
}
