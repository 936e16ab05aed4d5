import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Counts, type Level, simulated, soaked, tested } from "./levels.ts";
import { type Mutant, mutants } from "./mutants/index.ts";
import { projectFolder } from "./run-seeds.ts";

const copied = [
  ...["src", "test", "scripts", "bench", "web"],
  ...["package.json", "package-lock.json", "tsconfig.json"],
];

/** What it took to see a mistake. */
export interface Caught {
  readonly mutant: Mutant;
  /** Null: no level saw it. */
  readonly level: string | null;
  readonly counts: Counts;
  readonly seconds: number;
  /** Its first words. */
  readonly symptom: string;
}

/** Runs the levels on a copy of the tree with one mistake in it, until one of them sees it. */
export async function catchMutant(mutant: Mutant): Promise<Caught> {
  const tree = mkdtempSync(join(tmpdir(), "berth-mutant-"));
  // A PostgreSQL that root starts runs as somebody else.
  chmodSync(tree, 0o755);
  const started = performance.now();
  try {
    for (const path of copied)
      cpSync(join(projectFolder, path), join(tree, path), { recursive: true });
    symlinkSync(join(projectFolder, "node_modules"), join(tree, "node_modules"));
    applyPatch(tree, mutant);
    for (const level of mutant.seenBy.map(levelNamed)) {
      const { counts, failure } = await level.run(tree);
      if (failure === null) continue;
      if (failure.includes("Cannot find module"))
        throw new Error(`a file was not copied: ${failure}`);
      const seconds = Math.round((performance.now() - started) / 1000);
      const symptom = firstWords(failure);
      return { mutant, level: level.name, counts, seconds, symptom };
    }
    const seconds = Math.round((performance.now() - started) / 1000);
    return { mutant, level: null, counts: {}, seconds, symptom: "" };
  } finally {
    rmSync(tree, { recursive: true, force: true });
  }
}

/** `names`: one, or several with commas between them; all where it is not given. */
export function mutantsNamed(names: string | undefined): readonly Mutant[] {
  if (names === undefined) return mutants;
  return names.split(",").map((name) => {
    const found = mutants.find((mutant) => mutant.name === name);
    if (found === undefined) throw new Error(`no mutant is named ${name}`);
    return found;
  });
}

function applyPatch(tree: string, { name }: Mutant): void {
  const patch = join(projectFolder, "test/torture/mutants", `${name}.patch`);
  const applied = spawnSync("git", ["apply", "--whitespace=nowarn", patch], { cwd: tree });
  if (applied.status !== 0) throw new Error(`${name} does not apply: ${applied.stderr.toString()}`);
}

function levelNamed(name: string): Level {
  switch (name) {
    case "L0":
      return simulated(500, 1, false);
    case "L5":
      return soaked({ operations: 10_000, seconds: 0 }, 1);
    default:
      return tested(name, "", [name]);
  }
}

function firstWords(failure: string): string {
  const lines = failure.split("\n").map((line) => line.trim());
  const told = lines.find((line) => line.startsWith("error:")) ?? lines[1] ?? lines[0] ?? "";
  return told.slice(0, 120);
}
