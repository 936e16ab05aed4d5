import { createLog, type Log } from "../../src/platform/log.ts";

/** A log whose lines, of this level and above, a test may look at. */
export function createCapturedLog(level: "info" | "warn" = "warn"): {
  readonly log: Log;
  readonly logged: () => string;
} {
  let lines = "";
  const log = createLog({
    format: "text",
    level,
    write: (more) => {
      lines += more;
    },
  });
  return {
    log,
    logged() {
      log.flush();
      return lines;
    },
  };
}
