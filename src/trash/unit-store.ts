import { sql } from "kysely";
import type { Database, Reads, Tx } from "../db/database.ts";
import { bound, live } from "../db/dialect-facts.ts";
import type { TrashRow } from "../db/tables.ts";
import type { Digest } from "../oci/digest.ts";
import type { ProjectName, RepositoryName } from "../oci/repository-name.ts";
import type { Tag } from "../oci/tag.ts";

/** What can be restored as one. */
export interface Unit {
  readonly id: string;
  readonly kind: TrashRow["kind"];
  readonly projectId: string;
  readonly project: ProjectName;
  readonly repositoryId: string | null;
  readonly repository: RepositoryName | null;
  readonly digest: Digest | null;
  readonly tag: Tag | null;
  /** That went along, and are in the trash still. */
  readonly manifests: number;
  /** Tags that pointed to its manifest. */
  readonly tagCount: number;
  readonly deletedAt: number;
  /** The name of who did, also of one who is gone. */
  readonly deletedBy: string | null;
  readonly reason: string | null;
  readonly until: number;
}

export interface UnitFilter {
  readonly project?: ProjectName | undefined;
  readonly repository?: RepositoryName | undefined;
}

/** The newest first, after one by its id. */
export async function listUnits(
  { db, now }: { readonly db: Database; readonly now: number },
  { project, repository }: UnitFilter,
  page: { readonly after: string; readonly limit: number },
): Promise<Unit[]> {
  let query = selectUnits(db, db.reads, now);
  if (project !== undefined) query = query.where("p.name", "=", bound(project));
  if (repository !== undefined) query = query.where("r.name", "=", bound(repository));
  if (page.after !== "") query = query.where("t.id", "<", bound(page.after));
  const rows = await query.orderBy("t.id", "desc").limit(page.limit).execute();
  return rows.map(unitOfRow);
}

/** Of the ids asked for, those that are there, in no order. */
export async function findUnits(
  db: Database,
  now: number,
  ids: readonly string[],
): Promise<Unit[]> {
  const rows = await selectUnits(db, db.reads, now)
    .where("t.id", "in", (query) =>
      query
        .selectFrom(db.facts.values(JSON.stringify(ids)).as("asked"))
        .select(sql<string>`asked.value`.as("id")),
    )
    .execute();
  return rows.map(unitOfRow);
}

/** As the transaction finds it; null once its time is over, or what it lies in is in the trash itself. */
export async function findUnit(
  db: Database,
  tx: Tx,
  now: number,
  id: string,
): Promise<Unit | null> {
  const row = await selectUnits(db, tx, now).where("t.id", "=", bound(id)).executeTakeFirst();
  return row === undefined ? null : unitOfRow(row);
}

function selectUnits({ facts }: Database, reads: Reads, now: number) {
  return (
    reads
      .selectFrom("trash as t")
      .leftJoin("repositories as r", "r.id", "t.repository_id")
      .innerJoin("projects as p", (join) =>
        join.on("p.id", "=", sql<string>`coalesce(t.project_id, r.project_id)`),
      )
      .leftJoin("principals as d", "d.id", "t.deleted_by")
      .select(["t.id", "t.kind", "p.id as project_id", "p.name as project", "t.repository_id"])
      .select(["r.name as repository", "t.digest", "t.tag", "t.deleted_at", "t.reason", "t.until"])
      .select("d.name as deleted_by")
      .select(
        sql<number>`(select count(*) from manifests as m where m.trash_id = t.id)`.as("manifests"),
      )
      .select(
        sql<number>`case when t.kind = 'manifest' then
          (select count(*) from tag_history as h where h.trash_id = t.id) else 0 end`.as(
          "tag_count",
        ),
      )
      .where("t.until", ">", facts.now(now))
      // What lies in a repository or a project comes back with that alone.
      .where(({ or, and, eb }) =>
        or([
          eb("t.kind", "=", "project"),
          and([eb("t.kind", "=", "repository"), eb("p.state", "=", live)]),
          and([eb("r.state", "=", live), eb("p.state", "=", live)]),
        ]),
      )
  );
}

type Selected = Awaited<ReturnType<ReturnType<typeof selectUnits>["execute"]>>[number];

