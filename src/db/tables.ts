import type { Generated } from "kysely";
import type { BlobKey, StagedState } from "../blobs/blob-store.ts";
import type { Digest, DigestAlgorithm } from "../oci/digest.ts";
import type { ProjectName, RepositoryName } from "../oci/repository-name.ts";
import type { Tag } from "../oci/tag.ts";

/**
 * Every table, once. Times are epoch milliseconds, digests text, JSON text, ids UUIDv7 made by the
 * program. A column that names an actor is null for an anonymous one.
 */
export interface Tables {
  migrations: MigrationRow;
  projects: ProjectRow;
  repositories: RepositoryRow;
  blobs: BlobRow;
  repository_blobs: RepositoryBlobRow;
  manifests: ManifestRow;
  images: ImageRow;
  manifest_edges: ManifestEdgeRow;
  tags: TagRow;
  tag_history: TagHistoryRow;
  trash: TrashRow;
  uploads: UploadRow;
  principals: PrincipalRow;
  credentials: CredentialRow;
  invitations: InvitationRow;
  device_sign_ins: DeviceSignInRow;
  passkeys: PasskeyRow;
  recovery_codes: RecoveryCodeRow;
  passkey_questions: PasskeyQuestionRow;
  signing_keys: SigningKeyRow;
  groups: GroupRow;
  group_members: GroupMemberRow;
  roles: RoleRow;
  grants: GrantRow;
  tag_rules: TagRuleRow;
  rate_limits: RateLimitRow;
  access_version: AccessVersionRow;
  audit: AuditRow;
  audit_chain: AuditChainRow;
  pulls: PullRow;
  pull_days: PullDayRow;
  idempotency_keys: IdempotencyKeyRow;
  nodes: NodeRow;
  chores: ChoreRow;
  moves: MoveRow;
  manifest_absences: ManifestAbsenceRow;
  repository_absences: RepositoryAbsenceRow;
  blob_deletions: BlobDeletionRow;
  gc_state: GcStateRow;
  verify_pass: VerifyPassRow;
  issuers: IssuerRow;
  trusts: TrustRow;
  spent_tokens: SpentTokenRow;
  webhooks: WebhookRow;
  webhook_deliveries: WebhookDeliveryRow;
  event_cursor: EventCursorRow;
  providers: ProviderRow;
  identities: IdentityRow;
  group_rules: GroupRuleRow;
  stars: StarRow;
  storage_days: StorageDayRow;
}

/** What a user marked for themselves: a project or a repository. */
export interface StarRow {
  id: string;
  principal_id: string;
  project_id: string | null;
  repository_id: string | null;
  created_at: number;
}

/** How much there was on a day, as of the last time somebody counted on it. */
export interface StorageDayRow {
  /** `2026-11-29`, UTC. */
  day: string;
  stored_bytes: number;
  /** If nothing were shared. */
  logical_bytes: number;
  trash_bytes: number;
  blobs: number;
  measured_at: number;
}

/** Trashed rows stay where they are until garbage collection removes them. */
type RowState = "live" | "trashed";

interface MigrationRow {
  name: string;
  applied_at: number;
  /** The release that brought it, counted from 1. There since 0003-releases. */
  release: Generated<number>;
}

/** The first component of repository names. `generation` counts the projects that had this name. */
export interface ProjectRow {
  id: string;
  name: ProjectName;
  generation: number;
  state: RowState;
  created_at: number;
  created_by: string | null;
  visibility: Generated<Visibility>;
  description: Generated<string>;
  /** JSON: addresses and ranges from which alone the project is reached; none means from anywhere. */
  cidrs: Generated<string>;
  version: Generated<number>;
  trashed_at: Generated<number | null>;
  trashed_by: Generated<string | null>;
  /** How long what is deleted in it can be restored. */
  trash_days: Generated<number>;
  /** After how long manifests without a tag go to the trash; null: never. */
  untagged_days: Generated<number | null>;
}

/** Who may read without a grant: nobody, everybody who signed in, everybody. */
export type Visibility = "private" | "internal" | "public";

