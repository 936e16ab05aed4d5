import { createHash } from "node:crypto";
import type { BlobKey } from "../blobs/blob-store.ts";
import { isDigest } from "../oci/digest.ts";
import { type BackupManifest, pathsOf } from "./backup-manifest.ts";
import { type BackupTarget, chunksOf } from "./backup-target.ts";
import type { BlobPlace } from "./snapshot-store.ts";

/** The list of a backup is not as it was written. */
export class DamagedListError extends Error {
  override name = "DamagedListError";
}

/** The lines of a backup's list; at the end it must be the list that the manifest names. */
export async function* readList(
  target: BackupTarget,
  { name, list }: BackupManifest,
): AsyncGenerator<BlobPlace> {
  const path = pathsOf(name).list;
  const stream = await target.read(path);
  if (stream === null) throw new DamagedListError(`the list of blobs ${path} is not there`);
  const hasher = createHash("sha256");
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of chunksOf(stream)) {
    hasher.update(chunk);
    text += decoder.decode(chunk, { stream: true });
    const lines = text.split("\n");
    text = lines.pop() ?? "";
    for (const line of lines) {
      const blob = parseLine(line);
      if (blob !== null) yield blob;
    }
  }
  if (hasher.digest("hex") !== list.sha256) {
    throw new DamagedListError(`the list of blobs ${path} is damaged`);
  }
}

/** Null where the line is damaged: the hash of the list tells. */
function parseLine(line: string): BlobPlace | null {
  const [digest = "", size = "", key = ""] = line.split(" ");
  if (!isDigest(digest) || !/^\d+$/.test(size) || key === "") return null;
  return { digest, size: Number(size), key: key as BlobKey };
}
