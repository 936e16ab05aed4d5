import type { Tables } from "../db/tables.ts";

/** A table whose rows go along. */
export interface MovedTable<Name extends keyof Tables = keyof Tables> {
  readonly kind: "moved";
  /** Its primary key: rows are read and written in its order. */
  readonly key: readonly (keyof Tables[Name] & string)[];
  /** The migrations put a row in, whose place is taken. */
  readonly isSeeded?: true;
  /** The column that tells how many bytes a row has, where that may be many. */
  readonly sizedBy?: keyof Tables[Name] & string;
  /** Rows are not the same at both ends: a blob has another key in another store. */
  readonly isBlobs?: true;
}

/** A table that the target has of its own. */
export interface OwnTable {
  readonly kind: "own";
  /** Nothing may change here either while rows are copied: what would go on here must begin there. */
  readonly isFenced?: true;
}

const own: OwnTable = { kind: "own" };

function moved<Key extends string>(...key: Key[]) {
  return { kind: "moved", key } as const;
}

const blobs = { ...moved("digest"), isBlobs: true } as const;

/** Every table, in the order in which they are copied: a row comes after those that it refers to. */
export const tablePlan: { readonly [Name in keyof Tables]: MovedTable<Name> | OwnTable } = {
  migrations: own,
  moves: own,
  verify_pass: own,
  // Of the servers of each end, which go on with them.
  nodes: own,
  chores: own,
  // Of the bytes in the earlier store.
  blob_deletions: own,
  gc_state: own,
  // Sessions end: their bytes are on their way to the earlier store. Clients begin again.
  uploads: { kind: "own", isFenced: true },
  projects: moved("id"),
  repositories: moved("id"),
  blobs,
  repository_blobs: moved("repository_id", "digest"),
  manifests: { ...moved("repository_id", "digest"), sizedBy: "size" },
  images: moved("repository_id", "digest"),
  manifest_edges: moved("repository_id", "parent", "child"),
  repository_absences: moved("id"),
  manifest_absences: moved("repository_id", "digest", "gone_at"),
  tags: moved("repository_id", "name"),
  tag_history: moved("repository_id", "tag", "version"),
  trash: moved("id"),
  principals: moved("id"),
  stars: moved("id"),
  storage_days: moved("day"),
  issuers: moved("id"),
  trusts: moved("id"),
  spent_tokens: moved("hash"),
  credentials: moved("id"),
  invitations: moved("id"),
  // Good for ten minutes, of programs that wait at the earlier address.
  device_sign_ins: own,
  passkeys: moved("id"),
  recovery_codes: moved("hash"),
  // Good for minutes, of browsers at the earlier address.
  passkey_questions: own,
  signing_keys: moved("id"),
  groups: moved("id"),
  group_members: moved("group_id", "principal_id"),
  providers: moved("id"),
  identities: moved("id"),
  group_rules: moved("id"),
  roles: moved("id"),
  grants: moved("id"),
  tag_rules: moved("id"),
  rate_limits: moved("id"),
  access_version: { ...moved("id"), isSeeded: true },
  audit: moved("seq"),
  audit_chain: { ...moved("id"), isSeeded: true },
  pulls: moved("id"),
  pull_days: moved("repository_id", "digest", "principal_id", "day"),
  idempotency_keys: moved("principal_id", "key"),
  webhooks: moved("id"),
  webhook_deliveries: moved("id"),
  event_cursor: { ...moved("id"), isSeeded: true },
};

/** A moved table and its name. */
export interface NamedTable extends Omit<MovedTable, "key" | "sizedBy"> {
  readonly name: string;
  readonly key: readonly string[];
  readonly sizedBy?: string;
}

export const movedTables: readonly NamedTable[] = Object.entries(tablePlan).flatMap(
  ([name, plan]) => (plan.kind === "moved" ? [{ ...plan, name }] : []),
);

export const blobsTable: NamedTable = { ...blobs, name: "blobs" };

/** Those that take no changes while they are moved. */
export const fencedTables: readonly string[] = Object.entries(tablePlan).flatMap(([name, plan]) =>
  plan.kind === "moved" || plan.isFenced ? [name] : [],
);
