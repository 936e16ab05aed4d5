import { readFileSync } from "node:fs";
import { basename } from "node:path";

/** By which name this process was called: a link may have another than the file. */
export function programName(): string {
  try {
    const [first = ""] = readFileSync("/proc/self/cmdline", "utf8").split("\0");
    return basename(first);
  } catch {
    return "";
  }
}
