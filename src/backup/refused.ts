import { RegistryError } from "../oci/registry-error.ts";

/** What keeps a backup from being made, or from being used. */
export function refused(status: 400 | 404 | 409, message: string, cause?: unknown): RegistryError {
  return new RegistryError("DENIED", { status, message, cause });
}
