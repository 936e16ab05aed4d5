import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import { parseManifest } from "../oci/manifest.ts";
import { isIndexMediaType, ociImageIndex } from "../oci/media-type.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import { referrersTag } from "../oci/tag.ts";
import { listReferrerRows, liveReferrerRows, type ReferrerRow } from "./manifest-store.ts";
import type { Registry } from "./registry.ts";

/** Descriptors in one answer, and the size at which it ends even with fewer. */
export const referrersPageMax = 1_000;
const referrersPageBytesMax = 4 * 1024 * 1024;

export interface ReferrersQuery {
  readonly subject: Digest;
  readonly artifactType: string | null;
  /** The digest after which the page begins; empty for the first. */
  readonly last: string;
}

export interface ReferrersPage {
  /** An image index, as JSON. */
  readonly body: string;
  readonly next: Digest | null;
}

/**
 * The manifests whose subject is `subject`, by digest, and those that older clients listed under the
 * fallback tag (distribution-spec §Listing Referrers, §Enabling the Referrers API), each once.
 */
export async function listReferrers(
  registry: Registry,
  repository: RepositoryName,
  query: ReferrersQuery,
): Promise<ReferrersPage> {
  // A repository that does not exist has no referrers: 404 would mean that there is no such API.
  const repositoryId = registry.reads.repositoryId(repository)?.id;
  if (repositoryId === undefined) return { body: formatIndex([]), next: null };
  const limit = referrersPageMax + 1;
  const known = await listReferrerRows(registry.db.reads, repositoryId, { ...query, limit });
  const tagged = await listTagged(registry, repository, repositoryId, query);
  await registry.db.settled();
  const byDigest = new Map<Digest, string>();
  for (const row of [...known, ...tagged]) byDigest.set(row.digest, formatDescriptor(row));
  const digests = [...byDigest.keys()].sort();

  const descriptors: string[] = [];
  let bytes = 0;
  for (const digest of digests.slice(0, referrersPageMax)) {
    const descriptor = byDigest.get(digest) ?? "";
    bytes += descriptor.length;
    if (descriptors.length > 0 && bytes > referrersPageBytesMax) break;
    descriptors.push(descriptor);
  }
  const next = descriptors.length < digests.length ? digests[descriptors.length - 1] : undefined;
  return { body: formatIndex(descriptors), next: next ?? null };
}

function formatIndex(descriptors: readonly string[]): string {
  return `{"schemaVersion":2,"mediaType":"${ociImageIndex}","manifests":[${descriptors.join(",")}]}`;
}

/** What the index under the fallback tag lists, as far as it is in the repository. */
async function listTagged(
  registry: Registry,
  repository: RepositoryName,
  repositoryId: string,
  query: ReferrersQuery,
): Promise<ReferrerRow[]> {
  const found = registry.reads.manifestByTag(repository, referrersTag(query.subject));
  if (found === null || !isIndexMediaType(found.media_type)) return [];
  const row = registry.reads.manifestBytes(repositoryId, found.digest);
  if (row === null) return [];
  const index = parseManifest(row.bytes, found.media_type);
  if (index.kind !== "index") return [];
  const listed = new Map(index.manifests.map((entry) => [entry.digest, entry]));
  const wanted = [...listed.keys()].filter((digest) => digest > query.last);
  const rows = await liveReferrerRows(registry.db, repositoryId, wanted);
  return rows
    .map((live) => describeListed(live, listed.get(live.digest)))
    .filter((live) => query.artifactType === null || live.artifact_type === query.artifactType);
}

/** An older client may have pushed the manifest without a subject: what it said in the index counts. */
function describeListed(row: ReferrerRow, listed: Descriptor | undefined): ReferrerRow {
  return {
    ...row,
    artifact_type: row.artifact_type ?? listed?.artifactType ?? null,
    annotations:
      row.annotations ?? (listed?.annotations ? JSON.stringify(listed.annotations) : null),
  };
}

function formatDescriptor(row: ReferrerRow): string {
  const head = JSON.stringify({
    mediaType: row.media_type,
    digest: row.digest,
    size: row.size,
    ...(row.artifact_type === null ? {} : { artifactType: row.artifact_type }),
  });
  // Already JSON: kept so when the manifest was pushed.
  return row.annotations === null ? head : `${head.slice(0, -1)},"annotations":${row.annotations}}`;
}
