import { assert } from "../lib/assert.ts";
import type { Digest } from "../oci/digest.ts";
import type { Reference } from "../oci/reference.ts";
import { formatReference } from "../oci/reference.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { Registry } from "./registry.ts";

export interface PulledManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/**
 * The manifest as it was pushed. Null instead of a promise is never returned; where nothing has to
 * be waited for the answer comes at once, which matters at tens of thousands of pulls a second.
 */
export function pullManifest(
  registry: Registry,
  repository: RepositoryName,
  reference: Reference,
): PulledManifest | Promise<PulledManifest> {
  const { reads, db } = registry;
  const found =
    reference.kind === "tag"
      ? reads.manifestByTag(repository, reference.tag)
      : reads.manifestByDigest(repository, reference.digest);
  if (found === null) throw unknownManifest(registry, repository, reference);
  let bytes = registry.manifestCache.get(found.digest);
  if (bytes === undefined) {
    const row = reads.manifestBytes(found.repository_id, found.digest);
    assert(row !== null, `manifest ${found.digest} went away while it was read`);
    bytes = row.bytes;
    registry.manifestCache.set(found.digest, bytes);
  }
  const manifest = { digest: found.digest, mediaType: found.media_type, bytes };
  // The row may come from a commit that a power cut would still undo.
  const settled = db.settled();
  return settled === null ? manifest : settled.then(() => manifest);
}

function unknownManifest(
  registry: Registry,
  repository: RepositoryName,
  reference: Reference,
): RegistryError {
  if (registry.reads.repositoryId(repository) === null) return unknownRepository(repository);
  const name = formatReference(reference);
  return new RegistryError("MANIFEST_UNKNOWN", {
    message: `the repository ${repository} has no manifest ${name}`,
    detail: { repository, reference: name },
  });
}

export function unknownRepository(repository: RepositoryName): RegistryError {
  return new RegistryError("NAME_UNKNOWN", {
    message: `there is no repository ${repository}`,
    detail: { repository },
  });
}
