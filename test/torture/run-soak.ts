import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { keepFailure } from "../support/failures.ts";
import { bunFlags, projectFolder } from "./run-seeds.ts";
import type { SoakRun, SoakWanted } from "./soak/soak.ts";

export interface SoakDone {
  readonly run: SoakRun;
  /** Null: nothing is wrong. */
  readonly failure: string | null;
}

const nothingDone = { operations: 0, requests: 0, met: 0, steps: 0, cycles: 0, days: 0 };

/** A soak in a process of its own. Of one that fails history and data are kept. */
export async function runSoak(
  { seed, operations, seconds }: SoakWanted,
  tree = projectFolder,
): Promise<SoakDone> {
  const scratch = mkdtempSync(join(tmpdir(), "berth-soak-"));
  const data = join(scratch, "data");
  try {
    const args = [data, seed, operations, seconds].map(String);
    const child = Bun.spawn([process.execPath, ...bunFlags, "test/torture/soak/run.ts", ...args], {
      ...{ cwd: tree, stdin: "ignore", stdout: "pipe", stderr: "pipe" },
    });
    const [printed, errors, code] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    const ended = [`the soak ended with exit code ${code}: ${errors.slice(-2_000)}`];
    const run: SoakRun =
      code === 0 ? JSON.parse(printed) : { ...nothingDone, violations: ended, history: [] };
    if (run.violations.length === 0) return { run, failure: null };
    const told = keepFailure({ name: `soak-${seed}`, tree, history: run, data });
    return { run, failure: [told, ...run.violations.slice(0, 5)].join("\n") };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** What was done, in numbers. */
export function tellSoak({ operations, requests, met, steps, cycles, days }: SoakRun): string {
  const share = Math.round((100 * met) / Math.max(1, requests));
  return (
    `${operations} operations in ${days} days; ${met} of ${requests} requests (${share} %) ` +
    `met one of ${steps} steps of ${cycles} garbage collections`
  );
}