export interface RepositoryRow {
  id: string;
  project_id: string;
  name: RepositoryName;
  state: RowState;
  created_at: number;
  created_by: string | null;
  /** Null: the project's. May only be narrower than that. */
  visibility: Generated<Visibility | null>;
  description: Generated<string>;
  /** JSON: an object of texts. */
  labels: Generated<string>;
  /** `naturalSortKey` of its name. */
  sort_key: Generated<string>;
  /** Tags that name images, bytes of what they point to, and when the last one moved: as of the last count. */
  tags: Generated<number>;
  size: Generated<number>;
  pushed_at: Generated<number>;
  version: Generated<number>;
  trashed_at: Generated<number | null>;
  trashed_by: Generated<string | null>;
}

/**
 * Bytes that the blob store holds under `key`. A quarantined blob failed its check: nobody sees it. A
 * condemned one is held by nothing: nobody sees it, and it goes unless it is pushed again.
 */
export interface BlobRow {
  digest: Digest;
  size: number;
  key: BlobKey;
  state: "live" | "quarantined" | "condemned";
  created_at: number;
  condemned_at: number | null;
  /** When its bytes may go, if nothing holds it by then; null while they may not. */
  collect_after: number | null;
}

/** Makes a blob visible in a repository. The lease keeps it while no manifest refers to it yet. */
export interface RepositoryBlobRow {
  repository_id: string;
  digest: Digest;
  /** Garbage collection looks at the link then; 0: it has, and a manifest refers to the blob. */
  lease_until: number;
}

/** `annotations` (JSON) is kept apart for manifests with a subject, whose referrers list shows it. */
export interface ManifestRow {
  repository_id: string;
  digest: Digest;
  media_type: string;
  artifact_type: string | null;
  subject: Digest | null;
  annotations: string | null;
  size: number;
  bytes: Uint8Array<ArrayBuffer>;
  state: RowState;
  trash_id: string | null;
  pushed_at: number;
  pushed_by: string | null;
}

/** What lists show of a manifest besides its columns: read often, and apart from its bytes. */
export interface ImageRow {
  repository_id: string;
  digest: Digest;
  /** Bytes of the blobs that a pull of it takes; of an index, of all that it lists. */
  size: number;
  /** JSON: a list of texts such as `linux/arm64/v8`; null until somebody asked. */
  platforms: string | null;
  /** Entries of an index that are attestations of other entries; null until somebody asked. */
  attestations: number | null;
  /** When it was last pulled, since this was kept. */
  pulled_at: number | null;
}

/** A time during which a manifest lay in the trash, and when it had been pushed before. */
export interface ManifestAbsenceRow {
  repository_id: string;
  digest: Digest;
  gone_at: number;
  back_at: number;
  pushed_at: number;
}

/** A time during which a repository lay in the trash, or a project with all that is in it. */
export interface RepositoryAbsenceRow {
  id: string;
  /** One of the two. */
  repository_id: string | null;
  project_id: string | null;
  gone_at: number;
  back_at: number;
}

/** What a manifest refers to. A child of kind `manifest` may be a blob in a sparse or cache index. */
export interface ManifestEdgeRow {
  repository_id: string;
  parent: Digest;
  child: Digest;
  kind: "blob" | "manifest";
}

export interface TagRow {
  repository_id: string;
  name: Tag;
  digest: Digest;
  version: number;
  sort_key: string;
  /** As a line of its history says: the last one, unless that brought it back from the trash. */
  moved_at: number;
  moved_by: string | null;
  /** That of the image it points to. */
  size: Generated<number>;
  /** 1 where `isAttachedTag` says so; else 0. */
  attached: Generated<number>;
  /** While set, the tag neither moves nor goes. */
  locked_at: Generated<number | null>;
  locked_by: Generated<string | null>;
}

/** Append-only: every move of a tag. `digest` is null where the tag was deleted. */
export interface TagHistoryRow {
  repository_id: string;
  tag: Tag;
  version: number;
  digest: Digest | null;
  moved_at: number;
  moved_by: string | null;
  cause: "push" | "delete" | "repair" | "restore";
  trash_id: string | null;
}

/**
 * The unit that a person restores: a tag, a blob's link, a manifest with what went along, a repository,
 * a project. The latter two are flags of their own rows: what lies in them stays as it is.
 */
