import { openTar } from "./file-tree.ts";

/** What an archive is by what is in it: docker's own hold a layout as well, from version 25 on. */
export function archiveKind(path: string): "oci-archive" | "docker-archive" {
  const tree = openTar(path);
  return tree.file("manifest.json") === null && tree.file("index.json") !== null
    ? "oci-archive"
    : "docker-archive";
}
