import { algorithmOf, type Digest, hexOf, isDigest } from "../oci/digest.ts";

/** Hexadecimal digits of a name: an archive takes no longer ones. */
const nameLengthMax = 64;

/** Where a target keeps a blob: `blobs/sha256/ab/ab12...`. A sha512 is cut in two. */
export function blobPath(digest: Digest): string {
  const hex = hexOf(digest);
  const rest = hex.slice(nameLengthMax);
  const name = rest === "" ? hex : `${hex.slice(0, nameLengthMax)}/${rest}`;
  return `${shardOf(digest)}/${name}`;
}

/** The folder that has the blob, with those whose digests begin alike. */
export function shardOf(digest: Digest): string {
  return `blobs/${algorithmOf(digest)}/${hexOf(digest).slice(0, 2)}`;
}

/** Null where the path is none of a blob. */
export function digestOfPath(path: string): Digest | null {
  const [blobs, algorithm, , ...hex] = path.split("/");
  const digest = `${algorithm}:${hex.join("")}`;
  return blobs === "blobs" && isDigest(digest) && blobPath(digest) === path ? digest : null;
}
