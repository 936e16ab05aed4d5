import { createHash } from "node:crypto";
import { algorithmOf, type Digest, digestOf, hexOf, isDigest } from "../oci/digest.ts";
import { manifestBytesMax } from "../oci/manifest.ts";
import { parseMediaType } from "../oci/media-type.ts";
import { ClientError } from "./client-error.ts";
import { isRecord } from "./json-file.ts";

/** A manifest as it is stored: its bytes are what its digest stands for. */
export interface StoredManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/**
 * Takes bytes for a manifest. Throws `ClientError` where they are not what `reference`, a digest or a
 * tag, asks for. `contentType` is null where nobody said one.
 */
export function toStoredManifest(
  bytes: Uint8Array<ArrayBuffer>,
  contentType: string | null,
  reference: string,
  from: string,
): StoredManifest {
  if (bytes.byteLength > manifestBytesMax) {
    throw new ClientError(`${from}: a manifest is larger than ${manifestBytesMax} bytes`);
  }
  const wanted = isDigest(reference) ? reference : null;
  const digest = digestOfBytes(bytes, wanted === null ? "sha256" : algorithmOf(wanted));
  if (wanted !== null && digest !== wanted) {
    throw new ClientError(`${from}: the bytes of ${wanted} have the digest ${digest}`);
  }
  const mediaType = parseMediaType(contentType) ?? parseMediaType(typeIn(bytes));
  if (mediaType === null) throw new ClientError(`${from}: ${digest} says no media type`);
  return { digest, mediaType, bytes };
}

export function digestOfBytes(bytes: Uint8Array, algorithm: "sha256" | "sha512"): Digest {
  return digestOf(algorithm, createHash(algorithm).update(bytes).digest("hex"));
}

/** `sha256:0123456789ab`, for people. */
export function shortDigest(digest: Digest): string {
  return `${algorithmOf(digest)}:${hexOf(digest).slice(0, 12)}`;
}

function typeIn(bytes: Uint8Array): string | null {
  try {
    const body: unknown = JSON.parse(Buffer.from(bytes).toString("utf8"));
    const type = isRecord(body) ? body["mediaType"] : null;
    return typeof type === "string" ? type : null;
  } catch {
    return null;
  }
}
