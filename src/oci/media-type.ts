export const ociImageManifest = "application/vnd.oci.image.manifest.v1+json";
export const ociImageIndex = "application/vnd.oci.image.index.v1+json";
/** Withdrawn before image-spec 1.1, yet pushed by clients of its release candidates. */
export const ociArtifactManifest = "application/vnd.oci.artifact.manifest.v1+json";
export const dockerManifest = "application/vnd.docker.distribution.manifest.v2+json";
export const dockerManifestList = "application/vnd.docker.distribution.manifest.list.v2+json";
/** Docker schema 1, plain and signed: refused, since its digest is not that of the bytes pulled. */
export const dockerSchema1Manifest = "application/vnd.docker.distribution.manifest.v1+json";
export const dockerSchema1SignedManifest =
  "application/vnd.docker.distribution.manifest.v1+prettyjws";

/** Characters. RFC 6838 §4.2 allows 127 for the type and 127 for the subtype. */
export const mediaTypeLengthMax = 255;

// RFC 6838 §4.2, restricted-name "/" restricted-name.
const mediaTypePattern = /^[a-z0-9][a-z0-9!#$&^_.+-]*\/[a-z0-9][a-z0-9!#$&^_.+-]*$/;

/**
 * The media type that a Content-Type header names: lower case, without parameters. Null when there
 * is no header or it names none.
 */
export function parseMediaType(header: string | null): string | null {
  if (header === null) return null;
  const semicolon = header.indexOf(";");
  const text = (semicolon === -1 ? header : header.slice(0, semicolon)).trim().toLowerCase();
  return text.length <= mediaTypeLengthMax && mediaTypePattern.test(text) ? text : null;
}

/** Whether it lists manifests. */
export function isIndexMediaType(mediaType: string): boolean {
  return mediaType === ociImageIndex || mediaType === dockerManifestList;
}

/**
 * Whether what has this type is pushed to the manifest endpoint. An index may list others:
 * BuildKit's cache lists layers and a config, which are blobs.
 */
export function isManifestMediaType(mediaType: string): boolean {
  return (
    mediaType === ociImageManifest ||
    mediaType === dockerManifest ||
    mediaType === ociArtifactManifest ||
    isIndexMediaType(mediaType)
  );
}

export function isSchema1MediaType(mediaType: string): boolean {
  return mediaType === dockerSchema1Manifest || mediaType === dockerSchema1SignedManifest;
}

/** Whether a layer of this type may be missing: it is fetched from its `urls` (image-spec layer.md). */
export function isNonDistributable(mediaType: string): boolean {
  return (
    mediaType.startsWith("application/vnd.oci.image.layer.nondistributable.v1.tar") ||
    mediaType.startsWith("application/vnd.docker.image.rootfs.foreign.diff.tar")
  );
}

/**
 * Whether an Accept header leaves room for this type. Only a header that names nothing but manifest
 * types, and not this one, does not: older clients name too few, and read what they get all the same.
 */
export function acceptsMediaType(accept: string, mediaType: string): boolean {
  if (accept.includes(mediaType) || accept.includes("*")) return true;
  if (!isManifestMediaType(mediaType)) return true;
  const named = accept.split(",").map((entry) => parseMediaType(entry));
  return named.some(
    (type) => type === null || !(isManifestMediaType(type) || isSchema1MediaType(type)),
  );
}
