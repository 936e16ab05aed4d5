import type { AuditRow } from "../db/tables.ts";
import { type Digest, isDigest } from "../oci/digest.ts";
import { parseRepositoryName, type RepositoryName } from "../oci/repository-name.ts";
import type { Tag } from "../oci/tag.ts";
import type { EventImage, EventTag, RegistryEvent } from "./event.ts";
import type { KnownProject } from "./event-store.ts";
import { type EventType, typeOfAction } from "./event-types.ts";

/** A line of the audit that webhooks may be told of. */
export interface EventLine {
  readonly row: AuditRow;
  readonly type: EventType;
  /** What it is about, where that lies in a repository. */
  readonly repository: RepositoryName | null;
  readonly digest: Digest | null;
  readonly tags: readonly EventTag[];
  /** The record names only some of the tags. */
  readonly isCut: boolean;
  readonly detail: Readonly<Record<string, unknown>>;
}

/** Null for what no webhook is told of. */
export function eventLineOf(row: AuditRow): EventLine | null {
  const type = typeOfAction(row.action);
  if (type === null || row.result !== "done") return null;
  const detail = detailOf(row);
  const about = resourceOf(row.resource, type);
  const { tags, isCut } = tagsOf(detail, about.tag);
  const digest = about.digest ?? digestOf(detail["digest"]) ?? digestOf(detail["to"]);
  return { row, type, repository: about.repository, digest, tags, isCut, detail };
}

/** Of a manifest that came, whatever it was named by. */
export const bareAction = "manifest.pushed";

/** A manifest that came by its digest alone: perhaps an index or a tag takes it soon. */
export function isBare({ row, tags, isCut }: EventLine): boolean {
  return row.action === bareAction && tags.length === 0 && !isCut;
}

export function eventOf(
  { row, type, repository, digest, tags, detail }: EventLine,
  project: KnownProject | null,
  manifest: EventImage["manifest"],
): RegistryEvent {
  return {
    // After a restore from a backup the same numbers are given to other lines, with other hashes.
    id: `audit-${row.seq}-${row.hash.slice(0, 12)}`,
    type,
    at: row.at,
    actor: row.actor_name,
    project: project?.name ?? null,
    isPublic: project?.isPublic ?? false,
    repository,
    resource: row.resource,
    image: digest === null ? null : { digest, tags, manifest },
    detail,
  };
}

interface About {
  readonly repository: RepositoryName | null;
  readonly digest: Digest | null;
  readonly tag: Tag | null;
}

/** `team/app`, `repository team/app`, `team/app:v1`, `team/app@sha256:...`: names hold none of these signs. */
function resourceOf(resource: string, type: EventType): About {
  if (!/^(image|tag|repository)\./.test(type)) return { repository: null, digest: null, tag: null };
  const text = resource.replace(/^repository /, "");
  const [named = "", digest = ""] = text.split("@");
  const [name = "", tag = ""] = named.split(":");
  return {
    repository: repositoryOf(name),
    digest: digestOf(digest),
    tag: tag === "" ? null : (tag as Tag),
  };
}

/** Somebody may have edited the line: what is no name stands for none. */
function repositoryOf(text: string): RepositoryName | null {
  try {
    return parseRepositoryName(text);
  } catch {
    return null;
  }
}

function digestOf(value: unknown): Digest | null {
  return typeof value === "string" && isDigest(value) ? value : null;
}

function tagsOf(
  detail: Readonly<Record<string, unknown>>,
  named: Tag | null,
): { tags: EventTag[]; isCut: boolean } {
  const list = Array.isArray(detail["tags"]) ? (detail["tags"] as unknown[]) : [];
  const tags = list.flatMap((item) => {
    if (typeof item === "object" && item !== null && "tag" in item) {
      const { tag, from } = item as { tag: unknown; from?: unknown };
      return [{ name: String(tag) as Tag, from: digestOf(from) }];
    }
    return typeof item === "string" && !item.startsWith("... ")
      ? [{ name: item as Tag, from: null }]
      : [];
  });
  const isCut = detail["cut"] === true || tags.length < list.length;
  if (tags.length === 0 && named !== null) {
    tags.push({ name: named, from: digestOf(detail["from"]) });
  }
  return { tags, isCut };
}

function detailOf({ detail }: AuditRow): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(detail);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
