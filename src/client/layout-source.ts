import { algorithmOf, type Digest, hexOf, isDigest } from "../oci/digest.ts";
import { ClientError } from "./client-error.ts";
import type { FileTree } from "./file-tree.ts";
import type { ImageSource } from "./image-store.ts";
import { isRecord, type JsonRecord } from "./json-file.ts";
import { type StoredManifest, toStoredManifest } from "./stored-manifest.ts";

export const refNameAnnotation = "org.opencontainers.image.ref.name";

/** Images of an OCI image layout (image-spec image-layout.md), in a folder or in an archive. */
export function layoutSource(tree: FileTree): ImageSource {
  const bytesOf = async (digest: Digest) => {
    const file = tree.file(blobPath(digest));
    return file === null ? null : new Uint8Array(await file.arrayBuffer());
  };

  async function byDescriptor(entry: JsonRecord): Promise<StoredManifest | null> {
    const digest = String(entry["digest"]);
    if (!isDigest(digest)) throw new ClientError(`${tree.name}: index.json names ${digest}`);
    const bytes = await bytesOf(digest);
    if (bytes === null) throw new ClientError(`${tree.name} has no blob ${digest}`);
    const type = entry["mediaType"];
    return toStoredManifest(bytes, typeof type === "string" ? type : null, digest, tree.name);
  }

  return {
    name: tree.name,
    async manifest(reference) {
      const entries = await readLayoutIndex(tree);
      if (reference !== null && isDigest(reference)) {
        const listed = entries.find((entry) => entry["digest"] === reference);
        if (listed !== undefined) return await byDescriptor(listed);
        const bytes = await bytesOf(reference);
        return bytes === null ? null : toStoredManifest(bytes, null, reference, tree.name);
      }
      const named = entries.filter((entry) => reference === null || nameOf(entry) === reference);
      const [first, ...more] = named;
      if (first === undefined) return null;
      if (more.length === 0) return await byDescriptor(first);
      const names = named.map((entry) => nameOf(entry) ?? String(entry["digest"]));
      throw new ClientError(
        `${tree.name} has ${named.length} images, name one: ${names.join(", ")}`,
      );
    },
    async referrers(digest) {
      const found: JsonRecord[] = [];
      for (const entry of await readLayoutIndex(tree)) {
        const manifest = await byDescriptor(entry);
        const body: unknown = JSON.parse(Buffer.from(manifest?.bytes ?? "{}").toString("utf8"));
        const subject = isRecord(body) ? body["subject"] : null;
        if (isRecord(subject) && subject["digest"] === digest) found.push(entry);
      }
      return found;
    },
    async blob({ digest, sizeBytes }, from) {
      const file = tree.file(blobPath(digest));
      if (file === null) throw new ClientError(`${tree.name} has no blob ${digest}`);
      if (file.size !== sizeBytes) {
        throw new ClientError(`${tree.name}: ${digest} has ${file.size} bytes, not ${sizeBytes}`);
      }
      return file.slice(from).stream();
    },
    close() {},
  };
}

export function blobPath(digest: Digest): string {
  return `blobs/${algorithmOf(digest)}/${hexOf(digest)}`;
}

/** Entries of `index.json`; none where there is no such file. */
export async function readLayoutIndex(tree: FileTree): Promise<JsonRecord[]> {
  const file = tree.file("index.json");
  if (file === null) return [];
  let body: unknown;
  try {
    body = JSON.parse(await file.text());
  } catch {
    body = null;
  }
  const manifests = isRecord(body) ? body["manifests"] : null;
  if (!Array.isArray(manifests))
    throw new ClientError(`${tree.name}: index.json is no image index`);
  return manifests.filter(isRecord);
}

export function nameOf(entry: JsonRecord): string | null {
  const { annotations } = entry;
  const name = isRecord(annotations) ? annotations[refNameAnnotation] : null;
  return typeof name === "string" ? name : null;
}
