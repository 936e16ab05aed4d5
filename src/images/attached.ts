import type { Database } from "../db/database.ts";
import type { Digest } from "../oci/digest.ts";
import { children, type Manifest, readStoredManifest } from "../oci/manifest.ts";
import { cosignTags, referrersTag, type Tag } from "../oci/tag.ts";
import { type AttachedKind, kindOfAttached } from "./artifact-kind.ts";
import { referrersOf } from "./attached-store.ts";
import type { FoundImage } from "./find-image.ts";
import { type StoredImage, storedImagesOf } from "./image-store.ts";
import { presentTags } from "./tag-list-store.ts";

/** Entries that are shown of one image. */
export const attachedMax = 200;

/** Something that belongs to an image, or to what it has for one platform. */
export interface Attached {
  readonly of: string;
  readonly kind: AttachedKind;
  /** How it says so: it names its subject, a tag has the subject's digest, or the index lists it. */
  readonly by: "subject" | "tag" | "index";
  readonly digest: Digest;
  readonly artifactType: string | null;
  readonly size: number;
  readonly pushedAt: number;
  readonly pushedBy: string | null;
  /** What statements in it are of, such as `https://spdx.dev/Document`. */
  readonly predicates: readonly string[];
}

/** What belongs to the image, each thing once. */
export async function listAttached(db: Database, found: FoundImage): Promise<Attached[]> {
  const { repositoryId, named, platforms, attestations } = found;
  const subjects = [...new Set([named.digest, ...platforms.map(({ digest }) => digest)])];
  const listed = new Map<Digest, Pick<Attached, "of" | "by"> & { kind: AttachedKind | null }>();
  for (const { digest, of } of attestations) {
    listed.set(digest, { of, by: "index", kind: "attestation" });
  }
  for (const { subject, digest } of await referrersOf(db, repositoryId, subjects, attachedMax)) {
    if (!listed.has(digest)) listed.set(digest, { of: subject, by: "subject", kind: null });
  }
  for (const { digest, of, kind } of await taggedOf(db, repositoryId, subjects)) {
    if (!listed.has(digest)) listed.set(digest, { of, by: "tag", kind });
  }
  const digests = [...listed.keys()].slice(0, attachedMax);
  const attached: Attached[] = [];
  for await (const images of storedImagesOf(db, repositoryId, digests)) {
    for (const image of images) {
      const how = listed.get(image.digest);
      if (how !== undefined) attached.push(attachedFrom(image, how));
    }
  }
  return attached;
}

function attachedFrom(
  image: StoredImage,
  { of, by, kind }: Pick<Attached, "of" | "by"> & { kind: AttachedKind | null },
): Attached {
  const manifest = readStoredManifest(image.bytes, image.mediaType);
  const { annotations, artifactType } = manifest;
  const told = annotations === null ? null : JSON.stringify(annotations);
  return {
    of,
    by,
    kind: kind ?? kindOfAttached(artifactType, told),
    digest: image.digest,
    artifactType,
    size: image.size,
    pushedAt: image.pushedAt,
    pushedBy: image.pushedBy,
    predicates: predicatesOf(manifest),
  };
}

// As BuildKit, cosign's older attestations, and bundles of sigstore have it.
const predicateKeys = [
  "in-toto.io/predicate-type",
  "predicateType",
  "dev.sigstore.bundle.predicateType",
];

function predicatesOf(manifest: Manifest): string[] {
  const layers = manifest.kind === "image" ? manifest.layers : [];
  const told = [manifest.annotations, ...layers.map(({ annotations }) => annotations)];
  const found = told.flatMap((annotations) =>
    predicateKeys.flatMap((key) => annotations?.[key] ?? []),
  );
  return [...new Set(found)];
}

/** By tags that have the digests of the subjects: those of cosign, and the lists of older clients. */
async function taggedOf(
  db: Database,
  repositoryId: string,
  subjects: readonly Digest[],
): Promise<{ digest: Digest; of: Digest; kind: AttachedKind | null }[]> {
  const asked = new Map<Tag, { of: Digest; kind: AttachedKind | null }>();
  for (const of of subjects) {
    for (const [tag, kind] of cosignTags(of)) asked.set(tag, { of, kind });
    asked.set(referrersTag(of), { of, kind: null });
  }
  const tags = await presentTags(db, repositoryId, [...asked.keys()]);
  const found = tags.flatMap(({ name, digest }) => {
    const how = asked.get(name);
    return how === undefined ? [] : [{ digest, ...how }];
  });
  const lists = found.filter(({ kind }) => kind === null);
  return [
    ...found.filter(({ kind }) => kind !== null),
    ...(await listedIn(db, repositoryId, lists)),
  ];
}

/** What the lists name, each thing once, as far as it may be shown. */
async function listedIn(
  db: Database,
  repositoryId: string,
  lists: readonly { digest: Digest; of: Digest }[],
): Promise<{ digest: Digest; of: Digest; kind: null }[]> {
  const subjects = new Map<Digest, Digest>();
  for (const { digest, of } of lists) if (!subjects.has(digest)) subjects.set(digest, of);
  const named = new Map<Digest, Digest>();
  for await (const indexes of storedImagesOf(db, repositoryId, [...subjects.keys()])) {
    for (const { digest: list, bytes, mediaType } of indexes) {
      const of = subjects.get(list);
      if (of === undefined) continue;
      for (const { digest } of children(readStoredManifest(bytes, mediaType))) {
        if (!named.has(digest)) named.set(digest, of);
      }
    }
    if (named.size >= attachedMax) break;
  }
  return [...named].map(([digest, of]) => ({ digest, of, kind: null }));
}
