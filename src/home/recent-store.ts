import { type RawBuilder, sql } from "kysely";
import type { Reads } from "../db/database.ts";
import { bound } from "../db/dialect-facts.ts";
import { rowValues } from "../db/sorted-page.ts";
import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { Tag } from "../oci/tag.ts";

/** Where a move stands among all moves of tags, by time. */
export interface MovePlace {
  readonly movedAt: number;
  readonly repositoryId: string;
  readonly tag: string;
  readonly version: number;
}

/** What somebody pushed or moved. */
export interface RecentMove extends MovePlace {
  readonly movedBy: string | null;
  readonly by: string | null;
  readonly digest: Digest | null;
  /** Null where the tag moved again since, went, or names no image. */
  readonly repository: RepositoryName | null;
}

/** Moves of tags behind one, the newest first. */
export async function listRecentMoves(
  reads: Reads,
  after: MovePlace | null,
  limit: number,
): Promise<RecentMove[]> {
  return (await recentMovesQuery(after, limit).execute(reads)).rows;
}

/**
 * Cut from one index, and only then joined. The time of a tag is that of one line of its history alone: of one
 * that came back from the trash, of its push.
 */
export function recentMovesQuery(after: MovePlace | null, limit: number): RawBuilder<RecentMove> {
  const behind =
    after === null
      ? sql``
      : sql`where (moved_at, repository_id, tag, version) <
          (${rowValues([after.movedAt, after.repositoryId, after.tag, after.version])})`;
  return sql<RecentMove>`
    select h.moved_at as "movedAt", h.repository_id as "repositoryId", h.tag, h.version, h.digest,
           h.moved_by as "movedBy", m.name as by,
           case when t.name is not null and p.id is not null then r.name end as repository
      from (select moved_at, repository_id, tag, version, digest, moved_by
              from tag_history ${behind}
             order by moved_at desc, repository_id desc, tag desc, version desc
             limit ${limit}) as h
      left join tags as t on t.repository_id = h.repository_id and t.name = h.tag
                         and t.moved_at = h.moved_at and t.attached = 0
      left join repositories as r on r.id = h.repository_id and r.state = 'live'
      left join projects as p on p.id = r.project_id and p.state = 'live'
      left join principals as m on m.id = h.moved_by
     order by h.moved_at desc, h.repository_id desc, h.tag desc, h.version desc`;
}

/** What was pulled, by the name by which it was asked for. */
export interface RecentPulls {
  readonly repository: RepositoryName;
  /** Null: by its digest. */
  readonly tag: Tag | null;
  readonly digest: Digest;
  readonly pulls: number;
  readonly lastAt: number;
}

/**
 * Counts the newest pulls, at most `lookedAt` of them and none before `since`; `by`: only those of one. What
 * was found through an index was pulled along with it, and is left out.
 */
export async function countRecentPulls(
  reads: Reads,
  {
    since,
    by,
    lookedAt,
  }: { readonly since: number; readonly by: string | null; readonly lookedAt: number },
): Promise<RecentPulls[]> {
  const own = by === null ? sql`` : sql`and l.principal_id = ${bound(by)}`;
  const { rows } = await sql<RecentPulls>`
    select r.name as repository, last.tag, last.digest, c.pulls, last.at as "lastAt"
      from (select max(l.id) as id, cast(count(*) as integer) as pulls
              from (select id, at, repository_id, digest, tag, platform, principal_id from pulls
                     order by id desc limit ${lookedAt}) as l
             where l.at >= ${since} and (l.tag is not null or l.platform is null) ${own}
             group by l.repository_id, l.tag, case when l.tag is null then l.digest end) as c
      join pulls as last on last.id = c.id
      join repositories as r on r.id = last.repository_id and r.state = 'live'
      join projects as p on p.id = r.project_id and p.state = 'live'
     order by c.pulls desc, last.at desc`.execute(reads);
  return rows;
}
