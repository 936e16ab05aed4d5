import { atEnd, endsBehind } from "../db/at-end.ts";
import type { Reads, Tx } from "../db/database.ts";
import type { Clock } from "../lib/clock.ts";
import { together } from "../lib/together.ts";
import {
  type AuditLine,
  auditKey,
  isSealed,
  type KeySource,
  rowHash,
  sealOf,
} from "./audit-chain.ts";
import { lockChain, readChain, readEnd, writeLine, writeSeal } from "./audit-store.ts";
import { auditText, detailText, resourceLengthMax } from "./audit-text.ts";

/** Who did it, from where, with which credential. */
export interface AuditActor {
  readonly id: string | null;
  readonly name: string;
  readonly credentialId: string | null;
  readonly address: string;
}

export interface AuditEntry {
  readonly actor: AuditActor;
  /** `noun.verb`: `tag.moved`, `user.created`, `session.opened`. */
  readonly action: string;
  /** What it was done to, as people write it: `team/app:v1`, `user alice`. */
  readonly resource: string;
  readonly projectId: string | null;
  readonly result: "done" | "refused";
  /** Never a secret. Long texts are cut. */
  readonly detail: Readonly<Record<string, unknown>>;
}

/** The record of what changed. */
export interface Audit {
  /** Writes a line in the transaction of the change that it tells of, at its end. */
  append(tx: Tx, entry: AuditEntry): void;
}

/**
 * Lines are chained by their hashes, and the end of the chain is sealed with a key that is not in the
 * database: what somebody changes in the file, `verifyAudit` names. An end that was not sealed here is
 * not sealed again by going on, or the next line would hide what was done.
 */
export function createAudit({ clock, secrets }: { clock: Clock; secrets: KeySource }): Audit {
  async function write(tx: Tx, entries: readonly AuditEntry[]): Promise<void> {
    // A server runs them one after the other: what is read was there when the lock was had.
    const [, end] = await together([lockChain(tx), readEnd(tx)]);
    // Not once and for all, and not before: keys rotate while the server runs, and this waited for that.
    const key = auditKey(secrets);
    endsBehind(tx, entries.length + 1);
    let { hash } = end;
    // The last line is not the end where somebody put one behind it, which must stop nobody.
    let seq = Math.max(end.seq, end.last_seq ?? 0);
    const at = Math.max(clock.now(), end.last_at ?? 0);
    const lines = entries.map((entry) => {
      seq += 1;
      const line = lineOf(entry, seq, at);
      hash = rowHash(hash, line);
      return writeLine(tx, line, hash);
    });
    const grown = { first_seq: end.first_seq, first_hash: end.first_hash, seq, hash };
    await together([...lines, writeSeal(tx, grown, sealOf(key, grown, end))]);
  }

  return { append: (tx, entry) => atEnd(tx, write, entry) };
}

function lineOf(entry: AuditEntry, seq: number, at: number): AuditLine {
  const { actor } = entry;
  return {
    seq,
    at,
    actor_id: actor.id,
    actor_name: auditText(actor.name),
    credential_id: actor.credentialId,
    address: auditText(actor.address),
    action: auditText(entry.action),
    resource: auditText(entry.resource, resourceLengthMax),
    project_id: entry.projectId,
    result: entry.result,
    detail: detailText(entry.detail),
  };
}

/** What to keep elsewhere, so that no end can be cut off unnoticed: `SEQ:HASH`; null before the first line. */
export async function auditHead(reads: Reads): Promise<string | null> {
  const { seq, hash } = await readChain(reads);
  return seq === 0 ? null : `${seq}:${hash}`;
}

/** Whether the key of `secrets` sealed the end of the chain, or there is nothing to seal yet. */
export async function isChainOf(reads: Reads, secrets: KeySource): Promise<boolean> {
  return isSealed(auditKey(secrets), await readChain(reads));
}

/**
 * Seals the chain with the key of `secrets` where one of the `earlier` sealed it. To be called wherever
 * the key changes, in the transaction from which on the new one is used. False when none of them did: then somebody else wrote its end, and
 * nothing is changed.
 */
export async function resealAuditChain(
  tx: Tx,
  secrets: KeySource,
  earlier: readonly KeySource[],
): Promise<boolean> {
  const chain = await readChain(tx);
  const key = auditKey(secrets);
  if (isSealed(key, chain)) return true;
  if (!earlier.some((source) => isSealed(auditKey(source), chain))) return false;
  await writeSeal(tx, chain, sealOf(key, chain, null));
  return true;
}
