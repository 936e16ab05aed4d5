import {
  type Annotations,
  type Descriptor,
  parseAnnotations,
  parseDescriptor,
  parseTypeName,
  refuseCaseVariants,
  schemaKeys,
} from "./descriptor.ts";
import { manifestInvalid } from "./manifest-error.ts";
import {
  dockerManifest,
  dockerManifestList,
  isNonDistributable,
  isSchema1MediaType,
  ociArtifactManifest,
  ociImageIndex,
  ociImageManifest,
  parseMediaType,
} from "./media-type.ts";
import { RegistryError } from "./registry-error.ts";
import { isJsonArray, isJsonObject, type JsonObject, parseStrictJson } from "./strict-json.ts";

/** Bytes. distribution-spec §Pushing Manifests asks for at least 4 MB; others refuse more than 4 MiB. */
export const manifestBytesMax = 4 * 1024 * 1024;

/** Entries of `layers`, `manifests` or `blobs`. */
export const descriptorsMax = 10_000;

/** What every manifest has, whatever its kind. */
export interface ManifestFacts {
  /** The Content-Type it was pushed with, and is answered with. */
  readonly mediaType: string;
  /** As the referrers API reports it: for an image without one it is the media type of its config. */
  readonly artifactType: string | null;
  readonly subject: Descriptor | null;
  readonly annotations: Annotations | null;
}

type ManifestContent =
  | { readonly kind: "image"; readonly config: Descriptor; readonly layers: Descriptor[] }
  | { readonly kind: "index"; readonly manifests: Descriptor[] }
  | { readonly kind: "artifact"; readonly blobs: Descriptor[] }
  | { readonly kind: "other" };

export type Manifest = ManifestFacts & ManifestContent;

type Kind = Manifest["kind"];

const kindByMediaType: Readonly<Record<string, Kind>> = {
  [ociImageManifest]: "image",
  [dockerManifest]: "image",
  [ociImageIndex]: "index",
  [dockerManifestList]: "index",
  [ociArtifactManifest]: "artifact",
};

const manifestKeys = schemaKeys([
  "schemaVersion",
  "mediaType",
  "artifactType",
  "config",
  "layers",
  "manifests",
  "blobs",
  "subject",
  "annotations",
]);

/**
 * Reads a pushed manifest (image-spec manifest.md, image-index.md). Only reads: the bytes are what is
 * stored, with every field that is not known here. A type that is not known is read by its shape. Throws
 * MANIFEST_INVALID naming the value, of status 413 when there are too many bytes.
 */
export function parseManifest(bytes: Uint8Array, contentType: string | null): Manifest {
  if (bytes.length > manifestBytesMax) throw tooLarge(bytes.length);
  const headerType = parseHeaderType(contentType);
  if (headerType !== null) refuseSchema1(headerType);
  const body = parseStrictJson(bytes);
  if (!isJsonObject(body)) throw manifestInvalid("", "must be a JSON object", body);
  refuseCaseVariants(body, manifestKeys, "");
  refuseSchema1Body(body);
  const mediaType = agreedMediaType(headerType, body);
  const known = kindByMediaType[mediaType];
  refuseAmbiguousShape(body, known);
  if (known === "image" || known === "index") requireSchemaVersion(body);
  const content = readContent(known ?? kindOfShape(body), body);
  const subject = body["subject"];
  return {
    mediaType,
    artifactType: reportedArtifactType(content, body),
    subject: subject === undefined || subject === null ? null : parseDescriptor(subject, "subject"),
    annotations: parseAnnotations(body["annotations"], ""),
    ...content,
  };
}

/** Reads a stored one: what an earlier release took and this one would not is of no kind, and hinders nothing. */
export function readStoredManifest(bytes: Uint8Array, mediaType: string): Manifest {
  try {
    return parseManifest(bytes, mediaType);
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    return { kind: "other", mediaType, artifactType: null, subject: null, annotations: null };
  }
}

/** The blobs that must be in the repository before the manifest may be. A digest may come twice. */
export function requiredBlobs(manifest: Manifest): Descriptor[] {
  switch (manifest.kind) {
    case "image":
      return [
        manifest.config,
        ...manifest.layers.filter((layer) => !isNonDistributable(layer.mediaType)),
      ];
    case "artifact":
      return manifest.blobs.filter((blob) => !isNonDistributable(blob.mediaType));
    case "index":
    case "other":
      return [];
  }
}

/**
 * The entries of an index. They may have any media type: BuildKit's cache lists layers and a config
 * here, which are blobs.
 */
export function children(manifest: Manifest): Descriptor[] {
  return manifest.kind === "index" ? manifest.manifests : [];
}

function parseHeaderType(contentType: string | null): string | null {
  if (contentType === null || contentType.trim() === "") return null;
  const mediaType = parseMediaType(contentType);
  if (mediaType !== null) return mediaType;
  throw manifestInvalid("Content-Type", "must be a media type", contentType);
}

