import type { Management } from "../access/endpoint.ts";
import type { Digest } from "../oci/digest.ts";
import { children, readStoredManifest } from "../oci/manifest.ts";
import { formatPlatform } from "../oci/platform.ts";
import { isJsonArray, isJsonObject, parseStrictJson } from "../oci/strict-json.ts";
import { attestedBy, kindOfManifest } from "./artifact-kind.ts";
import { readConfig } from "./config.ts";
import { keepDescriptions, type StoredImage, storedImagesOf } from "./image-store.ts";
import type { ListedImage } from "./tag-list-store.ts";

export interface Description {
  readonly platforms: readonly string[];
  /** Entries of an index that are attestations of other entries. */
  readonly attestations: number;
}

type Deps = Pick<Management, "db" | "blobs" | "log">;

/**
 * For which platforms images are. What their manifests and configurations say of it is read when it is
 * first asked for, and kept: a push reads no blobs.
 */
export async function describeImages(
  deps: Deps,
  repositoryId: string,
  images: readonly ListedImage[],
): Promise<Map<Digest, Description>> {
  const known = new Map<Digest, Description>();
  const unknown = new Set<Digest>();
  for (const { digest, platforms, attestations } of images) {
    if (platforms === null) unknown.add(digest);
    else known.set(digest, { platforms: JSON.parse(platforms), attestations: attestations ?? 0 });
  }
  if (unknown.size === 0) return known;
  const found = await readAll(deps, repositoryId, [...unknown]);
  for (const [digest, description] of found) known.set(digest, description);
  await keep(deps, repositoryId, found);
  return known;
}

async function readAll(
  deps: Deps,
  repositoryId: string,
  digests: readonly Digest[],
): Promise<[Digest, Description][]> {
  const found: [Digest, Description][] = [];
  for await (const some of storedImagesOf(deps.db, repositoryId, digests)) {
    const read = some.map(
      async (image) => [image.digest, await describe(deps, repositoryId, image)] as const,
    );
    for (const [digest, description] of await Promise.all(read)) {
      if (description !== null) found.push([digest, description]);
    }
  }
  return found;
}

/** Null where it cannot be told now: the bytes may come back. */
async function describe(
  deps: Deps,
  repositoryId: string,
  { bytes, mediaType, artifactType }: StoredImage,
): Promise<Description | null> {
  const manifest = readStoredManifest(bytes, mediaType);
  const kind = kindOfManifest(mediaType, artifactType);
  if (kind === "index") {
    const isAttestation = (child: { annotations: Readonly<Record<string, string>> | null }) =>
      attestedBy(child.annotations) !== null;
    const attestations = children(manifest).filter(isAttestation).length;
    return { platforms: [...new Set(platformsOf(bytes).values())], attestations };
  }
  if (kind !== "image" || manifest.kind !== "image") return { platforms: [], attestations: 0 };
  const config = await readConfig(deps, repositoryId, manifest.config.digest);
  if (config === null) return null;
  const platform = formatPlatform(config);
  return { platforms: platform === null ? [] : [platform], attestations: 0 };
}

/** What an index says its entries are for, by their digests. */
export function platformsOf(bytes: Uint8Array): Map<Digest, string> {
  const listed = new Map<Digest, string>();
  const index = parseStrictJson(bytes);
  const entries = isJsonObject(index) ? index["manifests"] : null;
  for (const entry of isJsonArray(entries) ? entries : []) {
    if (!isJsonObject(entry)) continue;
    const platform = formatPlatform(entry["platform"]);
    if (platform !== null) listed.set(entry["digest"] as Digest, platform);
  }
  return listed;
}

async function keep(
  { db, log }: Deps,
  repositoryId: string,
  found: readonly [Digest, Description][],
): Promise<void> {
  if (found.length === 0) return;
  const rows = found.map(([digest, { platforms, attestations }]) => ({
    digest,
    platforms: JSON.stringify(platforms),
    attestations,
  }));
  // In one order, so that two who look at the same do not get stuck in each other.
  rows.sort((a, b) => (a.digest < b.digest ? -1 : 1));
  try {
    await db.transactionUnsynced((tx) => keepDescriptions(tx, repositoryId, rows));
  } catch (error) {
    // What is asked for can be told all the same, on a disk that takes no writes too.
    log.debug("What images are for could not be kept", { error });
  }
}
