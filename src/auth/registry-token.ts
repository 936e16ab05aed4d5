import { randomBytes } from "node:crypto";
import { jwtVerify, SignJWT } from "jose";
import { z } from "zod";
import type { Database } from "../db/database.ts";
import type { Clock } from "../lib/clock.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { Anonymous, KnownPrincipal, Scope, ScopeEntry } from "./principal.ts";
import type { SecretBox } from "./secret-box.ts";
import { shortId, wholeId } from "./short-id.ts";
import { createSigningKeys } from "./signing-keys.ts";

/** How long a registry token lasts. */
const tokenSeconds = 300;
/** Characters. Longer ones do not fit into what proxies take as a header, and are neither made nor read. */
export const tokenLengthMax = 4096;
/** By how much clocks of nodes may differ. */
const skewSeconds = 5;

/** One entry of `access`, in the words of the distribution project's token specification. */
export interface TokenAccess {
  readonly type: "repository" | "registry";
  readonly name: string;
  readonly actions: readonly string[];
  /** What the name meant when the token was issued; null where there was no such thing. */
  readonly pid: string | null;
  readonly rid: string | null;
}

export interface TokenClaims {
  readonly principal: KnownPrincipal | Anonymous;
  readonly access: readonly TokenAccess[];
}

export interface IssuedToken {
  readonly token: string;
  readonly expiresInSeconds: number;
  /** Epoch milliseconds, of a whole second. */
  readonly issuedAt: number;
}

/** What a token says that was not forged. Whether its holder is still there is another question. */
export interface VerifiedToken {
  /** Null for an anonymous one. */
  readonly holder: {
    readonly id: string;
    readonly generation: number;
    readonly credentialId: string | null;
  } | null;
  readonly scope: Scope;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
}

/**
 * Makes and reads registry tokens: JSON Web Tokens (RFC 7519) signed with Ed25519 (RFC 8037). They say
 * no more than is read: each request brings one, and a pull takes longer by its length.
 */
export interface TokenIssuer {
  /** Throws UNSUPPORTED (400) when the entries make it longer than `tokenLengthMax`. */
  issue(claims: TokenClaims): Promise<IssuedToken>;
  /** Throws UNAUTHORIZED for everything but a token of this registry that is still good. */
  verify(token: string): Promise<VerifiedToken>;
  /** The public keys, as a JSON Web Key Set (RFC 7517): those of the future and of the past too. */
  jwks(): { keys: readonly object[] };
  /** To be called at the start and once a day at least: makes the next key in time, removes old ones. */
  rotateIfDue(): Promise<void>;
}

export interface TokenIssuerDeps {
  readonly db: Database;
  readonly clock: Clock;
  readonly secrets: SecretBox;
  /** The public origin, which the claims `iss` and `aud` name; null where it is not known. */
  readonly issuer: () => string | null;
}

/** Who issues tokens, where the registry does not know its own address. */
const namelessIssuer = "berth";

export function createTokenIssuer(deps: TokenIssuerDeps): TokenIssuer {
  const { clock } = deps;
  const keys = createSigningKeys(deps);
  const origin = () => deps.issuer() ?? namelessIssuer;

  return {
    async issue({ principal, access }) {
      const key = await keys.current();
      const now = Math.floor(clock.now() / 1000);
      const token = await new SignJWT({
        iss: origin(),
        aud: origin(),
        sub: principal.kind === "anonymous" ? "" : shortId(principal.id),
        gen: principal.kind === "anonymous" ? 0 : principal.generation,
        cid: principal.kind === "anonymous" ? null : shortOrNull(principal.credentialId),
        iat: now,
        exp: now + tokenSeconds,
        jti: randomBytes(12).toString("base64url"),
        access: access.map(({ pid, rid, ...entry }) => ({
          ...entry,
          pid: shortOrNull(pid),
          rid: shortOrNull(rid),
        })),
      })
        .setProtectedHeader(key.header)
        .sign(key.privateKey);
      if (token.length > tokenLengthMax) {
        throw new RegistryError("UNSUPPORTED", {
          status: 400,
          message: "a token for so much would be too long: ask for fewer repositories at once",
        });
      }
      return { token, expiresInSeconds: tokenSeconds, issuedAt: now * 1000 };
    },

    async verify(token) {
      const [header = "", payload = "", signature = "", ...more] =
        token.length > tokenLengthMax ? [] : token.split(".");
      if (more.length > 0 || !isCanonical(payload) || !isCanonical(signature)) throw forged();
      // The header must be, byte for byte, one that this registry writes. So `alg`, `kid`, `jwk`, `crit`
      // and whatever else one may think of are settled before anything in the token is believed.
      const key = await keys.ofHeader(header);
      if (key === null) throw forged();
      try {
        await jwtVerify(token, key.publicKey, {
          algorithms: ["EdDSA"],
          typ: "JWT",
          issuer: origin(),
          audience: origin(),
          requiredClaims: ["sub", "jti", "iat", "exp"],
          maxTokenAge: tokenSeconds,
          clockTolerance: skewSeconds,
          currentDate: new Date(clock.now()),
        });
      } catch (error) {
        throw forged(error);
      }
      return readPayload(payload);
    },

    jwks: keys.jwks,
    rotateIfDue: keys.rotateIfDue,
  };
}

/** Another spelling of the same bytes is none of ours. */
function isCanonical(segment: string): boolean {
  return segment !== "" && Buffer.from(segment, "base64url").toString("base64url") === segment;
}

function shortOrNull(id: string | null): string | null {
  return id === null ? null : shortId(id);
}

const id = z.string().max(64).transform(wholeId);
const payloadSchema = z.strictObject({
  iss: z.string(),
  aud: z.string(),
  sub: id,
  gen: z.int().nonnegative(),
  cid: id.nullable(),
  iat: z.int(),
  exp: z.int(),
  jti: z.string().min(16),
  access: z.array(
    z.strictObject({
      type: z.enum(["repository", "registry"]),
      name: z.string(),
      actions: z.array(z.string()),
      pid: id.nullable(),
      rid: id.nullable(),
    }),
  ),
  // Berth 0.2 wrote these as well. Its tokens are good for five minutes after an upgrade.
  name: z.string().optional(),
  nbf: z.int().optional(),
});

function readPayload(segment: string): VerifiedToken {
  const text = Buffer.from(segment, "base64url").toString("utf8");
  const read = payloadSchema.safeParse(JSON.parse(text));
  if (!read.success) throw forged();
  const { sub, gen, cid, iat, exp, access } = read.data;
  // Of a claim that comes twice the parser keeps one: what is read must be all that was signed.
  if (JSON.stringify(JSON.parse(text)) !== text) throw forged();
  if (exp - iat > tokenSeconds || exp <= iat) throw forged();
  return {
    holder: sub === "" ? null : { id: sub, generation: gen, credentialId: cid },
    scope: access.map((entry) => scopeEntry(entry, iat * 1000)),
    expiresAt: exp * 1000,
  };
}

function scopeEntry(access: TokenAccess, at: number): ScopeEntry {
  const { type, name, actions, pid, rid } = access;
  if (type === "registry") {
    return { pattern: "*", actions: name === "catalog" ? ["registry:list"] : [] };
  }
  return {
    pattern: name,
    actions: actions.map((action) => `repository:${action}`),
    issuedFor: { projectId: pid, repositoryId: rid, at },
  };
}

function forged(cause?: unknown): RegistryError {
  return new RegistryError("UNAUTHORIZED", {
    message: "the token is not one of this registry, or its time is over",
    cause,
  });
}
