import { RegistryError } from "../oci/registry-error.ts";

/** Seconds after which a client may try again. */
const retryAfterSeconds = 5;

/** The database server cannot be reached, or does not answer: what was asked of it was not done. */
export class DatabaseAwayError extends RegistryError {
  constructor(cause: unknown, message = "the database cannot be reached at the moment") {
    super("UNAVAILABLE", {
      message,
      headers: { "retry-after": `${retryAfterSeconds}` },
      cause,
    });
  }
}

/** Also where somebody wrapped it. */
export function isAway(error: unknown): boolean {
  if (error instanceof DatabaseAwayError) return true;
  return error instanceof Error && error.cause !== undefined && isAway(error.cause);
}
