import { describe } from "bun:test";
import { spawnSync } from "node:child_process";
import { accessSync, existsSync, readFileSync } from "node:fs";
import { Glob } from "bun";
import { whyNoPostgres } from "../../support/postgres.ts";

/** What a machine must have for a fault to be made on it. */
type Requirement =
  | "linux"
  | "strace"
  | "loop devices"
  | "xfs"
  | "btrfs"
  | "libfaketime"
  | "PostgreSQL";

/** Begins what no installation can mend. */
const ofKernel = "this kernel has";

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
    case "btrfs":
      if (spawnSync("mkfs.btrfs", ["-V"]).status !== 0) return "mkfs.btrfs is not installed";
      // Without it, to mount a copy would be to mount what it was copied from.
      return existsSync("/sys/fs/btrfs/features/temp_fsid")
        ? null
        : `${ofKernel} no btrfs of which copies can be mounted`;
    case "xfs":
      if (spawnSync("mkfs.xfs", ["-V"]).status !== 0) return "mkfs.xfs is not installed";
      return /\bxfs\b/.test(readFileSync("/proc/filesystems", "utf8"))
        ? null
        : `${ofKernel} no xfs`;
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
 * name. In continuous integration (`CI=true`) a missing tool is an error; what the kernel lacks is not.
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
  if (inCi && !reasons.every((reason) => reason.startsWith(ofKernel))) {
    throw new Error(`${name} cannot run: ${reasons.join(", ")}`);
  }
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
