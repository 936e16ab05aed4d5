import type { Digest } from "../oci/digest.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { RepositoryName } from "../oci/repository-name.ts";

export function unknownRepository(repository: RepositoryName): RegistryError {
  return new RegistryError("NAME_UNKNOWN", {
    message: `there is no repository ${repository}`,
    detail: { repository },
  });
}

export function unknownBlob(repository: RepositoryName, digest: Digest): RegistryError {
  return new RegistryError("BLOB_UNKNOWN", {
    message: `the repository ${repository} has no blob ${digest}`,
    detail: { repository, digest },
  });
}

/** Referrers that `stillReferred` names. */
export const namedReferrersMax = 100;

/** 405 as the specification has it for a deletion that the registry does not carry out. */
export function stillReferred(
  what: "blob" | "manifest",
  digest: Digest,
  referrers: readonly Digest[],
): RegistryError {
  return new RegistryError("DENIED", {
    status: 405,
    message: `the ${what} ${digest} is in use by ${referrers.slice(0, 3).join(", ")}: delete that first`,
    detail: { digest, referrers },
  });
}
