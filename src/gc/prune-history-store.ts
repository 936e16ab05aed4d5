import { sql } from "kysely";
import type { Reads, Tx } from "../db/database.ts";
import { bound } from "../db/dialect-facts.ts";
import type { Tag } from "../oci/tag.ts";

/** A line of a tag's history. */
export interface HistoryLine {
  readonly repository_id: string;
  readonly tag: Tag;
  readonly version: number;
  /** 1 where something still speaks of it. */
  readonly stays: number;
}

type HistoryPlace = Pick<HistoryLine, "repository_id" | "tag" | "version">;

/**
 * SQL: whether a line of `tag_history` stays. One is of use while the past of its time may be asked for,
 * while its manifest is there, which it says had a tag once and until when, and while a unit of trash
 * brings back its tag. The last line of a tag that is there has its version.
 */
const staysText = (at: ReturnType<typeof sql>) => sql`(
    h.moved_at > ${at}
    or exists (select 1 from manifests as m
      where m.repository_id = h.repository_id and m.digest = h.digest)
    or exists (select 1 from trash as u where u.id = h.trash_id)
    or exists (select 1 from tags as t
      where t.repository_id = h.repository_id and t.name = h.tag and t.version = h.version))`;

/** Lines by tag and version, after one of them. */
export async function listHistory(
  reads: Reads,
  before: number,
  page: { readonly after: HistoryPlace | null; readonly limit: number },
): Promise<HistoryLine[]> {
  const { after, limit } = page;
  const { rows } = await sql<HistoryLine>`
    select h.repository_id, h.tag, h.version,
           case when ${staysText(sql`${before}`)} then 1 else 0 end as stays
      from tag_history as h
     where (h.repository_id, h.tag, h.version) >
           (${bound(after?.repository_id ?? "")}, ${bound(after?.tag ?? "")}, ${after?.version ?? 0})
     order by h.repository_id, h.tag, h.version
     limit ${limit}`.execute(reads);
  return rows;
}

/**
 * Removes the lines of a tag before the first one that stays, all of them where none does: only so each
 * line that is left is followed by the next one. Returns how many.
 */
export async function forgetBeginning(
  tx: Tx,
  { repository_id: repositoryId, tag }: Pick<HistoryLine, "repository_id" | "tag">,
  before: number,
): Promise<number> {
  const own = sql`repository_id = ${bound(repositoryId)} and tag = ${bound(tag)}`;
  const { rows } = await sql`
    delete from tag_history
     where ${own} and version < coalesce(
       (select min(h.version)
          from (select * from tag_history where ${own}) as h
         where ${staysText(sql`${before}`)}),
       (select max(version) + 1 from tag_history where ${own}))
    returning version`.execute(tx);
  return rows.length;
}
