import { RegistryError } from "../../oci/registry-error.ts";

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
  return new Response(body, {
    status: known.status,
    headers: {
      ...headers,
      ...known.headers,
      ...(known.status === 503 || known.status === 507 ? { "retry-after": "5" } : {}),
      "content-type": "application/json",
    },
  });
}
