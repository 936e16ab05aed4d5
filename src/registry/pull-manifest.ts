import { chain, type MaybePromise } from "../lib/maybe-promise.ts";
import type { Digest } from "../oci/digest.ts";
import type { Reference } from "../oci/reference.ts";
import { formatReference } from "../oci/reference.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { ManifestRef } from "./hot-reads-store.ts";
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
): MaybePromise<PulledManifest> {
  return chain(findManifest(registry, repository, reference, reliedOn), (found) => {
    const settled = reliedOn || reference.kind === "tag" ? registry.db.settled() : null;
    if (settled === null) return found ?? refuse(registry, repository, reference);
    return settled.then(() => found ?? refuse(registry, repository, reference));
  });
}

function findManifest(
  registry: Registry,
  repository: RepositoryName,
  reference: Reference,
  reliedOn: boolean,
): MaybePromise<PulledManifest | null> {
  const { reads, pullReads } = registry;
  const found =
    reference.kind === "tag"
      ? reads.manifestByTag(repository, reference.tag)
      : (reliedOn ? reads : pullReads).manifestByDigest(repository, reference.digest);
  return chain(found, (ref) => (ref === null ? null : withBytes(registry, ref)));
}

/** Of a row that says where they are; null where they are gone since it was read. */
export function withBytes(
  { reads, manifestCache }: Registry,
  ref: ManifestRef,
): MaybePromise<PulledManifest | null> {
  const { repository_id: repositoryId, digest, media_type: mediaType } = ref;
  const bytes = manifestCache.get(digest);
  if (bytes !== undefined) return { repositoryId, digest, mediaType, bytes };
  return chain(reads.manifestBytes(repositoryId, digest), (row) => {
    if (row === null) return null;
    manifestCache.set(digest, row.bytes);
    return { repositoryId, digest, mediaType, bytes: row.bytes };
  });
}

async function refuse(
  registry: Registry,
  repository: RepositoryName,
  reference: Reference,
): Promise<never> {
  if ((await registry.reads.repositoryId(repository)) === null) throw unknownRepository(repository);
  const name = formatReference(reference);
  throw new RegistryError("MANIFEST_UNKNOWN", {
    message: `the repository ${repository} has no manifest ${name}`,
    detail: { repository, reference: name },
  });
}
