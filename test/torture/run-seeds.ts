import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { memoryFolder } from "../../scripts/memory-folder.ts";
import { keepFailure } from "../support/failures.ts";

export const projectFolder = join(import.meta.dir, "../..");
export const bunFlags = ["--no-env-file", "--config=/dev/null", "--no-install"];
const memoryBytesMin = 512 * 1024 * 1024;

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
  /** Whether the first that fails is made smaller. */
  readonly shrinks?: boolean;
}

/** Seeds in processes of their own. All stop at the first failure, whose history is kept in a file. */
export async function runSeeds(wanted: SeedsWanted): Promise<SeedsDone> {
  const { first, count, workers, tree = projectFolder, shrinks = true } = wanted;
  const scratch = mkdtempSync(join(memoryFolder(memoryBytesMin) ?? tmpdir(), "berth-torture-"));
  const failing = new AbortController();
  try {
    const all = Array.from({ length: workers }, async (_, number) => {
      const share = Math.floor((count + workers - 1 - number) / workers);
      if (share === 0) return [];
      const own = mkdtempSync(join(scratch, "worker-"));
      const args = [own, first + number, share, workers, shrinks ? "shrink" : "as it is"];
      return await runProcess(tree, args.map(String), failing);
    });
    const lines = (await Promise.all(all)).flat();
    const runs = lines.filter((line): line is SeedRun & Line => line.shrunk === undefined);
    const failed = runs.find(({ violations }) => violations.length > 0);
    const shrunk = lines.find((line) => line.seed === failed?.seed && line.shrunk)?.shrunk;
    if (failed !== undefined) return { runs, failure: describe(tree, failed, shrunk) };
    const failure = runs.length === count ? null : `${runs.length} of ${count} seeds ended`;
    return { runs, failure };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Stops when another one fails. */
async function runProcess(
  tree: string,
  args: readonly string[],
  failing: AbortController,
): Promise<Line[]> {
  const child = Bun.spawn([process.execPath, ...bunFlags, "test/torture/seeds.ts", ...args], {
    cwd: tree,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  let isOwn = false;
  failing.signal.addEventListener("abort", () => {
    if (!isOwn) child.kill();
  });
  const lines: Line[] = [];
  const errors = new Response(child.stderr).text();
  for await (const text of linesOf(child.stdout)) {
    const line = JSON.parse(text) as Line;
    lines.push(line);
    if (line.violations === undefined || line.violations.length === 0) continue;
    isOwn = true;
    failing.abort();
  }
  const code = await child.exited;
  if (code === 0 || (failing.signal.aborted && !isOwn)) return lines;
  const told = (await errors).slice(-2_000);
  const violations = [`seeds from ${args[1]} ended with exit code ${code}: ${told}`];
  const seed = lines.at(-1)?.seed ?? Number(args[1]);
  isOwn = true;
  failing.abort();
  return [...lines, { seed, ms: 0, hash: "", operations: 0, crashes: 0, violations }];
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines.filter((line) => line.startsWith("{"));
  }
}

/** Files that need no disk: what is durable is simulated. */
function describe(tree: string, { seed, violations, history }: Line, shrunk?: Shrunk): string {
  const kept = { seed, violations, history, shrunk };
  const smaller =
    shrunk === undefined
      ? []
      : [
          `with ${shrunk.steps} steps: ${shrunk.violations[0] ?? "it fails no more"}`,
          ...shrunk.history.filter((line) => / client \d+: | power loss| kill| restart/.test(line)),
        ];
  return [
    keepFailure({ name: `seed-${seed}`, tree, history: kept, data: null }),
    ...(violations ?? []).slice(0, 5),
    ...smaller.slice(0, 60),
  ].join("\n");
}
