import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** For whoever looks into a failure. */
const folder = join(tmpdir(), "berth-torture-failures");

export interface Failure {
  /** Of what, and of which seed: a name for a folder. */
  readonly name: string;
  /** Of the program that failed. */
  readonly tree: string;
  readonly history: unknown;
  /** A data folder as it is; null: the seed makes it again. */
  readonly data: string | null;
}

/** Keeps what a failure leaves, and says of which commit it is and where it lies. */
export function keepFailure({ name, tree, history, data }: Failure): string {
  const kept = join(folder, name);
  mkdirSync(kept, { recursive: true });
  writeFileSync(join(kept, "history.json"), JSON.stringify(history, null, 1));
  // The socket of a server that was killed is no file.
  const filter = (path: string) => !statSync(path).isSocket();
  if (data !== null && existsSync(data))
    cpSync(data, join(kept, "data"), { recursive: true, filter });
  const what = data === null ? "its history is" : "its history and data are";
  return `${name} fails at commit ${commitOf(tree)}; ${what} in ${kept}`;
}

export function commitOf(tree: string): string {
  const commit = spawnSync("git", ["rev-parse", "--short", "HEAD"], { cwd: tree });
  return commit.stdout.toString().trim() || "unknown";
}