function refuseSchema1(mediaType: string): void {
  if (!isSchema1MediaType(mediaType)) return;
  throw manifestInvalid(
    "mediaType",
    "is Docker schema 1, which is not supported: push schema 2 or an OCI image",
    mediaType,
  );
}

/** Schema 1 that comes under another name, as it does from clients that send no Content-Type. */
function refuseSchema1Body(body: JsonObject): void {
  if (body["schemaVersion"] !== 1 || !("fsLayers" in body)) return;
  throw manifestInvalid(
    "schemaVersion",
    "is Docker schema 1, which is not supported: push schema 2 or an OCI image",
    1,
  );
}

/** Header and body must not name different types: clients trust one or the other (CVE-2021-41190). */
function agreedMediaType(headerType: string | null, body: JsonObject): string {
  const written = parseTypeName(body["mediaType"], "", "mediaType");
  const bodyType = written === null ? null : parseMediaType(written);
  if (written !== null && bodyType !== written.toLowerCase()) {
    throw manifestInvalid("mediaType", "must be a media type without parameters", written);
  }
  if (bodyType !== null) refuseSchema1(bodyType);
  if (headerType !== null && bodyType !== null && headerType !== bodyType) {
    throw manifestInvalid("mediaType", `must be the Content-Type, which is ${headerType}`, written);
  }
  const mediaType = headerType ?? bodyType;
  if (mediaType !== null) return mediaType;
  // image-spec 1.0 did not ask for mediaType in the body.
  const shape = kindOfShape(body);
  if (shape === "image") return ociImageManifest;
  if (shape === "index") return ociImageIndex;
  throw manifestInvalid("", "has no mediaType and came without a Content-Type");
}

/** The same bytes must not be an image to one client and an index to another (CVE-2021-41190). */
function refuseAmbiguousShape(body: JsonObject, known: Kind | undefined): void {
  const shapes = [
    "config" in body || "layers" in body ? "config or layers" : null,
    "manifests" in body ? "manifests" : null,
    // Images and indexes may have a custom field of this name.
    "blobs" in body && known !== "image" && known !== "index" ? "blobs" : null,
  ].filter((shape) => shape !== null);
  if (shapes.length > 1) {
    throw manifestInvalid("", `is ambiguous: it has both ${shapes.join(" and ")}`);
  }
  const [shape] = shapes;
  if (known === "artifact" && shape !== undefined && shape !== "blobs") {
    throw manifestInvalid(
      "",
      `is ambiguous: an artifact manifest lists blobs, and this has ${shape}`,
    );
  }
}

function requireSchemaVersion(body: JsonObject): void {
  const version = body["schemaVersion"];
  if (version === 2) return;
  if (version === undefined) throw manifestInvalid("schemaVersion", "is missing");
  throw manifestInvalid("schemaVersion", "must be 2", version);
}

function kindOfShape(body: JsonObject): Kind {
  const { config, layers } = body;
  // A half of an image is no other thing: its bytes would be neither asked for nor kept.
  if (isJsonArray(layers) || (isJsonObject(config) && "digest" in config)) return "image";
  if (isJsonArray(body["manifests"])) return "index";
  if (isJsonArray(body["blobs"])) return "artifact";
  return "other";
}

function readContent(kind: Kind, body: JsonObject): ManifestContent {
  switch (kind) {
    case "image":
      if (!("config" in body)) throw manifestInvalid("config", "is missing");
      return {
        kind,
        config: parseDescriptor(body["config"], "config"),
        layers: parseDescriptors(body, "layers"),
      };
    case "index":
      return { kind, manifests: parseDescriptors(body, "manifests") };
    case "artifact":
      return { kind, blobs: "blobs" in body ? parseDescriptors(body, "blobs") : [] };
    case "other":
      return { kind };
  }
}

function parseDescriptors(body: JsonObject, key: string): Descriptor[] {
  const list = body[key];
  if (list === undefined) throw manifestInvalid(key, "is missing");
  // Go writes null for an empty list, and reads it as one.
  if (list === null) return [];
  if (!isJsonArray(list)) throw manifestInvalid(key, "must be an array", list);
  if (list.length > descriptorsMax) {
    throw manifestInvalid(key, `must have at most ${descriptorsMax} entries, not ${list.length}`);
  }
  return list.map((entry, index) => parseDescriptor(entry, `${key}[${index}]`));
}

function reportedArtifactType(content: ManifestContent, body: JsonObject): string | null {
  const own = parseTypeName(body["artifactType"], "", "artifactType");
  return own ?? (content.kind === "image" ? content.config.mediaType : null);
}

function tooLarge(bytes: number): RegistryError {
  return new RegistryError("MANIFEST_INVALID", {
    status: 413,
    message: `manifest of ${bytes} bytes is too large: at most ${manifestBytesMax} bytes are accepted`,
    detail: { bytes, limit: manifestBytesMax },
  });
}
