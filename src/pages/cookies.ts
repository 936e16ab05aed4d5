/** Bytes of a Cookie header that are looked at. */
const cookieHeaderBytesMax = 16 * 1024;

/** The names that this server gives: over https they are bound to the host (RFC 6265bis §4.1.3.2). */
export function cookieName(
  base: "berth" | "berth-form" | "berth-signin" | "berth-second" | "berth-provider",
  scheme: string,
): string {
  if (scheme !== "https") return base;
  // The host's cookies go with every request, and this one is large.
  return base === "berth-provider" ? `__Secure-${base}` : `__Host-${base}`;
}

/** The value of a cookie of the request; null where there is none, or more than one. */
export function readCookie(request: Request, name: string): string | null {
  const header = request.headers.get("cookie");
  if (header === null || header.length > cookieHeaderBytesMax) return null;
  const values = header
    .split(";")
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1));
  // Another host of the same site can add one, but cannot take away ours.
  return values.length === 1 ? (values[0] ?? null) : null;
}

/** A `Set-Cookie` line; `value` holds letters, digits, `.`, `_` and `-`. Without `maxAgeSeconds` it ends with the browser. */
export function setCookie(
  name: string,
  value: string,
  { scheme, path = "/", maxAgeSeconds }: { scheme: string; path?: string; maxAgeSeconds?: number },
): string {
  const parts = [`${name}=${value}`, `Path=${path}`, "HttpOnly", "SameSite=Lax"];
  if (scheme === "https") parts.push("Secure");
  if (maxAgeSeconds !== undefined) parts.push(`Max-Age=${maxAgeSeconds}`);
  return parts.join("; ");
}
