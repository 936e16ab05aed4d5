import { describe } from "bun:test";
import { spawnSync } from "node:child_process";
import { accessSync } from "node:fs";
import { Glob } from "bun";
import { whyNoPostgres } from "../../support/postgres.ts";

/** What a machine must have for a fault to be made on it. */
export type Requirement = "linux" | "strace" | "loop devices" | "libfaketime" | "PostgreSQL";

/** Why the requirement is not met here; null when it is. */
function missing(requirement: Requirement): string | null {
  switch (requirement) {
    case "linux":
      return process.platform === "linux" ? null : `this is ${process.platform}, not linux`;
    case "strace":
      return spawnSync("strace", ["-V"]).status === 0 ? null : "strace is not installed";
    case "libfaketime":
      return faketimeLibrary() === null ? "faketime is not installed" : null;
    case "PostgreSQL":
      return whyNoPostgres();
    case "loop devices":
      if (process.getuid?.() !== 0) return "loop devices need root";
      if (spawnSync("mkfs.ext4", ["-V"]).status !== 0) return "mkfs.ext4 is not installed";
      try {
        accessSync("/dev/loop-control");
        return null;
      } catch {
        return "there is no /dev/loop-control";
      }
  }
}

/** Gives the programs that load it another time. */
export function faketimeLibrary(): string | null {
  const name = "*/faketime/libfaketime.so.1";
  for (const path of new Glob(name).scanSync({ cwd: "/usr/lib" })) return `/usr/lib/${path}`;
  return null;
}

/**
 * `describe` for tests that need more than Bun: elsewhere they are skipped, with the reason in their
 * name. In continuous integration (`CI=true`) a missing tool is an error.
 */
export function describeFaults(
  name: string,
  requirements: readonly Requirement[],
  body: () => void,
): void {
  const reasons = requirements.map(missing).filter((reason) => reason !== null);
  if (reasons.length === 0) {
    describe(name, body);
    return;
  }
  if (inCi) throw new Error(`${name} cannot run: ${reasons.join(", ")}`);
  describe.skip(`${name} (skipped: ${reasons.join(", ")})`, body);
}

export const inCi = process.env["CI"] === "true";

/** A whole number from the environment, where it is set. */
export function numberFrom(variable: string, byDefault: number): number {
  const text = process.env[variable];
  if (text === undefined || text === "") return byDefault;
  if (!/^\d+$/.test(text)) throw new Error(`${variable} must be a whole number, not ${text}`);
  return Number(text);
}
