export const fileKinds = [
  "file",
  "directory",
  "symlink",
  "hardlink",
  "character device",
  "block device",
  "fifo",
  "whiteout",
  "opaque",
] as const;

/**
 * `whiteout`: what has this name below is gone. `opaque`: whatever is below in this directory is (image-spec
 * layer.md §Whiteouts).
 */
export type FileKind = (typeof fileKinds)[number];

/** A file of a layer. */
export interface LayerFile {
  /** Without a slash at either end: `usr/bin`; empty for the root. */
  readonly parent: string;
  readonly name: string;
  readonly kind: FileKind;
  readonly size: number;
  /** Null for a directory that the archive names only as part of others. */
  readonly mode: number | null;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since 1970. */
  readonly mtime: number;
  /** Where a link points to; of a device its numbers, as `1:3`. */
  readonly link: string | null;
  /** Of a file: hex of the SHA-256 of its bytes; null where the archive does not hold them in one piece. */
  readonly hash: string | null;
  /** Where its bytes begin in the archive. */
  readonly offset: number;
}

const whiteoutMark = ".wh.";
const opaqueMark = ".wh..wh..opq";

/** What a name in a layer stands for. Others that begin so are aufs's own, and nothing to anybody. */
export function whiteoutOf(
  name: string,
): { kind: "whiteout" | "opaque" } | { name: string } | null {
  if (name === opaqueMark) return { kind: "opaque" };
  if (name.startsWith(`${whiteoutMark}${whiteoutMark}`)) return null;
  return name.startsWith(whiteoutMark) ? { kind: "whiteout" } : { name };
}

/** Of a whiteout: what it hides. */
export function hiddenBy(name: string): string {
  return name.slice(whiteoutMark.length);
}

/** The components of a path in an archive; null for one that would lead out of it. */
export function pathParts(path: string): string[] | null {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  return parts.includes("..") ? null : parts;
}
