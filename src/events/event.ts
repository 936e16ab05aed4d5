import type { Reads } from "../db/database.ts";
import type { Digest } from "../oci/digest.ts";
import type { ProjectName, RepositoryName } from "../oci/repository-name.ts";
import type { Tag } from "../oci/tag.ts";
import type { KnownProject } from "./event-store.ts";
import type { EventType } from "./event-types.ts";

/** One thing that somebody did, as a line of the audit has it and webhooks are told. */
export interface RegistryEvent {
  /** The same wherever and however often it is told. */
  readonly id: string;
  readonly type: EventType;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly actor: string;
  readonly project: ProjectName | null;
  /** Whether everybody may read the project. */
  readonly isPublic: boolean;
  readonly repository: RepositoryName | null;
  /** What was done and to what, as people write it: `team/app:v1`. */
  readonly resource: string;
  /** Null where it is not about one manifest. */
  readonly image: EventImage | null;
  /** What else the audit says. */
  readonly detail: Readonly<Record<string, unknown>>;
}

export interface EventImage {
  readonly digest: Digest;
  /** That were put on it or went, with where they had pointed. */
  readonly tags: readonly EventTag[];
  /** Null where the manifest is not there any more. */
  readonly manifest: EventManifest | null;
}

export interface EventTag {
  readonly name: Tag;
  readonly from: Digest | null;
}

export interface EventManifest {
  /** When the repository that it is in was made. */
  readonly repositoryCreatedAt: number;
  readonly mediaType: string;
  readonly artifactType: string | null;
  readonly subject: Digest | null;
  readonly size: number;
}

/** Something that happened, as far as it takes to see who wants to be told. */
export interface Occurrence {
  /** Its line in the audit; where it has none, when it was over, or since when it was summed. */
  readonly when: { readonly seq: number } | { readonly at: number } | { readonly from: number };
  readonly projectId: string | null;
  readonly type: EventType;
  readonly repository: RepositoryName | null;
  /** Null where there is nothing to tell after all. */
  event(reads: Reads, project: KnownProject | null): Promise<RegistryEvent | null>;
}
