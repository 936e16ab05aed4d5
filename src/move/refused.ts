import { RegistryError } from "../oci/registry-error.ts";

/** What keeps a move from being made, or from going on. */
export function refused(status: 400 | 409, message: string, cause?: unknown): RegistryError {
  return new RegistryError("DENIED", { status, message, cause });
}
