import type { MaybePromise } from "../lib/maybe-promise.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import { readStoredManifest } from "../oci/manifest.ts";
import { isIndexMediaType, ociImageIndex } from "../oci/media-type.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import { referrersTag, type Tag } from "../oci/tag.ts";
import type { ManifestRef } from "./hot-reads-store.ts";
import {
  listReferrerRows,
  type ReferrerRow,
  referrerAnnotations,
  referrerRowsOf,
} from "./manifest-store.ts";
import type { Registry } from "./registry.ts";

/** Descriptors in one answer, and the size at which it ends even with fewer. */
const referrersPageMax = 1_000;
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

/** Where referrers are looked for, and what a tag points to there. */
export interface ReferrersSource {
  readonly repositoryId: string;
  /** The moment that is asked about; null: now. */
  readonly at: number | null;
  tagged(tag: Tag): MaybePromise<Pick<ManifestRef, "digest" | "media_type"> | null>;
}

/** Null of a repository that does not exist, which has no referrers: 404 would mean that there is no such API. */
export async function referrersNow(
  { reads }: Registry,
  repository: RepositoryName,
): Promise<ReferrersSource | null> {
  const row = await reads.repositoryId(repository);
  if (row === null) return null;
  return {
    repositoryId: row.id,
    at: null,
    tagged: (tag) => reads.manifestByTag(repository, tag),
  };
}

/**
 * The manifests whose subject is `subject`, by digest, and those that older clients listed under the
 * fallback tag (distribution-spec §Listing Referrers, §Enabling the Referrers API), each once.
 */
export async function listReferrers(
  registry: Registry,
  source: ReferrersSource | null,
  query: ReferrersQuery,
): Promise<ReferrersPage> {
  if (source === null) return noReferrers;
  const { repositoryId, at } = source;
  const limit = referrersPageMax + 1;
  const known = await listReferrerRows(registry.db.reads, repositoryId, at, { ...query, limit });
  const tagged = await listTagged(registry, source, query);
  const byDigest = new Map<Digest, Referrer>();
  for (const row of known) byDigest.set(row.digest, { row, listed: null });
  for (const referrer of tagged) byDigest.set(referrer.row.digest, referrer);
  const all = [...byDigest.values()].sort((a, b) => (a.row.digest < b.row.digest ? -1 : 1));

  const page = cutPage(all);
  const annotated = page.filter(({ row }) => row.annotation_bytes !== null);
  const annotations = await referrerAnnotations(
    registry.db,
    repositoryId,
    annotated.map(({ row }) => row.digest),
  );
  await registry.db.settled();
  const descriptors = page.map((referrer) =>
    formatDescriptor(
      referrer,
      annotations.get(referrer.row.digest) ?? formatListedAnnotations(referrer),
    ),
  );
  const next = page.length < all.length ? page.at(-1)?.row.digest : undefined;
  return { body: formatIndex(descriptors), next: next ?? null };
}

/** Also of a repository that one may not see: it must look like one that does not exist. */
export const noReferrers: ReferrersPage = { body: formatIndex([]), next: null };

/** A manifest to list, with what the index under the fallback tag says of it. */
interface Referrer {
  readonly row: ReferrerRow;
  readonly listed: Descriptor | null;
}

/** As many as one answer holds, judged before their annotations are in memory. */
function cutPage(referrers: readonly Referrer[]): Referrer[] {
  const page: Referrer[] = [];
  let bytes = 0;
  for (const referrer of referrers.slice(0, referrersPageMax)) {
    const own = referrer.row.annotation_bytes ?? formatListedAnnotations(referrer)?.length ?? 0;
    bytes += formatDescriptor(referrer, null).length + own;
    if (page.length > 0 && bytes > referrersPageBytesMax) break;
    page.push(referrer);
  }
  return page;
}

function formatIndex(descriptors: readonly string[]): string {
  return `{"schemaVersion":2,"mediaType":"${ociImageIndex}","manifests":[${descriptors.join(",")}]}`;
}

/** What the index under the fallback tag lists, as far as it is in the repository. */
async function listTagged(
  registry: Registry,
  { repositoryId, at, tagged }: ReferrersSource,
  query: ReferrersQuery,
): Promise<Referrer[]> {
  const found = await tagged(referrersTag(query.subject));
  if (found === null || !isIndexMediaType(found.media_type)) return [];
  const row = await registry.reads.manifestBytes(repositoryId, found.digest);
  if (row === null) return [];
  const index = readStoredManifest(row.bytes, found.media_type);
  if (index.kind !== "index") return [];
  const listed = new Map(index.manifests.map((entry) => [entry.digest, entry]));
  const wanted = [...listed.keys()].filter((digest) => digest > query.last);
  const rows = await referrerRowsOf(registry.db, repositoryId, at, wanted);
  return rows
    .map((live) => ({ row: live, listed: listed.get(live.digest) ?? null }))
    .filter((live) => query.artifactType === null || artifactTypeOf(live) === query.artifactType);
}

// An older client may have pushed a manifest without a subject: what it said in the index counts.

function artifactTypeOf({ row, listed }: Referrer): string | null {
  return row.artifact_type ?? listed?.artifactType ?? null;
}

function formatListedAnnotations({ listed }: Referrer): string | null {
  return listed?.annotations ? JSON.stringify(listed.annotations) : null;
}

/** `annotations` are JSON already: kept so when the manifest was pushed. */
function formatDescriptor(referrer: Referrer, annotations: string | null): string {
  const { row } = referrer;
  const artifactType = artifactTypeOf(referrer);
  const head = JSON.stringify({
    mediaType: row.media_type,
    digest: row.digest,
    size: row.size,
    ...(artifactType === null ? {} : { artifactType }),
  });
  return annotations === null ? head : `${head.slice(0, -1)},"annotations":${annotations}}`;
}
