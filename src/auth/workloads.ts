import type { Database } from "../db/database.ts";
import type { CredentialRow, IssuerRow, PrincipalRow } from "../db/tables.ts";
import type { Clock } from "../lib/clock.ts";
import { sha256Hex } from "../lib/sha256.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { type ClaimMisfit, type ClaimPatterns, type Claims, misfitsOf } from "./claims.ts";
import { findCredentialByHash, insertCredential } from "./credential-store.ts";
import {
  type IdentityToken,
  readClaims,
  type TokenRefusal,
  verifyIdentityToken,
} from "./identity-token.ts";
import { createIssuerKeys, KeysUnavailable } from "./issuer-keys.ts";
import { prepareIssuerReads } from "./issuer-store.ts";
import { isIssuerUrl } from "./issuer-url.ts";
import { findPrincipal } from "./principal-store.ts";
import { isSpent, spendToken } from "./spent-token-store.ts";
import { findTrust, listTrusts, type NamedTrust, trustsOfIssuerMax } from "./trust-store.ts";

/** The name that stands for whichever robot the token's claims let in. */
export const workloadName = "oidc";
/** Robots that an explanation names. */
const namedMax = 5;

/** A rule beside a token. */
export interface JudgedTrust {
  readonly trust: NamedTrust;
  /** None: it lets the token in. */
  readonly misfits: readonly ClaimMisfit[];
}

/** Who a token would be, or what of it is wrong. */
export interface TokenJudgement {
  readonly issuer: IssuerRow | null;
  /** What the token says. Nothing of it is true unless `verified`. */
  readonly claims: Claims | null;
  readonly verified: IdentityToken | null;
  readonly refusal: TokenRefusal | null;
  readonly trusts: readonly JudgedTrust[];
  /** The rule that lets it in. */
  readonly trust: NamedTrust | null;
}

/** A token that signed in as a robot. */
export interface WorkloadSignIn {
  readonly robot: PrincipalRow | null;
  readonly credential: CredentialRow;
  readonly expiresAt: number;
  readonly judgement: TokenJudgement;
  /**
   * Uses the token up, as a password too: it is exchanged for something that lasts, and whoever comes with it
   * again is somebody else. What is wrong where that happened before; of two at once one hears so.
   */
  spend(): Promise<TokenRefusal | null>;
}

/** Jobs and programs that prove who they are by a token of an issuer that is trusted. */
export interface Workloads {
  /** `as`: the name given with it, a robot's or `oidc`. Nothing is kept of the token. */
  judge(token: string, as: string): Promise<TokenJudgement>;
  /**
   * Signs in. A token may come again and again until it expires: a client that signed in once with
   * `docker login` shows the same password at each push. Throws UNAVAILABLE while the issuer's keys cannot
   * be had.
   */
  signIn(token: string, as: string): Promise<WorkloadSignIn | RefusedSignIn>;
}

export interface RefusedSignIn {
  readonly judgement: TokenJudgement;
  readonly refusal: TokenRefusal;
}

export interface WorkloadsDeps {
  readonly db: Database;
  readonly clock: Clock;
  readonly isReadOnly?: () => boolean;
}

