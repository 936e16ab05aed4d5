import type { Tx } from "../db/database.ts";

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
  /** Never a secret. */
  readonly detail: Readonly<Record<string, unknown>>;
}

/** The record of what changed. */
export interface Audit {
  /** Writes a line in the transaction of the change that it tells of. */
  append(tx: Tx, entry: AuditEntry): Promise<void>;
}
