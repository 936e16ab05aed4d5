import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";
import { type Done, type Level, levelsOf } from "./levels.ts";
import { catchMutant, mutantsNamed } from "./mutate.ts";
import { runSeeds } from "./run-seeds.ts";

// npm run torture                      what a change has to pass
// npm run torture -- --night           the same for a night
// npm run torture -- --only L0         one level of it
// npm run torture -- --seed N          one seed of L0, with what it did
// npm run torture -- --mutants [--only NAME]   whether known mistakes are seen

const { values } = parseArgs({
  options: {
    night: { type: "boolean", default: false },
    mutants: { type: "boolean", default: false },
    only: { type: "string" },
    seed: { type: "string" },
    first: { type: "string", default: "1001" },
  },
});

if (values.seed !== undefined) process.exit(await runOneSeed(Number(values.seed)));
if (values.mutants) process.exit(await runMutants(values.only));
process.exit(await runLevels());

async function runOneSeed(seed: number): Promise<number> {
  const { runs, failure } = await runSeeds({ first: seed, count: 1, workers: 1 });
  console.log(failure ?? JSON.stringify(runs[0]));
  return failure === null ? 0 : 1;
}

async function runLevels(): Promise<number> {
  const levels = levelsOf(values.night ? "night" : "usual", Number(values.first)).filter(
    ({ name }) => values.only === undefined || name === values.only,
  );
  if (levels.length === 0) throw new Error(`there is no level ${values.only}`);
  console.log(`commit ${commit()}, seeds from ${values.first}`);
  let failures = 0;
  for (const level of levels) {
    const started = performance.now();
    const done = await level.run();
    console.log(row(level, done, (performance.now() - started) / 1000));
    if (done.failure === null) continue;
    failures += 1;
    console.log(done.failure);
  }
  console.log(failures === 0 ? "nothing was lost" : `${failures} of ${levels.length} failed`);
  return failures === 0 ? 0 : 1;
}

function row({ name, what }: Level, { counts, failure, skipped }: Done, seconds: number): string {
  const outcome = failure !== null ? "FAILED" : skipped !== null ? `not run: ${skipped}` : "passed";
  return [name.padEnd(4), what.padEnd(42), `${seconds.toFixed(0)} s`.padStart(7), outcome, counts]
    .join("  ")
    .trimEnd();
}

async function runMutants(name: string | undefined): Promise<number> {
  let unseen = 0;
  for (const mutant of mutantsNamed(name)) {
    const { level, counts, seconds, symptom } = await catchMutant(mutant);
    if (level === null) unseen += 1;
    const seen = level === null ? "NOT SEEN" : `${level} (${counts})`;
    console.log(`${mutant.name.padEnd(36)} ${`${seconds} s`.padStart(6)}  ${seen}  ${symptom}`);
  }
  if (unseen > 0) console.log(`${unseen} were not seen`);
  return unseen === 0 ? 0 : 1;
}

function commit(): string {
  return spawnSync("git", ["rev-parse", "--short", "HEAD"]).stdout.toString().trim();
}
