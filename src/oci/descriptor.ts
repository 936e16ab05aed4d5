import { createHash } from "node:crypto";
import { algorithmOf, type Digest, hexOf, isDigest, parseDigest } from "./digest.ts";
import { manifestInvalid } from "./manifest-error.ts";
import { mediaTypeLengthMax } from "./media-type.ts";
import { RegistryError } from "./registry-error.ts";
import {
  foldKey,
  isJsonArray,
  isJsonObject,
  type JsonObject,
  type JsonValue,
} from "./strict-json.ts";

export type Annotations = Readonly<Record<string, string>>;

/** What a manifest says of a blob or of another manifest (image-spec descriptor.md). */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  readonly artifactType: string | null;
  readonly annotations: Annotations | null;
  /** Where else the content lies; empty when it is here. */
  readonly urls: readonly string[];
}

/** Entries of one `annotations` map. */
export const annotationsMax = 4_000;

const descriptorKeys = schemaKeys([
  "mediaType",
  "digest",
  "size",
  "urls",
  "annotations",
  "data",
  "artifactType",
  "platform",
]);

const platformKeys = schemaKeys([
  "architecture",
  "os",
  "os.version",
  "os.features",
  "variant",
  "features",
]);

/**
 * Reads the descriptor at `where` of a manifest. Fields it does not know are let be. Throws
 * MANIFEST_INVALID; also when `data` is not the content that digest and size speak of.
 */
export function parseDescriptor(value: unknown, where: string): Descriptor {
  const object = value as JsonValue | undefined;
  if (!isJsonObject(object)) throw manifestInvalid(where, "must be a descriptor object", value);
  refuseCaseVariants(object, descriptorKeys, where);
  const mediaType = parseTypeName(object["mediaType"], where, "mediaType");
  if (mediaType === null) throw manifestInvalid(`${where}.mediaType`, "is missing");
  const descriptor: Descriptor = {
    mediaType,
    digest: parseDigestField(object["digest"], where),
    size: parseSize(object["size"], where),
    artifactType: parseTypeName(object["artifactType"], where, "artifactType"),
    annotations: parseAnnotations(object["annotations"], where),
    urls: parseUrls(object["urls"], where),
  };
  checkPlatform(object["platform"], where);
  checkData(object["data"], descriptor, where);
  return descriptor;
}

/**
 * A media type in a body. Clients compare it as a plain string, so its case is kept. Null when it
 * is missing, null or empty: Go programs write all three for none.
 */
export function parseTypeName(
  value: JsonValue | undefined,
  where: string,
  key: string,
): string | null {
  if (value === undefined || value === null || value === "") return null;
  if (typeof value !== "string") throw manifestInvalid(join(where, key), "must be a string", value);
  if (value.length > mediaTypeLengthMax) {
    throw manifestInvalid(
      join(where, key),
      `must be at most ${mediaTypeLengthMax} characters long, not ${value.length}`,
      value,
    );
  }
  return value;
}

/** Null when it is missing or null. Throws MANIFEST_INVALID for values that are not strings, and for too many. */
export function parseAnnotations(value: JsonValue | undefined, where: string): Annotations | null {
  if (value === undefined || value === null) return null;
  const at = join(where, "annotations");
  if (!isJsonObject(value)) throw manifestInvalid(at, "must be an object", value);
  let count = 0;
  for (const key in value) {
    count += 1;
    if (typeof value[key] !== "string") {
      throw manifestInvalid(`${at}[${JSON.stringify(key)}]`, "must be a string", value[key]);
    }
  }
  if (count > annotationsMax) {
    throw manifestInvalid(at, `must have at most ${annotationsMax} entries, not ${count}`);
  }
  return value as Annotations;
}

/** The keys of a schema, by the form in which parsers that ignore case compare them. */
export function schemaKeys(keys: readonly string[]): ReadonlyMap<string, string> {
  return new Map(keys.map((key) => [foldKey(key), key]));
}

/**
 * Throws MANIFEST_INVALID for a key such as `Layers`: Go takes it for `layers`, others do not know
 * it, and what one checks would not be what the other runs.
 */
export function refuseCaseVariants(
  object: JsonObject,
  keys: ReadonlyMap<string, string>,
  where: string,
): void {
  for (const key in object) {
    const known = keys.get(foldKey(key));
    if (known !== undefined && known !== key) {
      throw manifestInvalid(join(where, key), `must be spelled "${known}"`, key);
    }
  }
}

export function join(where: string, key: string): string {
  return where === "" ? key : `${where}.${key}`;
}

function parseDigestField(value: JsonValue | undefined, where: string): Digest {
  const at = join(where, "digest");
  if (value === undefined) throw manifestInvalid(at, "is missing");
  if (typeof value !== "string") throw manifestInvalid(at, "must be a string", value);
  if (isDigest(value)) return value;
  try {
    return parseDigest(value);
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    throw manifestInvalid(at, `is an ${error.message}`, value);
  }
}

function parseSize(value: JsonValue | undefined, where: string): number {
  const at = join(where, "size");
  if (value === undefined) throw manifestInvalid(at, "is missing");
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw manifestInvalid(at, "must be a whole number of bytes, 0 or more", value);
}

const noUrls: readonly string[] = [];

function parseUrls(value: JsonValue | undefined, where: string): readonly string[] {
  if (value === undefined || value === null) return noUrls;
  const at = join(where, "urls");
  if (!isJsonArray(value)) throw manifestInvalid(at, "must be an array", value);
  const other = value.find((url) => typeof url !== "string");
  if (other !== undefined) throw manifestInvalid(at, "must hold strings only", other);
  return value as readonly string[];
}

function checkPlatform(value: JsonValue | undefined, where: string): void {
  if (value === undefined || value === null) return;
  const at = join(where, "platform");
  if (!isJsonObject(value)) throw manifestInvalid(at, "must be an object", value);
  refuseCaseVariants(value, platformKeys, at);
  for (const key of ["architecture", "os", "variant"]) {
    const field = value[key];
    if (field !== undefined && typeof field !== "string") {
      throw manifestInvalid(join(at, key), "must be a string", field);
    }
  }
}

/** image-spec descriptor.md §Embedded Content: consumers use `data` in place of the blob, so it must be the blob. */
function checkData(value: JsonValue | undefined, descriptor: Descriptor, where: string): void {
  if (value === undefined || value === null) return;
  const at = join(where, "data");
  if (typeof value !== "string") throw manifestInvalid(at, "must be a string", value);
  const content = Buffer.from(value, "base64");
  if (content.toString("base64") !== value) {
    throw manifestInvalid(at, "must be base64 as in RFC 4648 section 4, with padding", value);
  }
  if (content.length !== descriptor.size) {
    throw manifestInvalid(
      at,
      `holds ${content.length} bytes where size says ${descriptor.size}`,
      value,
    );
  }
  const hash = createHash(algorithmOf(descriptor.digest)).update(content).digest("hex");
  if (hash !== hexOf(descriptor.digest)) {
    throw manifestInvalid(at, `does not have the digest ${descriptor.digest}`, value);
  }
}