export function createWorkloads(deps: WorkloadsDeps): Workloads {
  const { db, clock } = deps;
  const issuers = prepareIssuerReads(db);
  const keys = createIssuerKeys({ clock });

  async function judge(token: string, as: string): Promise<TokenJudgement> {
    const claims = readClaims(token);
    const url = claims?.["iss"];
    // Anybody can send anything as `iss`, and PostgreSQL takes no NUL in texts.
    const issuer = typeof url === "string" && isIssuerUrl(url) ? await issuers.byUrl(url) : null;
    const nothing = { issuer, claims, verified: null, trusts: [], trust: null };
    if (claims === null) {
      return { ...nothing, refusal: { claim: "token", why: "it is no JSON Web Token" } };
    }
    if (issuer === null) {
      return { ...nothing, refusal: { claim: "iss", why: "no issuer of this name is trusted" } };
    }
    const verified = await verifyIdentityToken(token, { issuer, keys, now: clock.now() });
    if ("claim" in verified) return { ...nothing, refusal: verified };
    const all = await listTrusts(db.reads, {
      issuerId: issuer.id,
      after: "",
      limit: trustsOfIssuerMax,
    });
    const trusts = all
      .filter(({ robot }) => as === workloadName || as === robot)
      .map((trust) => ({ trust, misfits: misfitsOf(verified.claims, patternsOf(trust)) }));
    return { issuer, claims, verified, trusts, ...choose(trusts) };
  }

  /** One row for each subject as each robot: what records name, and what tokens that were issued end with. */
  async function credentialOf(
    issuer: IssuerRow,
    trust: NamedTrust,
    subject: string,
  ): Promise<CredentialRow | null> {
    const hash = sha256Hex(`workload ${issuer.id} ${trust.principal_id} ${subject}`);
    const known = await findCredentialByHash(db.reads, hash);
    if (known !== null) return known;
    assertWritable();
    return await db.transaction(async (tx) => {
      // The rule may have gone meanwhile, and all that came of it.
      if ((await findTrust(tx, trust.id)) === null) return null;
      const made = await findCredentialByHash(tx, hash);
      if (made !== null) return made;
      return await insertCredential(tx, {
        principalId: trust.principal_id,
        kind: "workload",
        issuerId: issuer.id,
        description: subject,
        hash,
        now: clock.now(),
        createdBy: null,
      });
    });
  }

  async function spend(hash: string, expiresAt: number): Promise<TokenRefusal | null> {
    assertWritable();
    const isFirst = await db.transaction((tx) => spendToken(tx, hash, expiresAt), "rows");
    return isFirst ? null : exchangedBefore;
  }

  function assertWritable(): void {
    if (deps.isReadOnly?.() !== true) return;
    throw unavailable("who signs in cannot be written down now");
  }

  return {
    judge,
    async signIn(token, as) {
      const judgement = await judge(token, as).catch((error: unknown) => {
        if (!(error instanceof KeysUnavailable)) throw error;
        throw unavailable("the keys of the token's issuer cannot be had", error);
      });
      const { issuer, verified, trust, refusal } = judgement;
      if (issuer === null || verified === null || trust === null || refusal !== null) {
        return { judgement, refusal: refusal ?? noTrust };
      }
      const { expiresAt } = verified;
      const hash = spentHash(issuer, token, verified);
      if (await isSpent(db.reads, hash)) return { judgement, refusal: exchangedBefore };
      const credential = await credentialOf(issuer, trust, verified.subject);
      if (credential === null) return { judgement, refusal: noTrust };
      const robot = await findPrincipal(db.reads, trust.principal_id);
      return { robot, credential, expiresAt, judgement, spend: () => spend(hash, expiresAt) };
    },
  };
}

const exchangedBefore: TokenRefusal = { claim: "jti", why: "it was exchanged before" };
const noTrust: TokenRefusal = { claim: "sub", why: "no rule lets tokens of this issuer in" };

/** The one robot that it may be; what is wrong with the token for the rule that it fits best. */
function choose(trusts: readonly JudgedTrust[]): Pick<TokenJudgement, "trust" | "refusal"> {
  const fitting = trusts.filter(({ misfits }) => misfits.length === 0).map(({ trust }) => trust);
  const [first = null] = fitting;
  const robots = [...new Set(fitting.map(({ robot }) => robot))];
  if (robots.length > 1) {
    const names = robots.slice(0, namedMax).join(", ");
    const why = `rules let it in as ${names}: sign in with the name of one`;
    return { trust: null, refusal: { claim: "username", why } };
  }
  if (first !== null) return { trust: first, refusal: null };
  const nearest = trusts.reduce<JudgedTrust | null>(
    (best, one) => (best === null || one.misfits.length < best.misfits.length ? one : best),
    null,
  );
  const misfit = nearest?.misfits[0];
  if (nearest === null || misfit === undefined) return { trust: null, refusal: noTrust };
  const { claim, wanted, found } = misfit;
  const is = found === null ? "it is missing" : `it is ${JSON.stringify(found)}`;
  const why = `${is}, and must be ${JSON.stringify(wanted)} to be ${nearest.trust.robot}`;
  return { trust: null, refusal: { claim, why } };
}

/** A signature can be written in more than one way: without an id, what was signed is the token. */
function spentHash(issuer: IssuerRow, token: string, { claims }: IdentityToken): string {
  const id = claims["jti"];
  const name = typeof id === "string" ? id : token.slice(0, token.lastIndexOf("."));
  return sha256Hex(`spent ${issuer.id} ${name}`);
}

export function patternsOf({ claims }: Pick<NamedTrust, "claims">): ClaimPatterns {
  return JSON.parse(claims) as ClaimPatterns;
}

function unavailable(message: string, cause?: unknown): RegistryError {
  return new RegistryError("UNAVAILABLE", {
    message: `${message}: try again in a minute`,
    headers: { "retry-after": "60" },
    cause,
  });
}
