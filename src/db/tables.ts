import type { BlobKey } from "../blobs/blob-store.ts";
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
  manifest_edges: ManifestEdgeRow;
  tags: TagRow;
  tag_history: TagHistoryRow;
  trash: TrashRow;
  uploads: UploadRow;
}

/** Trashed rows stay where they are until garbage collection removes them. */
export type RowState = "live" | "trashed";

interface MigrationRow {
  name: string;
  applied_at: number;
}

/** The first component of repository names. `generation` counts the projects that had this name. */
export interface ProjectRow {
  id: string;
  name: ProjectName;
  generation: number;
  state: RowState;
  created_at: number;
  created_by: string | null;
}

export interface RepositoryRow {
  id: string;
  project_id: string;
  name: RepositoryName;
  state: RowState;
  created_at: number;
  created_by: string | null;
}

/** Bytes that the blob store holds under `key`. A quarantined blob failed its check: nobody sees it. */
export interface BlobRow {
  digest: Digest;
  size: number;
  key: BlobKey;
  state: "live" | "quarantined";
  created_at: number;
}

/** Makes a blob visible in a repository. The lease keeps it while no manifest refers to it yet. */
export interface RepositoryBlobRow {
  repository_id: string;
  digest: Digest;
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
  moved_at: number;
  moved_by: string | null;
}

/** Append-only: every move of a tag. `digest` is null where the tag was deleted. */
export interface TagHistoryRow {
  repository_id: string;
  tag: Tag;
  version: number;
  digest: Digest | null;
  moved_at: number;
  moved_by: string | null;
  cause: "push" | "delete" | "repair";
  trash_id: string | null;
}

/** The unit that a person restores: a tag, a blob's link, or a manifest with what went along. */
export interface TrashRow {
  id: string;
  repository_id: string;
  kind: "tag" | "manifest" | "blob";
  digest: Digest;
  tag: Tag | null;
  deleted_at: number;
  deleted_by: string | null;
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
}
