import type { Brand } from "../lib/brand.ts";
import { naturalSortKey } from "../lib/natural-sort-key.ts";
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

/** As `naturalSortKey` has it: at most three times as long as the tag. */
export function tagSortKey(tag: Tag): string {
  return naturalSortKey(tag);
}

const attachedPattern = /^sha(?:256|512)-[0-9a-f]{64}(?:\.(?:sig|att|sbom))?$/;

/**
 * Whether a tag is no name of an image but where clients keep what belongs to one: cosign's signatures,
 * attestations and SBOMs (cosign `specs/SIGNATURE_SPEC.md`), and the index of `referrersTag`.
 */
export function isAttachedTag(tag: Tag): boolean {
  return attachedPattern.test(tag);
}

/** The tags under which cosign keeps what belongs to `digest`, by what they hold. */
export function cosignTags(digest: Digest): ReadonlyMap<Tag, "signature" | "attestation" | "sbom"> {
  const base = `${algorithmOf(digest)}-${hexOf(digest)}`;
  if (!attachedPattern.test(base)) return new Map();
  return new Map([
    [parseTag(`${base}.sig`), "signature"],
    [parseTag(`${base}.att`), "attestation"],
    [parseTag(`${base}.sbom`), "sbom"],
  ]);
}

/**
 * The tag under which clients keep an index of what refers to `digest` where the referrers API is
 * missing (distribution-spec §Referrers Tag Schema).
 */
export function referrersTag(digest: Digest): Tag {
  return parseTag(`${algorithmOf(digest).slice(0, 32)}-${hexOf(digest).slice(0, 64)}`);
}

function brokenRule(text: string): string {
  if (text === "") return "must not be empty";
  if (text.length > tagLengthMax) {
    return `must be at most ${tagLengthMax} characters long, not ${text.length}`;
  }
  return 'must begin with a letter, a digit or "_" and hold only these, "." and "-"';
}
