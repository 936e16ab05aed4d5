import { readlinkSync } from "node:fs";
import { setPriority } from "node:os";
import { basename } from "node:path";

/**
 * Gives the calling thread another niceness than the rest of the process, as Linux can: it schedules
 * each thread by itself (setpriority(2), NOTES). Elsewhere the thread takes its share.
 */
export function standBack(niceness: number): void {
  try {
    setPriority(Number(basename(readlinkSync("/proc/thread-self"))), niceness);
  } catch {
    // No such folder, or nobody may: it is slower for others, and otherwise the same.
  }
}
