import { RegistryError } from "../../oci/registry-error.ts";

/** For what may pass by itself, where the thrower knows no better. */
const retryAfterSeconds = 5;

/**
 * Writes an error as distribution-spec §Error Codes has it. Whatever is no `RegistryError` is an
 * opaque 500: what went wrong inside is for the log.
 */
export function errorResponse(error: unknown, headers: Readonly<Record<string, string>>): Response {
  const known =
    error instanceof RegistryError ? error : new RegistryError("UNKNOWN", { cause: error });
  const { code, message, detail } = known;
  const body = JSON.stringify({
    errors: [{ code, message, ...(detail === undefined ? {} : { detail }) }],
  });
  const all = new Headers({ ...headers, ...known.headers, "content-type": "application/json" });
  if ((known.status === 503 || known.status === 507) && !all.has("retry-after")) {
    all.set("retry-after", `${retryAfterSeconds}`);
  }
  return new Response(body, { status: known.status, headers: all });
}
