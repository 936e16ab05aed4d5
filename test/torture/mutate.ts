import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Level, simulated, tested } from "./levels.ts";
import { type Mutant, mutants } from "./mutants/index.ts";

const projectFolder = join(import.meta.dir, "../..");
const copied = ["src", "test", "scripts", "package.json", "package-lock.json", "tsconfig.json"];

/** What it took to see a mistake. */
export interface Caught {
  readonly mutant: Mutant;
  /** Null: no level saw it. */
  readonly level: string | null;
  readonly counts: string;
  readonly seconds: number;
  /** Its first words. */
  readonly symptom: string;
}

/** Runs the levels on a copy of the tree with one mistake in it, until one of them sees it. */
export async function catchMutant(
  mutant: Mutant,
  levels: readonly Level[] = levelsFor(mutant),
): Promise<Caught> {
  const tree = mkdtempSync(join(tmpdir(), "berth-mutant-"));
  const started = performance.now();
  try {
    for (const path of copied)
      cpSync(join(projectFolder, path), join(tree, path), { recursive: true });
    symlinkSync(join(projectFolder, "node_modules"), join(tree, "node_modules"));
    applyPatch(tree, mutant);
    for (const level of levels) {
      const { counts, failure } = await level.run(tree);
      if (failure === null) continue;
      const seconds = Math.round((performance.now() - started) / 1000);
      const symptom = firstWords(failure);
      return { mutant, level: `${level.name}: ${level.what}`, counts, seconds, symptom };
    }
    const seconds = Math.round((performance.now() - started) / 1000);
    return { mutant, level: null, counts: "", seconds, symptom: "" };
  } finally {
    rmSync(tree, { recursive: true, force: true });
  }
}

export function mutantsNamed(name: string | undefined): readonly Mutant[] {
  const found = mutants.filter((mutant) => name === undefined || mutant.name === name);
  if (found.length === 0) throw new Error(`no mutant is named ${name}`);
  return found;
}

function applyPatch(tree: string, { name }: Mutant): void {
  const patch = join(projectFolder, "test/torture/mutants", `${name}.patch`);
  const applied = spawnSync("git", ["apply", "--whitespace=nowarn", patch], { cwd: tree });
  if (applied.status !== 0) throw new Error(`${name} does not apply: ${applied.stderr.toString()}`);
}

/** Those that can see it, the quick ones first. */
function levelsFor({ visibleUnder }: Mutant): readonly Level[] {
  const seeds = simulated(500, 1, false);
  const races = tested("GC", "garbage collection held at each step", ["gc/races"], {});
  const graphs = tested("GC", "random graphs against an oracle", ["gc/graphs"], {});
  const nodes = ["faults/tag-moves", "faults/upload-takeover", "faults/node-troubles"].map((file) =>
    tested("L4", file, [file], {}),
  );
  switch (visibleUnder) {
    case "power loss":
      return [
        seeds,
        tested("L2", "the order of syncs and answers", ["faults/sync-order"], {}),
        tested("disk", "errors of the disk", ["faults/disk-errors"], {}),
        tested("L3", "power losses on ext4", ["faults/power-loss"], {
          BERTH_TEST_POWER_LOSSES: "30",
        }),
      ];
    case "kill":
      return [
        seeds,
        tested("L2", "a kill at each system call of a change", ["faults/syscall-kills"], {}),
        tested("L1", "the real program, killed at random", ["faults/kill-9"], {}),
      ];
    case "nodes":
      return [seeds, races, graphs, ...nodes];
    default:
      return [seeds, races, graphs];
  }
}

function firstWords(failure: string): string {
  const lines = failure.split("\n").map((line) => line.trim());
  const told = lines.find((line) => line.startsWith("error:")) ?? lines[1] ?? lines[0] ?? "";
  return told.slice(0, 120);
}
