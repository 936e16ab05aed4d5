import type { Audit } from "../audit/audit.ts";
import type { Database, Reads, Tx } from "../db/database.ts";
import type { CredentialRow } from "../db/tables.ts";
import type { Clock } from "../lib/clock.ts";
import { uuidv7 } from "../lib/random.ts";
import { hashOfSecret, looksLikeSecret, makeSecret } from "../lib/secret-text.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { bumpAccessVersion } from "./access-version-store.ts";
import {
  deleteFamily,
  deleteSurplus,
  findCredential,
  findCredentialByHash,
  insertCredential,
  markUsed,
  setExpiry,
} from "./credential-store.ts";
import type { KnownPrincipal, Scope } from "./principal.ts";
import { findPrincipal } from "./principal-store.ts";
import { type Proof, prove } from "./prove.ts";

/** A refresh token that nobody uses ends after so long. */
const idleMs = 30 * 24 * 60 * 60 * 1000;
/** One that is used without being exchanged lasts longer, written down this seldom. */
const prolongEveryMs = 24 * 60 * 60 * 1000;
/** One that came of an identity token lasts as long as a job may take, and not from use to use. */
const workloadMs = 60 * 60 * 1000;
/** Of one principal, exchanged ones with them: a new one ends the oldest. */
const ofOneMax = 1_000;

/** What clients keep instead of a password (RFC 6749 §1.5). */
export interface RefreshTokens {
  /**
   * A new one for who just proved who they are. It reaches as far as the credential that it came of,
   * from the same addresses, and ends with it. Null for a session, which is for pages. Throws
   * UNAUTHORIZED where that credential has gone, or everything ended that was issued to them.
   */
  begin(principal: KnownPrincipal, address: () => string): Promise<string | null>;
  /**
   * Who holds it. With `rotate` it is used up, and `next` takes its place. One that was used up and
   * comes again was copied by somebody, and nobody can tell by whom: all that came of the same sign-in
   * end. Throws UNAUTHORIZED in the same words for everything.
   */
  redeem(
    token: string,
    options: { readonly rotate: boolean; readonly address: () => string },
  ): Promise<{ readonly principal: KnownPrincipal; readonly next: string | null }>;
}

export interface RefreshTokenDeps {
  readonly db: Database;
  readonly clock: Clock;
  readonly audit: Audit;
  /** Of the authenticator: called when a family ended. */
  readonly changed: () => void;
}

export function createRefreshTokens(deps: RefreshTokenDeps): RefreshTokens {
  const { db, clock } = deps;
  return {
    async begin(principal) {
      if (principal.credentialKind === "session") return null;
      return await db.transaction((tx) => insertFirst(tx, principal, clock.now()));
    },
    async redeem(token, { rotate, address }) {
      if (!looksLikeSecret(token, "berth_refresh_")) throw refused();
      const hash = hashOfSecret(token);
      // Before the write lock is asked for: guesses, and clients that keep theirs, must not queue before pushes.
      const seen = await look(db.reads, hash, clock.now(), address);
      if (seen === null) throw refused();
      const mustWrite = rotate || seen.kind === "reused" || isToProlong(seen, clock.now());
      if (!mustWrite) return { principal: seen.proof.principal, next: null };
      const outcome = await db.transaction((tx) => redeemIn(deps, tx, { hash, rotate, address }));
      if (outcome === "reused") deps.changed();
      if (typeof outcome === "string") throw refused();
      return outcome;
    },
  };
}

async function insertFirst(tx: Tx, principal: KnownPrincipal, now: number): Promise<string> {
  const { id, credentialId } = principal;
  // A password that was right a moment ago may have been replaced since: what came of it has ended.
  const holder = await findPrincipal(tx, id);
  const isSame = holder?.state === "active" && holder.generation === principal.generation;
  if (!isSame) throw refused();
  const parent = credentialId === null ? null : await findCredential(tx, credentialId);
  if (credentialId !== null && parent === null) throw refused();
  const { text } = await insertNext(tx, {
    principalId: id,
    scopes: parent === null ? null : scopesOf(parent),
    cidrs: parent === null ? [] : cidrsOf(parent),
    family: parent === null ? uuidv7() : `${parent.id}.${uuidv7()}`,
    expiresAt: Math.min(now + (parent?.issuer_id ? workloadMs : idleMs), endOf(parent)),
    now,
    // Records go on naming whom the token named.
    ...(parent?.issuer_id ? { issuerId: parent.issuer_id, description: parent.description } : {}),
  });
  await deleteSurplus(tx, id, "refresh", ofOneMax);
  return text;
}

