import { letOthersRun } from "../lib/let-others-run.ts";
import type { LayerFile } from "./layer-file.ts";
import type { Tree } from "./merged-tree.ts";

/** Paths that are compared before others get their turn. */
const atOnce = 20_000;

export interface FileDifference {
  readonly path: string;
  readonly change: "added" | "removed" | "changed";
  readonly from: LayerFile | null;
  readonly to: LayerFile | null;
}

/**
 * What `diff -r --no-dereference` finds between the two unpacked: files whose bytes differ, links that point
 * elsewhere, things of another kind. Owners, modes and times do not count. What lies in a directory
 * that only one has goes without saying, as there.
 */
export async function compareTrees(from: Tree, to: Tree): Promise<FileDifference[]> {
  const found: FileDifference[] = [];
  let seen = 0;
  for (const [path, before] of from) {
    if (++seen % atOnce === 0) await letOthersRun();
    const after = to.get(path) ?? null;
    if (after === null) {
      if (isTopmost(from, to, path))
        found.push({ path, change: "removed", from: before, to: null });
    } else if (!isSame(before, after)) {
      found.push({ path, change: "changed", from: before, to: after });
    }
  }
  for (const [path, after] of to) {
    if (++seen % atOnce === 0) await letOthersRun();
    if (from.has(path) || !isTopmost(to, from, path)) continue;
    found.push({ path, change: "added", from: null, to: after });
  }
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Whether the other side has the directory in which it is missing. */
function isTopmost(own: Tree, other: Tree, path: string): boolean {
  const slash = path.lastIndexOf("/");
  if (slash === -1) return true;
  const parent = path.slice(0, slash);
  return own.get(parent)?.kind === "directory" && other.get(parent)?.kind === "directory";
}

function isSame(a: LayerFile, b: LayerFile): boolean {
  if (a.kind !== b.kind) return false;
  switch (a.kind) {
    case "file":
      return a.size === b.size && a.hash === b.hash && a.hash !== null;
    case "symlink":
    case "character device":
    case "block device":
      return a.link === b.link;
    default:
      return true;
  }
}