export interface TrashRow {
  id: string;
  kind: "tag" | "manifest" | "blob" | "repository" | "project";
  /** Of a project alone: that itself. */
  project_id: string | null;
  /** Null for a project. */
  repository_id: string | null;
  /** Null for repositories and projects. */
  digest: Digest | null;
  tag: Tag | null;
  deleted_at: number;
  deleted_by: string | null;
  /** The rule by which it went; null where somebody deleted it. */
  reason: string | null;
  /** From then on it is as if it were not there. */
  until: number;
}

/** An upload session: bytes on their way to becoming a blob. `client` is the address it came from. */
export interface UploadRow {
  id: string;
  repository: RepositoryName;
  algorithm: DigestAlgorithm;
  offset_bytes: number;
  client: string;
  principal: string | null;
  created_at: number;
  touched_at: number;
  /** What the blob store is to be told of the staged bytes. */
  state: Generated<StagedState>;
  /** Hex of the hash of the first `digest_offset` bytes, and the run of the server that wrote it. */
  digest_so_far: Generated<string | null>;
  digest_offset: Generated<number | null>;
  digest_run: Generated<string | null>;
  /** The process that writes, and until when it may without a word more. */
  held_by: Generated<string | null>;
  held_until: Generated<number>;
  /** Goes up each time that somebody takes the session. */
  epoch: Generated<number>;
  /** 1 where it was taken from a process that had not let go of it; else 0. */
  interrupted: Generated<number>;
}

/** A user or a robot. Rows stay when they are deleted: records name them, and a name is not given twice unasked. */
export interface PrincipalRow {
  id: string;
  kind: "user" | "robot";
  /** What one signs in with; robots' begin with `robot.`. */
  name: string;
  /** The project whose robot it is; null for users and for robots of the whole registry. */
  project_id: string | null;
  state: "active" | "disabled" | "deleted";
  /** Of a robot that went to the trash with its project, as deleted: the state it comes back with. */
  kept_state: "active" | "disabled" | null;
  /** Goes up when everything that was issued before must end: tokens and sessions name it. */
  generation: number;
  /** 1 or 0. */
  administrator: number;
  email: string | null;
  description: string;
  /** argon2id, in PHC form; null for who has no password. */
  password_hash: string | null;
  /** 1 where the user has a passkey: then the password alone signs in nowhere. Else 0. */
  second_factor: number;
  /** JSON: addresses and ranges from which alone it may sign in; none means from anywhere. */
  cidrs: string;
  expires_at: number | null;
  /** When the end that is near was told of. */
  expiry_told_at: number | null;
  last_used_at: number | null;
  created_at: number;
  created_by: string | null;
  version: number;
}

/**
 * What proves who one is: a user's personal access token, a robot's secret, a refresh token of the
 * token service, a session of the pages. Kept as the SHA-256 of the secret. A `workload` is whom an
 * issuer's tokens name that signed in as a robot: it has no secret, and its hash stands for the three.
 */
export interface CredentialRow {
  id: string;
  principal_id: string;
  kind: "token" | "secret" | "refresh" | "session" | "workload";
  hash: string;
  /** Where an issuer is named: the subject of its tokens. */
  description: string;
  /** JSON: a list of {pattern, actions} that narrows what the principal may do; null for all of it. */
  scopes: string | null;
  cidrs: string;
  /** Refresh tokens that came of one sign-in. */
  family: string | null;
  expires_at: number | null;
  last_used_at: number | null;
  /** When a refresh token was exchanged: using it again ends its family. */
  used_at: number | null;
  created_at: number;
  created_by: string | null;
  /** Whose identity tokens it came of. */
  issuer_id: string | null;
}

/** A key pair that a device of a user keeps (WebAuthn): here is its public half. */
export interface PasskeyRow {
  id: string;
  principal_id: string;
  /** What the device calls it, base64url. */
  credential_id: string;
  /** COSE_Key, base64url. */
  public_key: string;
  /** Of its signatures, as far as the device counts them: a lower one comes of a copy. */
  counter: number;
  /** JSON: how browsers reach it. */
  transports: string;
  name: string;
  created_at: number;
  last_used_at: number | null;
}

/** In place of a passkey, once: the row goes when it is used. */
export interface RecoveryCodeRow {
  hash: string;
  principal_id: string;
  created_at: number;
}

/**
 * What a browser was asked, and has not answered yet. `add`: to make a passkey; `second`: for the second factor
 * of whoever knew the password; `alone`: to say by a passkey who they are.
 */