function unitOfRow(row: Selected): Unit {
  return {
    id: row.id,
    kind: row.kind,
    projectId: row.project_id,
    project: row.project,
    repositoryId: row.repository_id,
    repository: row.repository,
    digest: row.digest,
    tag: row.tag,
    manifests: Number(row.manifests),
    tagCount: Number(row.tag_count),
    deletedAt: row.deleted_at,
    deletedBy: row.deleted_by,
    reason: row.reason,
    until: row.until,
  };
}

/** Some of the tags that pointed to the manifests of units, at most `limit` for each. */
export async function listUnitTags(
  db: Database,
  ids: readonly string[],
  limit: number,
): Promise<Map<string, Tag[]>> {
  const { rows } = await sql<{ trash_id: string; tag: Tag }>`
    select trash_id, tag from (
      select h.trash_id, h.tag,
             row_number() over (partition by h.trash_id order by h.tag) as place
        from ${db.facts.values(JSON.stringify(ids))} as asked
        join tag_history as h on h.trash_id = asked.value) as numbered
     where place <= ${limit}
     order by trash_id, tag`.execute(db.reads);
  const tags = new Map<string, Tag[]>();
  for (const { trash_id, tag } of rows) tags.set(trash_id, [...(tags.get(trash_id) ?? []), tag]);
  return tags;
}

/** What `until` is set to, for all in the trash of a repository, a project, or everywhere: their time is over. Returns how many. */
export async function endUnits(
  { facts }: Database,
  tx: Tx,
  now: number,
  of: { readonly projectId: string | null; readonly repository: RepositoryName | null },
): Promise<number> {
  const repositories = (() => {
    if (of.projectId === null) return null;
    const inProject = sql`select id from repositories where project_id = ${of.projectId}`;
    return of.repository === null ? inProject : sql`${inProject} and name = ${of.repository}`;
  })();
  const within = repositories === null ? sql`true` : sql`repository_id in (${repositories})`;
  const { numAffectedRows } = await sql`
    update trash set until = ${facts.now(now)}
     where until > ${facts.now(now)} and ${within}`.execute(tx);
  return Number(numAffectedRows ?? 0n);
}

/** Its time is over: nobody restores what is half gone. */
export async function endUnit(tx: Tx, id: string, now: number): Promise<void> {
  await tx.updateTable("trash").set({ until: now }).where("id", "=", id).execute();
}

/** Manifests and tags that went with units, or lie in a repository. */
export async function countOf(
  db: Database,
  tx: Tx,
  of: readonly string[] | { readonly repositoryId: string },
): Promise<{ manifests: number; tags: number }> {
  const { rows } = await ("repositoryId" in of
    ? sql<{ manifests: number; tags: number }>`
        select (select count(*) from manifests
                 where repository_id = ${of.repositoryId} and state = 'live') as manifests,
               (select count(*) from tags where repository_id = ${of.repositoryId}) as tags`
    : sql<{ manifests: number; tags: number }>`
        select (select count(*) from ${db.facts.values(JSON.stringify(of))} as u
                  join manifests as m on m.trash_id = u.value) as manifests,
               (select count(*) from ${db.facts.values(JSON.stringify(of))} as u
                  join tag_history as h on h.trash_id = u.value) as tags`
  ).execute(tx);
  return { manifests: Number(rows[0]?.manifests ?? 0), tags: Number(rows[0]?.tags ?? 0) };
}

/** By the manifest of each unit: the tags that went with it. */
export async function tagsByManifest(
  db: Database,
  tx: Tx,
  trashIds: readonly string[],
  limit: number,
): Promise<Map<Digest, Tag[]>> {
  const { rows } = await sql<{ digest: Digest; tag: Tag }>`
    select t.digest, h.tag
      from ${db.facts.values(JSON.stringify(trashIds))} as u
      join trash as t on t.id = u.value and t.kind = 'manifest'
      join tag_history as h on h.trash_id = t.id
     order by t.digest, h.tag
     limit ${limit}`.execute(tx);
  const tags = new Map<Digest, Tag[]>();
  for (const { digest, tag } of rows) tags.set(digest, [...(tags.get(digest) ?? []), tag]);
  return tags;
}
