import type { ApiCall } from "../access/endpoint.ts";
import { findCredential } from "../auth/credential-store.ts";
import { findPrincipal } from "../auth/principal-store.ts";
import type { Reads } from "../db/database.ts";
import { RegistryError } from "../oci/registry-error.ts";

/** What a robot that a robot makes stays within: else it would outlive and outreach its maker. */
export interface MakersBounds {
  /** Epoch milliseconds; null for no end. */
  readonly expiresAt: number | null;
  /** Lists of addresses, to each of which it is bound; none means from anywhere. */
  readonly cidrs: readonly (readonly string[])[];
}

/** People are bound by nothing: what they make is seen, and told of in the audit. */
export async function boundsOfMaker(reads: Reads, { principal }: ApiCall): Promise<MakersBounds> {
  if (principal.kind !== "robot") return { expiresAt: null, cidrs: [] };
  const { id, credentialId } = principal;
  const rows = [
    await findPrincipal(reads, id),
    credentialId === null ? null : await findCredential(reads, credentialId),
  ].filter((row) => row !== null);
  const ends = rows.map((row) => row.expires_at).filter((end) => end !== null);
  const lists = rows.map((row) => JSON.parse(row.cidrs) as string[]);
  return {
    expiresAt: ends.length === 0 ? null : Math.min(...ends),
    cidrs: lists.filter((list) => list.length > 0),
  };
}

export function withinExpiry(bounds: MakersBounds, expiresAt: number | null): number | null {
  if (bounds.expiresAt === null) return expiresAt;
  return Math.min(expiresAt ?? Number.POSITIVE_INFINITY, bounds.expiresAt);
}

/** Those asked for, else the maker's. Throws DENIED for one that the maker itself is not bound to. */
export function withinAddresses(bounds: MakersBounds, asked: readonly string[]): readonly string[] {
  if (asked.length === 0) return bounds.cidrs.at(-1) ?? [];
  const beyond = asked.find((range) => bounds.cidrs.some((list) => !list.includes(range)));
  if (beyond === undefined) return asked;
  throw new RegistryError("DENIED", {
    message: `${beyond} is none of the addresses that you are bound to yourself`,
    detail: { cidrs: asked, own: bounds.cidrs },
  });
}