type Seen =
  | { readonly kind: "reused"; readonly row: CredentialRow; readonly family: string }
  | {
      readonly kind: "good";
      readonly row: CredentialRow;
      readonly family: string;
      readonly proof: Proof;
      /** When the credential ends that it came of. */
      readonly latest: number;
    };

/** Null for whatever is refused. */
async function look(
  reads: Reads,
  hash: string,
  now: number,
  address: () => string,
): Promise<Seen | null> {
  const row = await findCredentialByHash(reads, hash);
  if (row === null || row.kind !== "refresh" || row.family === null) return null;
  const { family } = row;
  if (row.used_at !== null) return { kind: "reused", row, family };
  const proof = prove(await findPrincipal(reads, row.principal_id), row, now);
  if (typeof proof === "string") return null;
  if (proof.mayComeFrom !== null && !proof.mayComeFrom(address())) return null;
  const [parentId = "", more] = family.split(".");
  const parent = more === undefined ? null : await findCredential(reads, parentId);
  if (more !== undefined && parent === null) return null;
  const latest = row.issuer_id === null ? endOf(parent) : (row.expires_at ?? now);
  return latest <= now ? null : { kind: "good", row, family, proof, latest };
}

function isToProlong(seen: Seen, now: number): boolean {
  if (seen.kind === "reused") return false;
  return Math.min(now + idleMs, seen.latest) - (seen.row.expires_at ?? 0) >= prolongEveryMs;
}

/** Returns instead of throwing: the end of a family must be committed. */
async function redeemIn(
  { clock, audit }: RefreshTokenDeps,
  tx: Tx,
  asked: { hash: string; rotate: boolean; address: () => string },
): Promise<{ principal: KnownPrincipal; next: string | null } | "refused" | "reused"> {
  const now = clock.now();
  const seen = await look(tx, asked.hash, now, asked.address);
  if (seen === null) return "refused";
  if (seen.kind === "reused") {
    await endFamily(tx, audit, seen, asked.address());
    return "reused";
  }
  const { row, proof } = seen;
  const expiresAt = Math.min(now + idleMs, seen.latest);
  if (!asked.rotate) {
    await setExpiry(tx, row.id, expiresAt);
    return { principal: proof.principal, next: null };
  }
  await markUsed(tx, row.id, now);
  const next = await insertNext(tx, {
    principalId: row.principal_id,
    scopes: scopesOf(row),
    cidrs: cidrsOf(row),
    family: seen.family,
    expiresAt,
    now,
    issuerId: row.issuer_id,
    description: row.description,
  });
  await deleteSurplus(tx, row.principal_id, "refresh", ofOneMax);
  return { principal: { ...proof.principal, credentialId: next.row.id }, next: next.text };
}

async function insertNext(
  tx: Tx,
  next: {
    principalId: string;
    scopes: Scope | null;
    cidrs: readonly string[];
    family: string;
    expiresAt: number;
    now: number;
    issuerId?: string | null;
    description?: string;
  },
): Promise<{ text: string; row: CredentialRow }> {
  const { text, hash } = makeSecret("berth_refresh_");
  const row = await insertCredential(tx, {
    ...next,
    kind: "refresh",
    hash,
    createdBy: next.principalId,
  });
  return { text, row };
}

async function endFamily(
  tx: Tx,
  audit: Audit,
  { row, family }: { row: CredentialRow; family: string },
  address: string,
): Promise<void> {
  const holder = await findPrincipal(tx, row.principal_id);
  await deleteFamily(tx, family);
  await bumpAccessVersion(tx);
  audit.append(tx, {
    actor: {
      id: row.principal_id,
      name: holder?.name ?? "(unknown)",
      credentialId: row.id,
      address,
    },
    action: "token.revoked",
    resource: holder === null ? "registry" : `${holder.kind} ${holder.name}`,
    projectId: null,
    result: "done",
    detail: { reason: "a refresh token came a second time" },
  });
}

/** Epoch milliseconds. */
function endOf(parent: CredentialRow | null): number {
  return parent?.expires_at ?? Number.POSITIVE_INFINITY;
}

function cidrsOf({ cidrs }: CredentialRow): string[] {
  return JSON.parse(cidrs) as string[];
}

function scopesOf({ scopes }: CredentialRow): Scope | null {
  return scopes === null ? null : (JSON.parse(scopes) as Scope);
}

function refused(): RegistryError {
  return new RegistryError("UNAUTHORIZED", {
    message: "the refresh token is wrong, expired, or was used before",
  });
}
