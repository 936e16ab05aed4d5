import type { AuditChainRow, AuditRow } from "../db/tables.ts";

/** The part of the secret box that the audit needs. */
export interface KeySource {
  derive(purpose: string): Buffer;
}

/** A line before it is chained. */
export type AuditLine = Omit<AuditRow, "hash">;

/** Where the chain begins and ends. */
export type ChainEnds = Omit<AuditChainRow, "id" | "mac">;

/** What stands in place of the seal since the end was found not to be sealed by this server. */
const brokenSeal = /^broken:(\d+)$/;

export function auditKey(secrets: KeySource): Buffer {
  return secrets.derive("audit");
}

/**
 * SHA-256, in hex, of the hash before the line and of each of its columns, as one JSON array: anybody
 * can compute it from an export.
 */
export function rowHash(previous: string, line: AuditLine): string {
  return Bun.SHA256.hash(
    JSON.stringify([
      previous,
      line.seq,
      line.at,
      line.actor_id,
      line.actor_name,
      line.credential_id,
      line.address,
      line.action,
      line.resource,
      line.project_id,
      line.result,
      line.detail,
    ]),
    "hex",
  );
}

/** Whether the holder of the key wrote both ends. A chain without lines needs no seal. */
export function isSealed(key: Buffer, chain: ChainEnds & { readonly mac: string }): boolean {
  if (chain.mac === "") return chain.seq === 0 && chain.first_seq === 1 && chain.hash === "";
  return chain.mac === macOf(key, chain);
}

/** The seal of `ends`, which came of `before`: broken where that one was not sealed. */
export function sealOf(
  key: Buffer,
  ends: ChainEnds,
  before: (ChainEnds & { readonly mac: string }) | null,
): string {
  if (before === null || isSealed(key, before)) return macOf(key, ends);
  return brokenSeal.test(before.mac) ? before.mac : `broken:${before.seq}`;
}

/** The line after which the end was found not to be sealed; null while nobody noticed. */
export function brokenAfter(mac: string): number | null {
  const match = brokenSeal.exec(mac);
  return match === null ? null : Number(match[1]);
}

/** HMAC-SHA-256, in hex. Compared with what is stored, in a place where nobody can time it. */
function macOf(key: Buffer, { first_seq, first_hash, seq, hash }: ChainEnds): string {
  const text = JSON.stringify([first_seq, first_hash, seq, hash]);
  if (made.text !== text || !made.key.equals(key)) {
    made = { key, text, mac: new Bun.CryptoHasher("sha256", key).update(text).digest("hex") };
  }
  return made.mac;
}

/** The last one: the end that a line is written behind is most often the one that was sealed last. */
let made: { key: Buffer; text: string; mac: string } = { key: Buffer.alloc(0), text: "", mac: "" };
