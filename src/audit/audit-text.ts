import { excerpt, excerptLengthMax } from "../oci/registry-error.ts";

const depthMax = 4;
const entriesMax = 32;
/** Characters of a line's detail as JSON. */
const detailLengthMax = 4096;

/** Characters of a line's resource: the longest name of a repository with the longest tag fits. */
export const resourceLengthMax = 512;

/** The registry's own secrets, which people paste into the wrong field: a name, a description. */
const secretPattern = /berth_([a-z]{2,16})_[0-9A-Za-z]{16,}/g;

/** Somebody else's, by which one signs in as well. */
const tokenPattern = /\bey[\w-]{16,}\.ey[\w-]{16,}\.[\w-]*/g;

/** What a line may repeat of a text that somebody sent. */
export function auditText(text: string, lengthMax = excerptLengthMax): string {
  // Before the cut, which could leave half of one. The name `berth_` alone costs nothing to look for.
  const safe = text.includes("berth_") ? withoutSecrets(text) : text;
  const shown = safe.includes(".ey") ? safe.replace(tokenPattern, "(token removed)") : safe;
  return excerpt(shown, lengthMax);
}

function withoutSecrets(text: string): string {
  return text.replace(secretPattern, "berth_$1_(removed)");
}

/** An object as JSON: texts cut, lists and depth bounded, so that no line carries a whole input. */
export function detailText(detail: Readonly<Record<string, unknown>>): string {
  const text = JSON.stringify(bounded(detail, 0));
  if (text.length <= detailLengthMax) return text;
  return JSON.stringify({
    cut: true,
    keys: Object.keys(detail)
      .slice(0, 8)
      .map((key) => auditText(key)),
  });
}

function bounded(value: unknown, depth: number): unknown {
  switch (typeof value) {
    case "string":
      return auditText(value);
    case "number":
    case "boolean":
      return value;
    case "bigint":
      return auditText(String(value));
    case "object":
      break;
    default:
      return undefined;
  }
  if (value === null) return null;
  if (depth === depthMax) return "...";
  if (Array.isArray(value)) {
    const kept = value.slice(0, entriesMax).map((item) => bounded(item, depth + 1) ?? null);
    return value.length > entriesMax ? [...kept, `... ${value.length - entriesMax} more`] : kept;
  }
  const kept: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value).slice(0, entriesMax)) {
    const name = auditText(key);
    // An assignment to this name would set the prototype.
    if (name !== "__proto__") kept[name] = bounded(item, depth + 1);
  }
  return kept;
}
