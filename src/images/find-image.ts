import type { Management } from "../access/endpoint.ts";
import { notFound } from "../access/unknown.ts";
import type { Digest } from "../oci/digest.ts";
import { children, type Manifest, readStoredManifest } from "../oci/manifest.ts";
import { formatReference, type Reference } from "../oci/reference.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import { getRepositoryId } from "../registry/repository-store.ts";
import { findTag } from "../registry/tag-store.ts";
import { attestedBy } from "./artifact-kind.ts";
import { describeImages, platformsOf } from "./describe.ts";
import { findStoredImage, type ImageFacts, imageFactsOf, type StoredImage } from "./image-store.ts";

export interface FoundImage {
  readonly repositoryId: string;
  /** What the reference names: an index or an image. */
  readonly named: ParsedImage;
  /** What an index has for each platform; of an image, that itself. */
  readonly platforms: readonly PlatformImage[];
  /** Attestations that the index lists, with the digest that each speaks of. */
  readonly attestations: readonly { readonly digest: Digest; readonly of: string }[];
}

export interface ParsedImage extends StoredImage {
  readonly manifest: Manifest;
}

export interface PlatformImage {
  /** Null where nothing says it. */
  readonly platform: string | null;
  readonly digest: Digest;
  /** Null where the index lists what is not there. */
  readonly image: ImageFacts | null;
}

/** Entries of an index that are looked into. */
const childrenMax = 1_000;

/** Throws NAME_UNKNOWN, or a 404 where the repository has no such tag or manifest. */
export async function findImage(
  deps: Pick<Management, "db" | "blobs" | "log">,
  repository: RepositoryName,
  reference: Reference,
): Promise<FoundImage> {
  const { db } = deps;
  const repositoryId = await getRepositoryId(db.reads, repository);
  const digest =
    reference.kind === "digest"
      ? reference.digest
      : ((await findTag(db.reads, repositoryId, reference.tag))?.digest ?? null);
  const only = digest === null ? null : await findStoredImage(db, repositoryId, digest);
  if (only === null) {
    throw notFound(`${reference.kind} ${formatReference(reference)} in ${repository}`);
  }
  const named = parsed(only);
  if (named.manifest.kind !== "index") {
    const described = await describeImages(deps, repositoryId, [only]);
    const [platform = null] = described.get(only.digest)?.platforms ?? [];
    const platforms = [{ platform, digest: only.digest, image: named }];
    return { repositoryId, named, platforms, attestations: [] };
  }
  return { repositoryId, named, ...(await childrenOf(deps, repositoryId, named)) };
}

async function childrenOf(
  { db }: Pick<Management, "db">,
  repositoryId: string,
  index: ParsedImage,
): Promise<Pick<FoundImage, "platforms" | "attestations">> {
  const listed = children(index.manifest).slice(0, childrenMax);
  const names = platformsOf(index.bytes);
  const stored = await imageFactsOf(
    db,
    repositoryId,
    listed.map((child) => child.digest),
  );
  const platforms: PlatformImage[] = [];
  const attestations: { digest: Digest; of: string }[] = [];
  for (const child of listed) {
    const image = stored.get(child.digest) ?? null;
    const of = attestedBy(child.annotations);
    if (of === null) {
      const platform = names.get(child.digest) ?? null;
      platforms.push({ platform, digest: child.digest, image });
    } else if (image !== null) attestations.push({ digest: child.digest, of });
  }
  return { platforms, attestations };
}

function parsed(image: StoredImage): ParsedImage {
  return { ...image, manifest: readStoredManifest(image.bytes, image.mediaType) };
}

/** The image for a platform; null where the index lists what is not there. */
export async function imageFor(
  { db }: Pick<Management, "db">,
  { repositoryId, named }: FoundImage,
  chosen: PlatformImage | null,
): Promise<ParsedImage | null> {
  if (chosen === null || chosen.image === null) return null;
  if (chosen.digest === named.digest) return named;
  const stored = await findStoredImage(db, repositoryId, chosen.digest);
  return stored === null ? null : parsed(stored);
}

/**
 * What is shown of several platforms: the one that was asked for, else the first one for Linux on amd64,
 * else the first. Throws a 404 that names those that there are.
 */
export function choosePlatform(
  { platforms }: Pick<FoundImage, "platforms">,
  wanted: string | undefined,
): PlatformImage | null {
  if (wanted === undefined) {
    return platforms.find(({ platform }) => platform === "linux/amd64") ?? platforms[0] ?? null;
  }
  const found = platforms.find(({ platform, digest }) => platform === wanted || digest === wanted);
  if (found !== undefined) return found;
  const there = platforms.flatMap(({ platform }) => platform ?? []).join(", ");
  throw notFound(`platform ${wanted}${there === "" ? "" : `: there are ${there}`}`);
}