export interface PasskeyQuestionRow {
  /** Of the secret that the browser keeps, or of the session that adds a passkey. */
  hash: string;
  kind: "add" | "second" | "alone";
  /** base64url; null once it was answered. */
  challenge: string | null;
  /** Null where nobody has said yet who they are. */
  principal_id: string | null;
  /** See `PrincipalRow.generation`: as of when the password was right. */
  generation: number | null;
  network: string;
  created_at: number;
  expires_at: number;
}

/** Whose identity tokens (JSON Web Tokens) are believed. */
export interface IssuerRow {
  id: string;
  name: string;
  /** What its tokens have as `iss`. */
  url: string;
  /** JSON: a list of texts, one of which its tokens must have as `aud`. */
  audiences: string;
  /** JSON: its keys; null where it publishes them. */
  jwks: string | null;
  /** 1 or 0: whether it may be at an inner address. */
  allows_inner: number;
  description: string;
  created_at: number;
  created_by: string | null;
  version: number;
}

/** Lets tokens of an issuer with such claims in, as a robot. */
export interface TrustRow {
  id: string;
  issuer_id: string;
  principal_id: string;
  /** JSON: an object, from claims to patterns. */
  claims: string;
  description: string;
  created_at: number;
  created_by: string | null;
}

/** An identity token that was exchanged, until nobody would take it any more. */
export interface SpentTokenRow {
  hash: string;
  expires_at: number;
}

/** With whom people sign in elsewhere: a provider of OpenID Connect, or a directory (LDAP). */
export interface ProviderRow {
  id: string;
  kind: "oidc" | "ldap";
  /** Of its paths. */
  name: string;
  /** Of its button. */
  title: string;
  /** Its issuer, or where the directory is. */
  url: string;
  /** Of a directory: the DN that looks people up; empty where nobody does. */
  client_id: string;
  /** Sealed by the secret box; null where it has none. Of a directory: the password of the DN. */
  client_secret: string | null;
  /** JSON: a list of texts. */
  scopes: string;
  name_claim: string;
  groups_claim: string | null;
  /** 1 or 0: whether it may be at an inner address. */
  allows_inner: number;
  /** 1 or 0: whether whoever it names gets an account. */
  makes_accounts: number;
  /** JSON: what else is said of a directory; null for OpenID Connect. */
  directory: string | null;
  /** 1 or 0: whether nobody signs in with it for now. */
  disabled: number;
  /** When a directory was last compared with the accounts of its people, or was to be. */
  synced_at: number | null;
  /** Why nothing came of that; null where it was done. */
  sync_trouble: string | null;
  created_at: number;
  created_by: string | null;
  version: number;
}

/** Whom a provider named, and which user that is. */
export interface IdentityRow {
  id: string;
  issuer: string;
  subject: string;
  principal_id: string;
  /**
   * When a directory was found to have them no more; null while it has, 0 where an administrator enabled
   * the account since.
   */
  gone_at: number | null;
  created_at: number;
  created_by: string | null;
}

/** Who signs in with this value among their groups at the provider is put into the group. */
export interface GroupRuleRow {
  id: string;
  provider_id: string;
  value: string;
  group_id: string;
  created_at: number;
  created_by: string | null;
}

export interface InvitationRow {
  id: string;
  hash: string;
  description: string;
  expires_at: number;
  /** The user that came of it. */
  used_by: string | null;
  created_at: number;
  created_by: string | null;
}

/** A program that waits for somebody to let it in. */
export interface DeviceSignInRow {
  /** Of the secret with which it asks. */
  hash: string;
  /** What the person types. */
  user_code: string;
  description: string;
  address: string;
  /** Of the address: so many may wait. */
  network: string;
  created_at: number;
  expires_at: number;
  decision: "approved" | "denied" | null;
  /** Who decided. */
  principal_id: string | null;
  /** Theirs at that time: what was issued before it went up is over. */
  generation: number | null;
}

/** Keys of registry tokens (Ed25519). The private one is sealed by the secret box. */
export interface SigningKeyRow {
  id: string;
  public_jwk: string;
  private_key: string;
  created_at: number;
  /** Tokens are no longer signed with it; it verifies for as long as they live. */
  retires_at: number;
}

