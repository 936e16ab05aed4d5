import type { Digest } from "../oci/digest.ts";
import { RegistryError } from "../oci/registry-error.ts";

/** A blob that is not in the repository, or whose bytes the store has lost. */
export function unknownDigest(digest: Digest): RegistryError {
  return new RegistryError("BLOB_UNKNOWN", { message: `the repository has no layer ${digest}` });
}
