import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Blob, type Image, manifestType } from "../registry-client.ts";

/** Writes a repository as zot itself keeps it, an OCI image layout, before zot starts. */
export async function writeZotRepository(
  folder: string,
  repository: string,
  image: Image,
  tagged: Iterable<{ tag: string; manifest: Blob }>,
): Promise<void> {
  const root = join(folder, "data", repository);
  const blobs = join(root, "blobs", "sha256");
  mkdirSync(blobs, { recursive: true });
  const write = (blob: Blob) => {
    writeFileSync(join(blobs, blob.digest.replace("sha256:", "")), blob.bytes);
  };
  for (const blob of [image.config, ...image.layers]) write(blob);
  const manifests: object[] = [];
  for (const { tag, manifest } of tagged) {
    write(manifest);
    manifests.push({
      mediaType: manifestType,
      digest: manifest.digest,
      size: manifest.bytes.length,
      annotations: { "org.opencontainers.image.ref.name": tag },
    });
  }
  writeFileSync(join(root, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  writeFileSync(join(root, "index.json"), JSON.stringify({ schemaVersion: 2, manifests }));
}
