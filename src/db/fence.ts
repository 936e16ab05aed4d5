import { RegistryError } from "../oci/registry-error.ts";

/** What the database itself says to a change of a table that is fenced. */
export const fenceText = "berth: fenced while it is moved";

/** A move takes minutes, and then clients come to another place: there is no use in asking sooner. */
const retryAfterSeconds = 30;

/** For a change of what is being moved to another database. */
export function fencedError(cause?: unknown): RegistryError {
  return new RegistryError("UNAVAILABLE", {
    message:
      "this registry is being moved to another place: pulls go on, pushes and other changes are taken there once it is done",
    headers: { "retry-after": `${retryAfterSeconds}` },
    cause,
  });
}
