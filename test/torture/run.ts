import { parseArgs } from "node:util";
import { commitOf } from "../support/failures.ts";
import { type Counts, type Done, type Level, nightParts, usualLevels } from "./levels.ts";
import { catchMutant, mutantsNamed } from "./mutate.ts";
import { openNight } from "./night.ts";
import { projectFolder, runSeeds } from "./run-seeds.ts";

// npm run torture                          what a change has to pass
// npm run torture -- --only L0             one level of it
// npm run torture -- --night [--minutes N] [--only L3]   more of everything; goes on where it ended
// npm run torture -- --seed N              one seed of L0, with what it did
// npm run torture -- --mutants [--only NAME,NAME]        whether known mistakes are seen

const { values } = parseArgs({
  options: {
    night: { type: "boolean", default: false },
    mutants: { type: "boolean", default: false },
    minutes: { type: "string" },
    only: { type: "string" },
    seed: { type: "string" },
    first: { type: "string", default: "1001" },
  },
});

if (values.seed !== undefined) process.exit(await runOneSeed(Number(values.seed)));
if (values.mutants) process.exit(await runMutants(values.only));
process.exit(await (values.night ? runNight() : runLevels(wanted(usualLevels))));

async function runOneSeed(seed: number): Promise<number> {
  const { runs, failure } = await runSeeds({ first: seed, count: 1, workers: 1 });
  console.log(failure ?? JSON.stringify(runs[0]));
  return failure === null ? 0 : 1;
}

function wanted(levelsFrom: (firstSeed: number) => readonly Level[]): readonly Level[] {
  const levels = levelsFrom(Number(values.first)).filter(
    ({ name }) => values.only === undefined || name === values.only,
  );
  if (levels.length === 0) throw new Error(`there is no level ${values.only}`);
  console.log(`commit ${commitOf(projectFolder)}, seeds from ${values.first}`);
  return levels;
}

async function runLevels(
  levels: readonly Level[],
  note: (level: Level, done: Done) => void = () => {},
): Promise<number> {
  let failures = 0;
  for (const level of levels) {
    const started = performance.now();
    const done = await level.run();
    console.log(row(level, done, (performance.now() - started) / 1000));
    note(level, done);
    if (done.failure === null) continue;
    failures += 1;
    console.log(done.failure);
  }
  console.log(failures === 0 ? "nothing was lost" : `${failures} of ${levels.length} failed`);
  return failures === 0 ? 0 : 1;
}

/** What is left of a night's work, for so many minutes at most; then what was done of it in all. */
async function runNight(): Promise<number> {
  const night = openNight(commitOf(projectFolder));
  const parts = wanted(nightParts);
  const left = parts.filter(({ part = "" }) => !night.isDone(part));
  const until = performance.now() + Number(values.minutes ?? "Infinity") * 60_000;
  let failures = 0;
  for (const part of left) {
    if (performance.now() > until) break;
    failures += await runLevels([part], ({ part: name = "" }, done) => night.note(name, done));
  }
  const done = parts.filter(({ part = "" }) => night.isDone(part));
  console.log(`${done.length} of ${parts.length} parts are done: ${night.path}`);
  for (const [name, counts] of night.totals()) console.log(`${name.padEnd(46)} ${tell(counts)}`);
  return failures === 0 ? 0 : 1;
}

function row({ name, what }: Level, { counts, failure, skipped }: Done, seconds: number): string {
  const outcome = failure !== null ? "FAILED" : skipped !== null ? `not run: ${skipped}` : "passed";
  return [
    ...[name.padEnd(4), what.padEnd(40), `${seconds.toFixed(0)} s`.padStart(7)],
    ...[outcome, tell(counts)],
  ]
    .join("  ")
    .trimEnd();
}

function tell(counts: Counts): string {
  return Object.entries(counts)
    .map(([name, number]) => `${number} ${name}`)
    .join(", ");
}

async function runMutants(names: string | undefined): Promise<number> {
  let unseen = 0;
  for (const mutant of mutantsNamed(names)) {
    const { level, counts, seconds, symptom } = await catchMutant(mutant);
    if (level === null) unseen += 1;
    const seen = level === null ? "NOT SEEN" : level;
    console.log(`| ${[mutant.name, seen, tell(counts), `${seconds} s`, symptom].join(" | ")} |`);
  }
  if (unseen > 0) console.log(`${unseen} were not seen`);
  return unseen === 0 ? 0 : 1;
}
