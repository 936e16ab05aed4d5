import type { Management } from "../access/endpoint.ts";
import type { Digest } from "../oci/digest.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../oci/strict-json.ts";
import { bytesOf } from "./body-bytes.ts";
import { findBlobIn } from "./image-store.ts";

/** Bytes of a configuration that is read: what clients take as well. */
const configBytesMax = 4 * 1024 * 1024;

/**
 * The configuration of an image, as far as it is JSON; null where it is not, is too large, or is not in
 * the repository, as in one that is sparse on purpose.
 */
export async function readConfig(
  { db, blobs }: Pick<Management, "db" | "blobs">,
  repositoryId: string,
  digest: Digest,
): Promise<JsonObject | null> {
  const blob = await findBlobIn(db.reads, repositoryId, digest);
  if (blob === null || blob.size > configBytesMax) return null;
  const body = await blobs.open(blob.key, blob.size, null);
  if (body === null) return null;
  const bytes = await bytesOf(body);
  try {
    const value = JSON.parse(new TextDecoder().decode(bytes)) as JsonValue;
    return isJsonObject(value) ? value : null;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return null;
  }
}
