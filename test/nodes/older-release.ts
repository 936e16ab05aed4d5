import { spawnSync } from "node:child_process";
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { projectFolder, temporaryFolder } from "../faults/support/child.ts";

/** The last commit whose tables were those of before garbage collection, the trash and the past. */
const commit = "34d6fa3";
const archiveBytesMax = 64 * 1024 * 1024;

/** Why the program of that commit cannot be had: a copy of the sources need not have their history. */
export function whyNoOlderRelease(): string | null {
  const found = spawnSync("git", ["cat-file", "-e", `${commit}^{commit}`], { cwd: projectFolder });
  return found.status === 0 ? null : `the history that is here has no commit ${commit}`;
}

/** Its folder, with the packages of this one, and how to remove it. */
export async function unpackOlderRelease(): Promise<{ path: string; remove: () => void }> {
  const archived = spawnSync("git", ["archive", "--format=tar", commit], {
    cwd: projectFolder,
    maxBuffer: archiveBytesMax,
  });
  if (archived.status !== 0) throw new Error(`git archive ${commit}: ${archived.stderr}`);
  const folder = temporaryFolder();
  await new Bun.Archive(archived.stdout).extract(folder.path);
  symlinkSync(join(projectFolder, "node_modules"), join(folder.path, "node_modules"));
  return folder;
}
