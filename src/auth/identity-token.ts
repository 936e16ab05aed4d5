import { errors, type JWTVerifyGetKey, jwtVerify } from "jose";
import type { IssuerRow } from "../db/tables.ts";
import type { Claims } from "./claims.ts";
import type { IssuerKeys } from "./issuer-keys.ts";

/** Characters. */
export const identityTokenLengthMax = 8_192;
/** By how much the clocks of issuers may differ from ours. */
const skewSeconds = 30;
/** A token that is good for longer is a password, and belongs to nobody's job. */
const lifetimeSecondsMax = 24 * 60 * 60;
/** Characters of a subject. */
const subjectLengthMax = 512;

/** Signatures alone: with a shared secret whoever checks could sign as well. */
const algorithms = [
  ...["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
  ...["ES256", "ES384", "ES512", "EdDSA", "Ed25519"],
];

/** Why a token is refused: what of it is wrong, for people who may know. */
export interface TokenRefusal {
  /** A claim, or `alg`, `kid` of its header, `signature`, or `token` where it is none. */
  readonly claim: string;
  readonly why: string;
}

/** What an issuer vouches for. */
export interface IdentityToken {
  readonly claims: Claims;
  readonly subject: string;
  /** Epoch milliseconds from which on nobody takes it. */
  readonly expiresAt: number;
}

/** Whether a password has the form of a JSON Web Token. */
export function looksLikeIdentityToken(text: string): boolean {
  return text.startsWith("ey") && /^[\w-]+\.[\w-]+\.[\w-]*$/.test(text);
}

/** What a token says, whoever made it: to find out whose it claims to be. Null for what is none. */
export function readClaims(token: string): Claims | null {
  if (token.length > identityTokenLengthMax || !looksLikeIdentityToken(token)) return null;
  try {
    const text = Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8");
    const claims: unknown = JSON.parse(text);
    const isObject = typeof claims === "object" && claims !== null && !Array.isArray(claims);
    return isObject ? (claims as Claims) : null;
  } catch {
    return null;
  }
}

/**
 * Holds a token against its issuer's keys and audiences, and against the time. Throws KeysUnavailable
 * while the keys cannot be had.
 */
export async function verifyIdentityToken(
  token: string,
  { issuer, keys, now }: { issuer: IssuerRow; keys: IssuerKeys; now: number },
): Promise<IdentityToken | TokenRefusal> {
  const known = await keys.of(issuer);
  try {
    return await verifyWith(token, issuer, known, now);
  } catch (error) {
    if (!(error instanceof errors.JWKSNoMatchingKey)) return refusalOf(error, issuer);
  }
  const newer = await keys.newer(issuer);
  if (newer === null) return { claim: "kid", why: "no key of the issuer has this kid and alg" };
  try {
    return await verifyWith(token, issuer, newer, now);
  } catch (error) {
    return refusalOf(error, issuer);
  }
}

async function verifyWith(
  token: string,
  issuer: IssuerRow,
  key: JWTVerifyGetKey,
  now: number,
): Promise<IdentityToken | TokenRefusal> {
  const { payload } = await jwtVerify(token, key, {
    algorithms,
    issuer: issuer.url,
    audience: JSON.parse(issuer.audiences) as string[],
    requiredClaims: ["sub", "iat", "exp"],
    maxTokenAge: lifetimeSecondsMax,
    clockTolerance: skewSeconds,
    currentDate: new Date(now),
  });
  const { sub = "", exp = 0, iat = 0 } = payload;
  if (exp - iat > lifetimeSecondsMax) {
    return { claim: "exp", why: `it is good for more than ${lifetimeSecondsMax} s` };
  }
  if (sub === "" || sub.length > subjectLengthMax || /\p{Cc}/u.test(sub)) {
    return { claim: "sub", why: `it must be 1 to ${subjectLengthMax} characters, none a control` };
  }
  // A NumericDate may have a fraction (RFC 7519 §2); columns of times have none.
  return { claims: payload, subject: sub, expiresAt: (Math.floor(exp) + skewSeconds) * 1000 };
}

function refusalOf(error: unknown, issuer: IssuerRow): TokenRefusal {
  if (error instanceof errors.JWTExpired) {
    return { claim: error.claim, why: "its time is over" };
  }
  if (error instanceof errors.JWTClaimValidationFailed) {
    const { claim, reason } = error;
    if (reason === "missing") return { claim, why: "it is missing" };
    return { claim, why: claim === "aud" ? audienceRule(issuer) : "it does not fit" };
  }
  if (error instanceof errors.JOSEAlgNotAllowed) {
    return { claim: "alg", why: `it must be one of ${algorithms.join(", ")}` };
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) {
    return { claim: "signature", why: "no key of the issuer made it" };
  }
  if (
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWKSMultipleMatchingKeys
  ) {
    return { claim: "kid", why: "it names no key of the issuer, or more than one" };
  }
  if (error instanceof errors.JOSEError || error instanceof TypeError) {
    return { claim: "token", why: "it is no signed JSON Web Token" };
  }
  throw error;
}

function audienceRule({ audiences }: IssuerRow): string {
  return `it must be one of ${(JSON.parse(audiences) as string[]).join(", ")}`;
}
