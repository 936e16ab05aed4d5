import { readdirSync } from "node:fs";
import { devNull } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { memoryFolder } from "./memory-folder.ts";

export const projectFolder = dirname(dirname(fileURLToPath(import.meta.url)));

/** A program that checks something, and the heading over its output. */
export interface Group {
  readonly title: string;
  readonly command: readonly string[];
  /** Whether it prints what `bun test` prints; any other counts as one test. */
  readonly isBunTest: boolean;
  /** Variables besides those of whoever runs it. */
  readonly env?: Readonly<Record<string, string>>;
}

interface Outcome {
  passed: number;
  failed: number;
  skipped: number;
}

interface Heard {
  readonly outcome: Outcome;
  /** Names of tests that did not run. */
  readonly skips: string[];
  /** Names of tests that passed at a second attempt. */
  readonly unsteady: string[];
  /** What was printed about each failure, the last lines of it. */
  readonly failures: string[];
}

/** Of what a failed test prints, so many lines are said again at the end. */
const linesOfFailure = 40;

const bun = [process.execPath, "--no-env-file", `--config=${devNull}`];

/** About half of the work of unit tests: who may do what, and what is done beside requests. */
const oneHalf = [
  "access",
  "accounts",
  "auth",
  "jobs",
  "move",
  "nodes",
  "pages",
  "projects",
  "records",
];
/** They mostly wait: for a server to start, for work that is looked for every five seconds. */
const waiting = ["db", "gc", "pulls", "usage"];
const ofTheRest = readdirSync(join(projectFolder, "src"), { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && ![...oneHalf, ...waiting].includes(entry.name))
  .map((entry) => entry.name);

const memoryBytesMin = 2 * 1024 ** 3;
/** Quick tests sync thousands of times. What disks do with that is for others to show: these have theirs in memory. */
const memory = memoryFolder(memoryBytesMin);
const quickEnv: Group["env"] = memory === null ? {} : { TMPDIR: memory };

/** Everything that is quick: format, lint, types, house rules, unit and contract tests. In rows that go together. */
export const quickGroups: readonly [readonly Group[], readonly Group[], readonly Group[]] = [
  [
    {
      title: "format and lint",
      command: [...bun, "node_modules/@biomejs/biome/bin/biome", "check", "--error-on-warnings"],
      isBunTest: false,
    },
    {
      title: "types",
      command: [...bun, "node_modules/typescript/bin/tsc", "--noEmit", "-p", "."],
      isBunTest: false,
    },
    {
      title: "types of the console",
      command: [...bun, "node_modules/typescript/bin/tsc", "--noEmit", "-p", "web"],
      isBunTest: false,
    },
    bunTest("house rules", ["./test/tidy.test.ts", "./test/torture/mutants/mutants.test.ts"]),
    bunTest("unit and contract tests of access, jobs and moves", oneHalf.map(inSource), quickEnv),
  ],
  [bunTest("unit and contract tests that wait", waiting.map(inSource), quickEnv)],
  [bunTest("unit and contract tests of the rest", ofTheRest.map(inSource), quickEnv)],
];

function inSource(folder: string): string {
  return `./src/${folder}`;
}

export function bunTest(title: string, paths: readonly string[], env: Group["env"] = {}): Group {
  // Against what hangs only: on a busy machine with slow disks removing a folder took 20 s.
  return { title, command: [...bun, "test", "--timeout=120000", ...paths], isBunTest: true, env };
}

/**
 * Runs rows of groups beside each other, which takes two cores less time. What a group prints comes
 * out when it is over, so that nothing is mixed up; at the end what failed and why others did not run.
 * Returns the exit code.
 */
export async function runBeside(...rows: readonly (readonly Group[])[]): Promise<number> {
  const sum: Outcome = { passed: 0, failed: 0, skipped: 0 };
  const notRun: string[] = [];
  const unsteady: string[] = [];
  const failures: string[] = [];
  await Promise.all(
    rows.map(async (groups) => {
      for (const group of groups) {
        console.log(`begun: ${group.title}`);
        const held = [`\n--- ${group.title}`];
        const say = (line: string) => held.push(line);
        const start = performance.now();
        const { outcome, ...heard } = await runGroup(group, say);
        const seconds = ((performance.now() - start) / 1000).toFixed(1);
        say(`--- ${group.title}: ${words(outcome)} in ${seconds} s`);
        console.log(held.join("\n"));
        sum.passed += outcome.passed;
        sum.failed += outcome.failed;
        sum.skipped += outcome.skipped;
        notRun.push(...heard.skips);
        unsteady.push(...heard.unsteady.map((name) => `${group.title}: ${name}`));
        failures.push(...heard.failures.map((lines) => `failed: ${group.title}\n${lines}\n`));
      }
    }),
  );
  console.log("");
  for (const skip of new Set(notRun)) console.log(`not run: ${skip}`);
  for (const name of unsteady) console.log(`unsteady: ${name}`);
  // Once more, because a long output is often read from its end.
  for (const failure of failures) console.log(`\n${failure}`);
  console.log(words(sum));
  return sum.failed === 0 ? 0 : 1;
}

async function runGroup(group: Group, say: (line: string) => void): Promise<Heard> {
  const child = Bun.spawn([...group.command], {
    cwd: projectFolder,
    env: { ...childEnvironment(), ...group.env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const reader = createReader(group.isBunTest, say);
  await Promise.all([readLines(child.stdout, reader.read), readLines(child.stderr, reader.read)]);
  const exitCode = await child.exited;
  const { outcome } = reader;
  if (!group.isBunTest && exitCode === 0) outcome.passed += 1;
  else if (exitCode !== 0 && outcome.failed === 0) {
    if (group.isBunTest) reader.read(`It ended with exit code ${exitCode} before its tests did.`);
    reader.fail();
    outcome.failed += 1;
  }
  return reader;
}

/** Settings of whoever runs this must not reach the servers that tests start. */
function childEnvironment(): Record<string, string | undefined> {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^BERTH_(?!TEST_|TOOLS$)/.test(name) && name !== "FORCE_COLOR",
  );
  return { ...Object.fromEntries(kept), NO_COLOR: "1" };
}

/** Prints lines as they come, but of `bun test` neither passed tests nor the names of files where all passed. */
function createReader(isBunTest: boolean, say: (line: string) => void) {
  const outcome: Outcome = { passed: 0, failed: 0, skipped: 0 };
  const skips: string[] = [];
  const unsteady: string[] = [];
  const failures: string[] = [];
  let file = "";
  let isRepeating = false;
  let lastLines: string[] = [];
  const tell = (line: string) => {
    lastLines = [...lastLines, line].slice(-linesOfFailure);
    say(line);
  };
  const fail = () => {
    failures.push(lastLines.join("\n"));
    lastLines = [];
  };
  const read = (line: string) => {
    if (!isBunTest) return tell(line);
    const count = /^ (\d+) (pass|fail|skip|todo|error)s?$/.exec(line);
    if (count !== null) return add(outcome, count[2] ?? "", Number(count[1]));
    const skip = /^\((?:skip|todo)\) (.*)$/.exec(line);
    if (skip !== null) return skips.push(skip[1] ?? "");
    // Before its counts, Bun says once more what failed.
    isRepeating ||= /^\d+ tests? failed:$/.test(line);
    if (isRepeating) return;
    const again = /^\(pass\) (.* \(attempt \d+\))/.exec(line);
    if (again !== null) unsteady.push(again[1] ?? "");
    if (/^\(pass\) /.test(line)) lastLines = [];
    if (/^\(pass\) |^bun test v|^ \d+ expect\(\) calls|^Ran \d+ tests? |^$/.test(line)) return;
    if (/^\S+\.test\.ts:$/.test(line)) {
      file = line;
      return;
    }
    if (file !== "") tell(file);
    file = "";
    tell(line);
    if (line.startsWith("(fail) ")) fail();
  };
  return { outcome, skips, unsteady, failures, read, fail };
}

function add(outcome: Outcome, kind: string, count: number): void {
  if (kind === "pass") outcome.passed += count;
  else if (kind === "fail") outcome.failed += count;
  else if (kind === "skip" || kind === "todo") outcome.skipped += count;
}

async function readLines(
  stream: ReadableStream<Uint8Array>,
  take: (line: string) => void,
): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) take(line);
  }
  if (rest !== "") take(rest);
}

function words({ passed, failed, skipped }: Outcome): string {
  return `${passed} passed, ${failed} failed${skipped === 0 ? "" : `, ${skipped} skipped`}`;
}
