import { RegistryError } from "../oci/registry-error.ts";

/** Seconds after which a client may try again. */
const retryAfterSeconds = 2;

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

/** The connection broke while the change was committed: it may be there or not. Nothing of it may be undone. */
export class OutcomeUnknownError extends RegistryError {
  constructor(cause: unknown) {
    super("UNAVAILABLE", {
      message: "the database was lost while it committed: whether the change is there is not known",
      headers: { "retry-after": `${retryAfterSeconds}` },
      cause,
    });
  }
}
