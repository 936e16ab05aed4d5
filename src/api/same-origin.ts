import { RegistryError } from "../oci/registry-error.ts";
import type { RequestContext } from "../platform/http/request-context.ts";

/**
 * Refuses changes that a page of another site asks a browser for. Browsers say where a change comes
 * from; other clients do not, and bring no cookie that would prove who they are.
 */
export function refuseCrossSite(context: RequestContext, publicOrigin: string | null): void {
  const { method, headers } = context.request;
  if (method === "GET" || method === "HEAD") return;
  const origin = headers.get("origin");
  const site = headers.get("sec-fetch-site");
  if (origin !== null) {
    if (origin === publicOrigin || origin === `${context.scheme}://${headers.get("host")}`) return;
  } else if (site !== null) {
    if (site === "same-origin") return;
  } else if (!headers.has("cookie") || headers.has("authorization")) {
    return;
  }
  throw new RegistryError("DENIED", {
    message: "this change comes from a page of another site: only pages of this registry may ask",
  });
}
