import { chmodSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const memory = "/dev/shm";

/** A folder in memory with room for so many bytes, in which programs may be written and run; null without one. */
export function memoryFolder(bytesMin: number): string | null {
  try {
    const { bavail, bsize } = statfsSync(memory);
    return bavail * bsize >= bytesMin && runsPrograms(memory) ? memory : null;
  } catch {
    return null;
  }
}

/** Containers often mount it so that nothing there may be run. */
function runsPrograms(folder: string): boolean {
  const own = mkdtempSync(join(folder, "berth-try-"));
  try {
    const program = join(own, "program");
    writeFileSync(program, "#!/bin/sh\nexit 0\n");
    chmodSync(program, 0o700);
    return Bun.spawnSync([program]).success;
  } finally {
    rmSync(own, { recursive: true });
  }
}
