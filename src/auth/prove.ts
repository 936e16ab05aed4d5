import type { CredentialRow, PrincipalRow } from "../db/tables.ts";
import { createAddressMatcher } from "../platform/ip-address.ts";
import type { KnownPrincipal, Scope } from "./principal.ts";

/** Somebody who may act, for as long and from where it says. */
export interface Proof {
  readonly principal: KnownPrincipal;
  /** Epoch milliseconds. */
  readonly validUntil: number;
  /** Null: from anywhere. */
  readonly mayComeFrom: ((address: string) => boolean) | null;
}

/** Why somebody who is known does not get in: for the audit, never for them. */
export type Refusal =
  | "disabled"
  | "expired"
  | "address"
  | "password"
  | "name"
  | "unknown"
  | "token"
  | "passkey"
  | "recovery code"
  /** The password was right, and is not enough. */
  | "second factor";

/**
 * What rows say of a principal, and of the credential that it came with: null for a password. The
 * rows must be what the database holds now.
 */
export function prove(
  principal: PrincipalRow | null,
  credential: CredentialRow | null,
  now: number,
): Proof | Refusal {
  if (principal === null || principal.state === "deleted") return "unknown";
  if (credential !== null && credential.principal_id !== principal.id) return "unknown";
  if (principal.state !== "active") return "disabled";
  const validUntil = Math.min(
    principal.expires_at ?? Number.POSITIVE_INFINITY,
    credential?.expires_at ?? Number.POSITIVE_INFINITY,
  );
  if (validUntil <= now) return "expired";
  return {
    principal: {
      kind: principal.kind,
      id: principal.id,
      name: principal.name,
      generation: principal.generation,
      administrator: principal.administrator === 1,
      credentialId: credential?.id ?? null,
      credentialKind: kindOf(credential),
      scope: credential === null ? null : scopeOf(credential),
      ...workloadOf(credential),
    },
    validUntil,
    mayComeFrom: bothFrom(principal.cidrs, credential?.cidrs ?? "[]"),
  };
}

/** What came of a refresh token is no more than a token. */
function kindOf(credential: CredentialRow | null): KnownPrincipal["credentialKind"] {
  if (credential === null) return "password";
  return credential.kind === "refresh" ? "token" : credential.kind;
}

/** A refresh token's family begins with the id of the credential that it came of. */
function workloadOf(credential: CredentialRow | null): Pick<KnownPrincipal, "workload"> {
  if (credential === null || credential.issuer_id === null) return {};
  const id = credential.family?.split(".", 1)[0] ?? credential.id;
  return { workload: { id, subject: credential.description } };
}

function scopeOf({ scopes }: CredentialRow): Scope | null {
  return scopes === null ? null : (JSON.parse(scopes) as Scope);
}

function bothFrom(principal: string, credential: string): Proof["mayComeFrom"] {
  const first = matcherOf(principal);
  const second = matcherOf(credential);
  if (first === null) return second;
  if (second === null) return first;
  return (address) => first(address) && second(address);
}

function matcherOf(cidrs: string): Proof["mayComeFrom"] {
  if (cidrs === "[]") return null;
  const ranges = JSON.parse(cidrs) as string[];
  return ranges.length === 0 ? null : createAddressMatcher(ranges);
}