export interface GroupRow {
  id: string;
  name: string;
  description: string;
  created_at: number;
  created_by: string | null;
  version: number;
}

export interface GroupMemberRow {
  group_id: string;
  principal_id: string;
}

/** A role beside the built-in ones. */
export interface RoleRow {
  id: string;
  name: string;
  description: string;
  /** JSON: a list of actions. */
  actions: string;
  created_at: number;
  created_by: string | null;
  version: number;
}

/** Lets somebody do something, or forbids it: deny wins. A member of a project has a grant on `**` in it. */
export interface GrantRow {
  id: string;
  effect: "allow" | "deny";
  subject_kind: "principal" | "group";
  subject_id: string;
  /** Null: in every project. */
  project_id: string | null;
  /** Of repository names, project included: `team/**`. */
  pattern: string;
  /** Of tags; null for every tag, and for what names no tag. */
  tag_pattern: string | null;
  /** The name of a built-in or custom role; null where `actions` says. */
  role: string | null;
  /** JSON: a list of actions. */
  actions: string | null;
  cidrs: string;
  expires_at: number | null;
  created_at: number;
  created_by: string | null;
  version: number;
}

/** Tags that never move nor go once they are there. */
export interface TagRuleRow {
  id: string;
  project_id: string;
  /** Of repository names, project included. */
  pattern: string;
  /** JSON: patterns of tags, and those left out. */
  tags: string;
  except_tags: string;
  /** 1 or 0: whether retention may remove such a tag all the same. */
  retention_may_expire: number;
  created_at: number;
  created_by: string | null;
  version: number;
}

export interface RateLimitRow {
  id: string;
  subject_kind: "anonymous" | "user" | "robot" | "principal";
  /** Of a principal alone. */
  subject_id: string | null;
  counts: "pulls" | "requests";
  amount: number;
  window_seconds: number;
  created_at: number;
  created_by: string | null;
  version: number;
}

/** One row. Goes up with every change of who may do what, so that caches know that they are stale. */
export interface AccessVersionRow {
  id: number;
  version: number;
}

/** What changed, by whom. `hash` covers the row and the hash of the row before it. */
export interface AuditRow {
  seq: number;
  at: number;
  actor_id: string | null;
  actor_name: string;
  credential_id: string | null;
  address: string;
  action: string;
  resource: string;
  project_id: string | null;
  result: "done" | "refused";
  /** JSON: an object. */
  detail: string;
  hash: string;
}

/** One row: where the audit begins (what is older was removed when its time was over) and ends. */
export interface AuditChainRow {
  id: number;
  first_seq: number;
  /** The hash before the first row. */
  first_hash: string;
  seq: number;
  hash: string;
  /** Over the columns above, under a key that is not in the database; empty until the first row. */
  mac: string;
}

export interface PullRow {
  id: string;
  at: number;
  repository_id: string;
  digest: Digest;
  tag: Tag | null;
  /** `linux/arm64/v8`, where the manifest was found through an index that says so. */
  platform: string | null;
  principal_id: string | null;
  credential_id: string | null;
  address: string;
  user_agent: string;
}

/** Pulls of a day, counted as they are written: they stay when the single ones go. */
export interface PullDayRow {
  repository_id: string;
  digest: Digest;
  /** Empty for anonymous ones. */
  principal_id: string;
  /** Days since 1970-01-01 UTC. */
  day: number;
  count: number;
}

/** An answer of the management API, for whoever asks again with the same Idempotency-Key. */
export interface IdempotencyKeyRow {
  principal_id: string;
  key: string;
  request_hash: string;
  /** Sealed by the secret box, since it may hold a secret that is shown once. */
  answer: string;
  created_at: number;
}

/** A server that runs on this database, or did lately: one row for each start. Times are the database's. */
export interface NodeRow {
  id: string;
  /** Of its machine. */
  name: string;
  version: string;
  /** Where it listens. */
  address: string;
  /** That serve requests. */
  processes: number;
  /** By how much its clock is ahead of the database's; negative: behind. */
  clock_ahead_ms: number;
  started_at: number;
  seen_at: number;
}

