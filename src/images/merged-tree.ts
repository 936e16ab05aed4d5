import { letOthersRun } from "../lib/let-others-run.ts";
import type { Digest } from "../oci/digest.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { hiddenBy, type LayerFile, pathParts } from "./layer-file.ts";
import type { LayerIndex } from "./layer-index-store.ts";

/** Files of an image that are held at once, and files between which others get their turn. */
const treeFilesMax = 1_000_000;
const atOnce = 5_000;
/** Characters of the paths and links that all layers of an image have, also where a later one hides them. */
const namesMax = 256 * 1024 ** 2;

/** What lies in an image, as whoever runs it sees it. Keys are paths. */
export type Tree = Map<string, LayerFile>;

/** Lays the layers over each other, from the bottom up (image-spec layer.md §Applying Changesets). */
export async function mergedTree(
  layers: readonly Digest[],
  open: (layer: Digest) => Promise<LayerIndex>,
): Promise<Tree> {
  const tree: Tree = new Map();
  /** Names in each directory, for what is removed with it. */
  const names = new Map<string, Set<string>>();
  const taken = { names: 0 };
  for (const layer of layers) {
    const index = await open(layer);
    try {
      await apply(tree, names, taken, index);
    } finally {
      index.close();
    }
  }
  return tree;
}

async function apply(
  tree: Tree,
  names: Map<string, Set<string>>,
  taken: { names: number },
  index: LayerIndex,
) {
  // What is below is hidden before anything of this layer is there. It is read twice, for it is not held.
  let seen = 0;
  for (const file of index.all()) {
    if (++seen % atOnce === 0) await letOthersRun();
    if (file.kind === "opaque") removeIn(tree, names, file.parent);
    else if (file.kind === "whiteout") remove(tree, names, file.parent, hiddenBy(file.name));
  }
  const links: string[] = [];
  // A directory comes before what is in it, since its key is shorter.
  for (const file of index.all()) {
    if (++seen % atOnce === 0) await letOthersRun();
    if (file.kind === "opaque" || file.kind === "whiteout") continue;
    taken.names += file.parent.length + file.name.length + (file.link?.length ?? 0);
    if (taken.names > namesMax) {
      throw tooLarge(`the paths of the image have more than ${namesMax} characters`);
    }
    put(tree, names, file);
    if (file.kind === "hardlink") links.push(joined(file.parent, file.name));
    if (tree.size > treeFilesMax) {
      throw tooLarge(`the image has more than ${treeFilesMax} files`);
    }
  }
  // What a later layer does to the other name is nothing to this one.
  for (const path of links) resolve(tree, path);
}

function tooLarge(why: string): RegistryError {
  return new RegistryError("UNSUPPORTED", { status: 422, message: `${why}, too many to compare` });
}

/** Hard links that lead to one another. */
const hopsMax = 8;

function resolve(tree: Tree, path: string): void {
  const link = tree.get(path);
  let target = link;
  for (let hops = 0; target?.kind === "hardlink" && hops < hopsMax; hops++) {
    target = tree.get((pathParts(target.link ?? "") ?? []).join("/"));
  }
  if (link === undefined || target === undefined || target.kind === "hardlink") return;
  tree.set(path, { ...target, parent: link.parent, name: link.name });
}

function put(tree: Tree, names: Map<string, Set<string>>, file: LayerFile): void {
  const path = joined(file.parent, file.name);
  const below = tree.get(path);
  if (below?.kind === "directory") {
    if (file.kind !== "directory") removeIn(tree, names, path);
    // Only something in it is new.
    else if (file.mode === null) return;
  }
  tree.set(path, file);
  const siblings = names.get(file.parent);
  if (siblings === undefined) names.set(file.parent, new Set([file.name]));
  else siblings.add(file.name);
}

function remove(tree: Tree, names: Map<string, Set<string>>, parent: string, name: string): void {
  const path = joined(parent, name);
  if (tree.get(path)?.kind === "directory") removeIn(tree, names, path);
  tree.delete(path);
  names.get(parent)?.delete(name);
}

function removeIn(tree: Tree, names: Map<string, Set<string>>, path: string): void {
  for (const name of names.get(path) ?? []) remove(tree, names, path, name);
  names.delete(path);
}

export function joined(parent: string, name: string): string {
  return parent === "" ? name : `${parent}/${name}`;
}
