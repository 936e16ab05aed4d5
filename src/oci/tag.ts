import type { Brand } from "../lib/brand.ts";
import { algorithmOf, type Digest, hexOf } from "./digest.ts";
import { excerpt, RegistryError } from "./registry-error.ts";

/** A tag of distribution-spec §Pulling manifests: at most 128 characters, no `:` and no `/`. */
export type Tag = Brand<string, "Tag">;

/** Characters. */
export const tagLengthMax = 128;

const tagPattern = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;

/** Throws MANIFEST_INVALID, which names the value and the rule it breaks. */
export function parseTag(text: string): Tag {
  if (isTag(text)) return text;
  throw new RegistryError("MANIFEST_INVALID", {
    message: `invalid tag ${JSON.stringify(excerpt(text))}: ${brokenRule(text)}`,
    detail: { tag: excerpt(text) },
  });
}

export function isTag(text: string): text is Tag {
  return tagPattern.test(text);
}

/**
 * A key whose plain string order (also SQLite's BINARY and PostgreSQL's "C") is the order a person
 * expects of versions: v1.9 before v1.10. Different tags have different keys. ASCII, at most three
 * times as long as the tag.
 */
export function tagSortKey(tag: Tag): string {
  let lost = false;
  const key = tag.replace(/[0-9]+/g, (run) => {
    const digits = run.replace(/^0+(?=[0-9])/, "");
    if (digits.length !== run.length) lost = true;
    return lengthMark(digits.length) + digits;
  });
  // A space sorts before all that a tag may hold: 1.01 comes right behind 1.1 and before 1.1.0.
  return lost ? `${key} ${tag}` : key;
}

/**
 * The tag under which clients keep an index of what refers to `digest` where the referrers API is
 * missing (distribution-spec §Referrers Tag Schema).
 */
export function referrersTag(digest: Digest): Tag {
  return parseTag(`${algorithmOf(digest).slice(0, 32)}-${hexOf(digest).slice(0, 64)}`);
}

/** Sorts numbers by their count of digits first. ":" follows the digits and precedes the letters. */
function lengthMark(length: number): string {
  return length < 10 ? String(length) : `:${String(length).padStart(3, "0")}`;
}

function brokenRule(text: string): string {
  if (text === "") return "must not be empty";
  if (text.length > tagLengthMax) {
    return `must be at most ${tagLengthMax} characters long, not ${text.length}`;
  }
  return 'must begin with a letter, a digit or "_" and hold only these, "." and "-"';
}