/** Work that is done once for all nodes. Times are the database's. */
export interface ChoreRow {
  name: string;
  /** The node that does it, or did it last. */
  holder: string | null;
  /** Number of runs so far. Who has a smaller one lost the chore to another. */
  epoch: number;
  /** Nobody else begins before; 0 while nobody does it. */
  lease_until: number;
  due_at: number;
  started_at: number | null;
  finished_at: number | null;
  /** Of the last run that ended: `done`, or why it failed. */
  outcome: string | null;
}

/** A move of everything here to another place, or from there. */
export interface MoveRow {
  /** The same at both ends. */
  id: string;
  side: "source" | "target";
  /** A source is `cancelled` when it was given back its changes; a target stays as it was. */
  state: "moving" | "complete" | "cancelled";
  /** The other end, for people: database and blobs, without secrets. */
  peer: string;
  /** When the changes of the source were refused. Rows of an earlier time are not what is there now. */
  started_at: number;
  ended_at: number | null;
}

/** Bytes that are to go from the blob store: no row speaks of them any more. */
export interface BlobDeletionRow {
  key: BlobKey;
  /** Null where the key does not tell it and no row did. */
  digest: Digest | null;
  size: number;
  due_at: number;
  /** How often the store did not let them go, and what it said last. */
  attempts: number;
  error: string | null;
}

/** One row: how garbage collection stands. Times are the database's. */
export interface GcStateRow {
  id: number;
  /** When it last ran, for telling a clock that jumped. */
  seen_at: number | null;
  /** Why it does nothing until a person says so. */
  paused: "clock" | "amount" | null;
  paused_at: number | null;
  /** Until then any amount may go. */
  amount_accepted_until: number;
  removed_blobs: number;
  removed_bytes: number;
}

/** One row: how far the reading of all stored blobs is, and how the last one ended. */
export interface VerifyPassRow {
  id: number;
  /** The last digest that was looked at. */
  after: string;
  /** Of the next pass; one that is under way has begun. */
  due_at: number;
  /** Of the pass that is under way; null while none is. */
  started_at: number | null;
  finished_at: number | null;
  /** Of the pass under way, or else of the last. */
  blobs: number;
  bytes: number;
  findings: number;
  last_finding: string | null;
  /** Why the last one stopped before its end. */
  stopped: string | null;
}

/** An address that is told of what happens. */
export interface WebhookRow {
  id: string;
  /** Null: of the whole registry. */
  project_id: string | null;
  url: string;
  format: string;
  /** The text of a message for chats; null in other formats. */
  template: string | null;
  /** JSON: a list of types of events. */
  events: string;
  /** Of repository names, project included. */
  pattern: string;
  description: string;
  /** What deliveries are signed with; sealed by the secret box. */
  secret: string;
  /** `disabled`: the receiver failed for so long that nothing is sent any more. */
  state: "active" | "paused" | "disabled";
  /** The line of the audit behind which it begins. */
  after_seq: number;
  /** When that was, for what has no line there. */
  begun_at: number;
  /** In a row, of the receiver as such. */
  failures: number;
  /** When the first delivery failed since one arrived. */
  failing_since: number | null;
  /** Nothing is sent before. */
  retry_at: number;
  created_at: number;
  created_by: string | null;
  version: number;
}

/** A message to a webhook: on its way, or as a record of how it went. */
export interface WebhookDeliveryRow {
  id: string;
  webhook_id: string;
  /** The same for each attempt, and when it is sent again: receivers tell by it what they have. */
  event_id: string;
  type: string;
  /** Messages of one lane are sent one after another: a repository's name, or empty. */
  lane: string;
  /** In the lane. */
  place: number;
  body: string;
  state: "pending" | "delivered" | "failed";
  created_at: number;
  /** Set for the first pending one of a lane alone. */
  due_at: number | null;
  attempts: number;
  /** Of the last attempt, as is all that follows. */
  attempted_at: number | null;
  duration_ms: number | null;
  /** Null where no answer came. */
  status: number | null;
  error: string | null;
  /** JSON: headers and the beginning of the body. */
  answer: string | null;
}

/** One row: how far webhooks were told. */
export interface EventCursorRow {
  id: number;
  /** The last line of the audit. */
  seq: number;
  /** The same for manifests that came by digest, which are told of later, if at all. */
  bare_seq: number;
  /** Failures of work in the background until then. */
  chores_at: number;
  /** Pulls until then. */
  pulls_at: number;
}
