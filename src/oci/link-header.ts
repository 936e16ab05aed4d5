/**
 * The Link header for the next page: `<path?a=b>; rel="next"` (distribution-spec §Listing tags,
 * RFC 8288). `path` and the values are encoded here; `path` keeps its slashes.
 */
export function formatNextLink(path: string, params: Readonly<Record<string, string>>): string {
  const query = Object.entries(params)
    .map(([key, value]) => `${encode(key)}=${encode(value)}`)
    .join("&");
  const target = path.split("/").map(encode).join("/");
  return `<${target}${query === "" ? "" : `?${query}`}>; rel="next"`;
}

function encode(text: string): string {
  // Digests and dates read better with their colons, and RFC 3986 allows them in path and query.
  return encodeURIComponent(text.toWellFormed()).replaceAll("%3A", ":");
}
