import { type RawBuilder, sql } from "kysely";
import type { Place, Sort } from "../access/sorted-list.ts";
import type { Database, Reads } from "../db/database.ts";
import { bound } from "../db/dialect-facts.ts";
import { contains, sortedPage } from "../db/sorted-page.ts";
import { naturalSortKey } from "../lib/natural-sort-key.ts";
import type { Digest } from "../oci/digest.ts";
import type { Tag } from "../oci/tag.ts";

export interface ListedTag extends ListedImage {
  readonly name: Tag;
  readonly movedAt: number;
  readonly movedBy: string | null;
  readonly lockedAt: number | null;
  readonly lockedBy: string | null;
  readonly pulledAt: number | null;
}

/** What lists show of a manifest. */
export interface ListedImage {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly artifactType: string | null;
  readonly size: number;
  /** JSON; null where nobody asked yet, as for `attestations`. */
  readonly platforms: string | null;
  readonly attestations: number | null;
}

export interface TagPage {
  readonly repositoryId: string;
  /** Those that name images, or those that are attached to some. */
  readonly attached: boolean;
  readonly filter: string;
  readonly sort: Sort;
  readonly after: Place | null;
  readonly limit: number;
}

export async function listTagPage(reads: Reads, page: TagPage): Promise<ListedTag[]> {
  const { rows } = await tagPageQuery(page).execute(reads);
  return rows;
}

/**
 * The page is cut from one index of the tags, which has all that it is cut by, and only then joined with what
 * is shown. `cross join` has SQLite begin with the few.
 */
export function tagPageQuery(page: TagPage): RawBuilder<ListedTag> {
  const { sort, after, filter } = page;
  const columns = sort.by === "name" ? ["sort_key"] : [columnOf[sort.by], "name"];
  const name = after?.name ?? "";
  const place = after?.value == null ? [naturalSortKey(name)] : [after.value, name];
  const cut = sortedPage({
    columns,
    descending: sort.descending,
    after: after === null ? null : place,
    limit: page.limit,
  });
  const filtered = filter === "" ? sql`` : sql`and ${contains(sql.ref("name"), filter)}`;
  const direction = sql.raw(sort.descending ? "desc" : "asc");
  const order = columns.map((column) => sql`${sql.ref(`t.${column}`)} ${direction}`);
  return sql<ListedTag>`
    select t.name, t.digest, t.size, t.moved_at as "movedAt", m.name as "movedBy",
           t.locked_at as "lockedAt", l.name as "lockedBy", f.media_type as "mediaType",
           f.artifact_type as "artifactType", i.platforms, i.attestations,
           i.pulled_at as "pulledAt"
      from (select name from tags
             where repository_id = ${bound(page.repositoryId)}
               and attached = ${page.attached ? 1 : 0} ${filtered} ${cut}) as k
     cross join tags as t
     cross join manifests as f
      left join images as i on i.repository_id = f.repository_id and i.digest = f.digest
      left join principals as m on m.id = t.moved_by
      left join principals as l on l.id = t.locked_by
     where t.repository_id = ${bound(page.repositoryId)} and t.name = k.name
       and f.repository_id = ${bound(page.repositoryId)} and f.digest = t.digest
     order by ${sql.join(order)}`;
}

const columnOf = { pushed: "moved_at", size: "size" } as const;

/** How many of a type are attached to a manifest, by a subject that they name. */
export interface ReferrerCount {
  readonly subject: Digest;
  readonly artifactType: string | null;
  /** JSON, where the type alone does not tell what it is. */
  readonly annotations: string | null;
  readonly count: number;
}

/** Kinds of what is attached to the manifests of a page, beyond which nothing more is counted. */
const countsMax = 10_000;

export async function countReferrers(
  db: Database,
  repositoryId: string,
  digests: readonly Digest[],
): Promise<ReferrerCount[]> {
  const { rows } = await sql<ReferrerCount>`
    select s.subject, s.artifact_type as "artifactType", s.told as annotations,
           cast(count(*) as integer) as count
      from (select m.subject, m.artifact_type,
                   case when m.artifact_type like 'application/vnd.dev.sigstore.bundle%'
                        then m.annotations end as told
              from ${db.facts.values(JSON.stringify(digests))} as asked
             cross join manifests as m
             where m.repository_id = ${bound(repositoryId)} and m.subject = asked.value
               and m.state = 'live'
             limit ${countsMax}) as s
     group by s.subject, s.artifact_type, s.told`.execute(db.reads);
  return rows;
}

/** Of the names asked for: the tags that are there. */
export async function presentTags(
  db: Database,
  repositoryId: string,
  names: readonly Tag[],
): Promise<{ name: Tag; digest: Digest }[]> {
  if (names.length === 0) return [];
  const { rows } = await sql<{ name: Tag; digest: Digest }>`
    select t.name, t.digest
      from ${db.facts.values(JSON.stringify(names))} as asked
     cross join tags as t
     where t.repository_id = ${bound(repositoryId)} and t.name = asked.value`.execute(db.reads);
  return rows;
}
