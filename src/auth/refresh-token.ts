import type { Audit } from "../audit/audit.ts";
import type { Database, Tx } from "../db/database.ts";
import type { CredentialRow, PrincipalRow } from "../db/tables.ts";
import type { Clock } from "../lib/clock.ts";
import { uuidv7 } from "../lib/random.ts";
import { hashOfSecret, looksLikeSecret, makeSecret } from "../lib/secret-text.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { bumpAccessVersion } from "./access-version-store.ts";
import {
  deleteFamily,
  findCredential,
  findCredentialByHash,
  insertCredential,
  markUsed,
} from "./credential-store.ts";
import type { KnownPrincipal, Scope } from "./principal.ts";
import { findPrincipal } from "./principal-store.ts";
import { prove } from "./prove.ts";

/** A refresh token that nobody exchanges ends after so long. */
const refreshMs = 30 * 24 * 60 * 60 * 1000;

/**
 * A refresh token for who just proved who they are. It reaches as far as the credential that it came
 * of, from the same addresses, and ends with it. Throws UNAUTHORIZED where that one has gone.
 */
export async function issueRefreshToken(
  tx: Tx,
  { principal, now }: { principal: KnownPrincipal; now: number },
): Promise<string> {
  const { credentialId } = principal;
  const parent = credentialId === null ? null : await findCredential(tx, credentialId);
  if (credentialId !== null && parent === null) throw refused();
  const { text } = await insertNext(tx, {
    principalId: principal.id,
    scopes: parent === null ? null : scopesOf(parent),
    cidrs: parent === null ? [] : (JSON.parse(parent.cidrs) as string[]),
    family: parent === null ? uuidv7() : `${parent.id}.${uuidv7()}`,
    expiresAt: Math.min(now + refreshMs, parent?.expires_at ?? Number.POSITIVE_INFINITY),
    now,
  });
  return text;
}

export interface ExchangeDeps {
  readonly db: Database;
  readonly clock: Clock;
  readonly audit: Audit;
  /** Of the authenticator: called when a family ended. */
  readonly changed: () => void;
}

export interface Exchanged {
  readonly principal: KnownPrincipal;
  /** Instead of the one that came, which is worth nothing from now on. */
  readonly refreshToken: string;
}

/**
 * Exchanges a refresh token, once. One that comes again was copied by somebody, and nobody can tell
 * by whom: all that came of the same sign-in end. Throws UNAUTHORIZED in the same words for everything.
 */
export async function exchangeRefreshToken(
  deps: ExchangeDeps,
  text: string,
  address: () => string,
): Promise<Exchanged> {
  if (!looksLikeSecret(text, "berth_refresh_")) throw refused();
  const hash = hashOfSecret(text);
  // Before the write lock is asked for: guesses must not queue up before pushes.
  if ((await findCredentialByHash(deps.db.reads, hash)) === null) throw refused();
  const outcome = await deps.db.transaction((tx) => exchange(deps, tx, hash, address));
  if (outcome === "reused") deps.changed();
  if (typeof outcome === "string") throw refused();
  return outcome;
}

/** Returns instead of throwing: the end of a family must be committed. */
async function exchange(
  { clock, audit }: ExchangeDeps,
  tx: Tx,
  hash: string,
  address: () => string,
): Promise<Exchanged | "refused" | "reused"> {
  const now = clock.now();
  const row = await findCredentialByHash(tx, hash);
  if (row === null || row.kind !== "refresh" || row.family === null) return "refused";
  const holder = await findPrincipal(tx, row.principal_id);
  if (row.used_at !== null) {
    await endFamily(tx, audit, { row, family: row.family, holder, address: address() });
    return "reused";
  }
  const proof = prove(holder, row, now);
  if (typeof proof === "string") return "refused";
  if (proof.mayComeFrom !== null && !proof.mayComeFrom(address())) return "refused";
  const [parentId = "", more] = row.family.split(".");
  const parent = more === undefined ? null : await findCredential(tx, parentId);
  if (more !== undefined && parent === null) return "refused";
  const ends = parent?.expires_at ?? Number.POSITIVE_INFINITY;
  if (ends <= now) return "refused";
  await markUsed(tx, row.id, now);
  const next = await insertNext(tx, {
    principalId: row.principal_id,
    scopes: scopesOf(row),
    cidrs: JSON.parse(row.cidrs) as string[],
    family: row.family,
    expiresAt: Math.min(now + refreshMs, ends),
    now,
  });
  return {
    principal: { ...proof.principal, credentialId: next.row.id },
    refreshToken: next.text,
  };
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
  reused: { row: CredentialRow; family: string; holder: PrincipalRow | null; address: string },
): Promise<void> {
  const { row, family, holder, address } = reused;
  await deleteFamily(tx, family);
  await bumpAccessVersion(tx);
  await audit.append(tx, {
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

function scopesOf({ scopes }: CredentialRow): Scope | null {
  return scopes === null ? null : (JSON.parse(scopes) as Scope);
}

function refused(): RegistryError {
  return new RegistryError("UNAUTHORIZED", {
    message: "the refresh token is wrong, expired, or was used before",
  });
}
