import { type Digest, parseDigest } from "./digest.ts";
import { parseTag, type Tag } from "./tag.ts";

/** What names a manifest within its repository: `<tag-or-digest>` of distribution-spec. */
export type Reference = { kind: "tag"; tag: Tag } | { kind: "digest"; digest: Digest };

/** Throws DIGEST_INVALID for what has a colon, which no tag may have, and MANIFEST_INVALID for the rest. */
export function parseReference(text: string): Reference {
  if (text.includes(":")) return { kind: "digest", digest: parseDigest(text) };
  return { kind: "tag", tag: parseTag(text) };
}

export function formatReference(reference: Reference): string {
  return reference.kind === "tag" ? reference.tag : reference.digest;
}
