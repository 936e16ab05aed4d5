import type { Brand } from "../lib/brand.ts";
import { excerpt, RegistryError } from "./registry-error.ts";

/** `<algorithm>:<hex>` (image-spec descriptor.md §Digests). Safe to build a path from: nothing else passes. */
export type Digest = Brand<string, "Digest">;

/** The algorithms that image-spec registers and Berth stores; the others are refused by name. */
export type DigestAlgorithm = "sha256" | "sha512";

const hexLengthByAlgorithm: Readonly<Record<DigestAlgorithm, number>> = { sha256: 64, sha512: 128 };
const digestPattern = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

/** Throws DIGEST_INVALID, which names the value and the rule it breaks. */
export function parseDigest(text: string): Digest {
  if (!isDigest(text)) throw invalid(text, brokenRule(text));
  return text;
}

export function isDigest(text: string): text is Digest {
  return digestPattern.test(text);
}

export function algorithmOf(digest: Digest): DigestAlgorithm {
  return digest.startsWith("sha256:") ? "sha256" : "sha512";
}

/** The lowercase hex after the colon. */
export function hexOf(digest: Digest): string {
  return digest.slice("sha256:".length);
}

/** Reads `?digest-algorithm=`. Throws DIGEST_INVALID for what is not stored here. */
export function parseDigestAlgorithm(text: string): DigestAlgorithm {
  if (text === "sha256" || text === "sha512") return text;
  throw new RegistryError("DIGEST_INVALID", {
    message: `digest algorithm ${quote(text)} is not supported: use sha256 or sha512`,
    detail: { algorithm: excerpt(text) },
  });
}

/** Joins what a hash function returned. Throws DIGEST_INVALID when `hex` is not of that algorithm. */
export function digestOf(algorithm: DigestAlgorithm, hex: string): Digest {
  return parseDigest(`${algorithm}:${hex}`);
}

function invalid(text: string, rule: string): RegistryError {
  return new RegistryError("DIGEST_INVALID", {
    message: `invalid digest ${quote(text)}: ${rule}`,
    detail: { digest: excerpt(text) },
  });
}

function brokenRule(text: string): string {
  const colon = text.indexOf(":");
  if (colon < 1) return "must be <algorithm>:<hex>";
  const algorithm = text.slice(0, colon);
  if (algorithm !== "sha256" && algorithm !== "sha512") return "algorithm must be sha256 or sha512";
  const length = hexLengthByAlgorithm[algorithm];
  const given = text.length - colon - 1;
  if (given !== length) return `${algorithm} has ${length} hexadecimal digits, not ${given}`;
  return `${algorithm}: must be followed by lowercase hexadecimal digits only`;
}

function quote(text: string): string {
  return JSON.stringify(excerpt(text));
}
