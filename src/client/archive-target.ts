import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Digest, hexOf } from "../oci/digest.ts";
import { parseManifest } from "../oci/manifest.ts";
import { ClientError } from "./client-error.ts";
import type { ImageTarget } from "./image-store.ts";
import { blobPath } from "./layout-source.ts";
import { layoutTarget } from "./layout-target.ts";
import type { StoredManifest } from "./stored-manifest.ts";
import { type TarFile, writeTar } from "./write-tar.ts";

/**
 * An OCI image layout as one tar archive. Until it is whole it is a folder beside it, where another run goes on,
 * be it with another image: what this one does not have stays out of the archive.
 */
export function ociArchiveTarget(path: string): ImageTarget {
  assertFree(path);
  const folder = `${path}.partial`;
  const target = layoutTarget(folder);
  rmSync(join(folder, "index.json"), { force: true });
  const digests = new Set<Digest>();
  return {
    ...target,
    name: path,
    hasBlob(blob) {
      digests.add(blob.digest);
      return target.hasBlob(blob);
    },
    async putBlob(blob, ...how) {
      digests.add(blob.digest);
      return await target.putBlob(blob, ...how);
    },
    async putManifest(manifest, place) {
      digests.add(manifest.digest);
      await target.putManifest(manifest, place);
    },
    async finish() {
      await target.finish();
      // Readers find out by the first one what the archive is.
      const names = ["oci-layout", ...[...digests].map(blobPath).sort(), "index.json"];
      const files = names.map((name) => ({ path: name, content: Bun.file(join(folder, name)) }));
      // Another run may have made it meanwhile.
      assertFree(path);
      await writeTar(path, files);
      rmSync(folder, { recursive: true });
    },
  };
}

/** What `docker load` reads: one image of one platform, with its names. */
export function dockerArchiveTarget(path: string, names: readonly string[]): ImageTarget {
  assertFree(path);
  const folder = `${path}.partial`;
  const target = layoutTarget(folder);
  let image: StoredManifest | null = null;
  return {
    ...target,
    name: path,
    async putManifest(manifest, { isWhole, subject }) {
      if (image !== null || !isWhole || subject !== null) throw onlyOne(path);
      image = manifest;
    },
    async finish() {
      if (image === null) throw onlyOne(path);
      const parsed = parseManifest(image.bytes, image.mediaType);
      if (parsed.kind !== "image") throw onlyOne(path);
      const fileOf = (digest: Digest) => Bun.file(join(folder, blobPath(digest)));
      const config = `${hexOf(parsed.config.digest)}.json`;
      const layers = [...new Set(parsed.layers.map(({ digest }) => digest))];
      const pathOf = (digest: Digest) => `${hexOf(digest)}.tar`;
      const list = [
        {
          Config: config,
          RepoTags: names,
          Layers: parsed.layers.map(({ digest }) => pathOf(digest)),
        },
      ];
      const files: TarFile[] = [
        { path: config, content: fileOf(parsed.config.digest) },
        ...layers.map((digest) => ({ path: pathOf(digest), content: fileOf(digest) })),
        { path: "manifest.json", content: new Blob([JSON.stringify(list)]) },
      ];
      // Another run may have made it meanwhile.
      assertFree(path);
      await writeTar(path, files);
      rmSync(folder, { recursive: true });
    },
  };
}

function onlyOne(path: string): ClientError {
  return new ClientError(
    `${path}: an archive for docker holds one image of one platform: choose it with --platform`,
  );
}

function assertFree(path: string): void {
  if (existsSync(path)) {
    throw new ClientError(`${path} is there already: remove it, or choose another name`, 409);
  }
}
