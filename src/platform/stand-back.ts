import { readlinkSync } from "node:fs";
import { constants, setPriority } from "node:os";
import { basename } from "node:path";

/**
 * Puts the calling thread behind all others, as Linux can: it schedules each thread by itself
 * (setpriority(2), NOTES). Elsewhere the thread takes its share.
 */
export function standBack(): void {
  try {
    setPriority(
      Number(basename(readlinkSync("/proc/thread-self"))),
      constants.priority.PRIORITY_LOW,
    );
  } catch {
    // No such folder, or nobody may: it is slower for others, and otherwise the same.
  }
}
