import { assert } from "../lib/assert.ts";
import type { Digest } from "../oci/digest.ts";
import type { Reference } from "../oci/reference.ts";
import { formatReference } from "../oci/reference.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { Registry } from "./registry.ts";
import { unknownRepository } from "./unknown.ts";

export interface PulledManifest {
  readonly repositoryId: string;
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/**
 * The manifest as it was pushed, and by tag or for a push (`reliedOn`) only once it is certain: what
 * a power cut would still undo is neither shown nor denied before it is durable. By digest a reader
 * needs no such wait, nor a disk that still syncs. Where nothing has to be waited for the answer
 * comes at once, which matters at tens of thousands of pulls a second.
 */
export function pullManifest(
  registry: Registry,
  repository: RepositoryName,
  reference: Reference,
  reliedOn: boolean,
): PulledManifest | Promise<PulledManifest> {
  const found = findManifest(registry, repository, reference);
  const settled = reliedOn || reference.kind === "tag" ? registry.db.settled() : null;
  if (settled === null) return found ?? refuse(registry, repository, reference);
  return settled.then(() => found ?? refuse(registry, repository, reference));
}

function findManifest(
  registry: Registry,
  repository: RepositoryName,
  reference: Reference,
): PulledManifest | null {
  const { reads } = registry;
  const found =
    reference.kind === "tag"
      ? reads.manifestByTag(repository, reference.tag)
      : reads.manifestByDigest(repository, reference.digest);
  if (found === null) return null;
  let bytes = registry.manifestCache.get(found.digest);
  if (bytes === undefined) {
    const row = reads.manifestBytes(found.repository_id, found.digest);
    assert(row !== null, `manifest ${found.digest} went away while it was read`);
    bytes = row.bytes;
    registry.manifestCache.set(found.digest, bytes);
  }
  return {
    repositoryId: found.repository_id,
    digest: found.digest,
    mediaType: found.media_type,
    bytes,
  };
}

function refuse(registry: Registry, repository: RepositoryName, reference: Reference): never {
  if (registry.reads.repositoryId(repository) === null) throw unknownRepository(repository);
  const name = formatReference(reference);
  throw new RegistryError("MANIFEST_UNKNOWN", {
    message: `the repository ${repository} has no manifest ${name}`,
    detail: { repository, reference: name },
  });
}
