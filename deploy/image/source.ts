import { readFileSync } from "node:fs";
import { join } from "node:path";

/** What is built. */
export interface Source {
  readonly version: string;
  readonly description: string;
  readonly license: string;
  /** The commit; null where files differ from it, or where there is no repository. */
  readonly revision: string | null;
  /** SOURCE_DATE_EPOCH, else when the commit was made, else the beginning of 1970: never now. */
  readonly time: string;
}

export function sourceOf(folder: string): Source {
  const about = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const git = (...args: string[]) => {
    if (Bun.which("git") === null) return null;
    const { exitCode, stdout } = Bun.spawnSync(["git", "-C", folder, ...args], {
      stderr: "ignore",
    });
    return exitCode === 0 ? stdout.toString().trim() : null;
  };
  const isClean = git("status", "--porcelain") === "";
  const epochSeconds = process.env["SOURCE_DATE_EPOCH"] ?? git("log", "-1", "--format=%ct") ?? "0";
  return {
    version: about.version,
    description: about.description,
    license: about.license,
    revision: isClean ? git("rev-parse", "HEAD") : null,
    time: new Date(Number(epochSeconds) * 1000).toISOString().replace(".000Z", "Z"),
  };
}
