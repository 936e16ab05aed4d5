import { isJsonObject, type JsonValue } from "./strict-json.ts";

/** Characters: a manifest may say anything. */
const platformLengthMax = 64;

/** `linux/arm64/v8` of an image's configuration or of an entry of an index; null where it says none. */
export function formatPlatform(value: JsonValue | undefined): string | null {
  if (!isJsonObject(value)) return null;
  const { os, architecture, variant } = value;
  const parts = [os, architecture, variant].filter((part) => isName(part));
  // BuildKit gives attestations, which are for no platform, the platform unknown/unknown.
  if (parts.length < 2 || os === "unknown") return null;
  return parts.join("/").slice(0, platformLengthMax);
}

function isName(part: unknown): part is string {
  return typeof part === "string" && /^[\w.-]+$/.test(part);
}
