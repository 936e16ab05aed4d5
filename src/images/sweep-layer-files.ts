import fs from "node:fs";
import { join } from "node:path";
import type { Management } from "../access/endpoint.ts";
import { knownBlobs } from "./image-store.ts";
import { layerFilesFolder, layerOfFile } from "./layer-files.ts";

/** Files that one query asks for. */
const batch = 200;

/**
 * Removes what this node's folder says of layers whose blobs were collected: names of files may be what somebody
 * wants gone. Returns how many went.
 */
export async function sweepLayerFiles(
  { db, config }: Pick<Management, "db"> & { readonly config: { readonly data: string } },
  signal: AbortSignal,
): Promise<number> {
  const folder = layerFilesFolder(config);
  const files = (await fs.promises.readdir(folder).catch(() => [])).flatMap((name) => {
    const digest = layerOfFile(name);
    return digest === null ? [] : [{ path: join(folder, name), digest }];
  });
  let removed = 0;
  for (let at = 0; at < files.length && !signal.aborted; at += batch) {
    const some = files.slice(at, at + batch);
    const known = await knownBlobs(
      db,
      some.map(({ digest }) => digest),
    );
    for (const { path } of some.filter(({ digest }) => !known.has(digest))) {
      await fs.promises.rm(path, { force: true });
      removed += 1;
    }
  }
  return removed;
}
