import { sql } from "kysely";
import type { Database, Reads, Tx } from "../db/database.ts";
import { bound } from "../db/dialect-facts.ts";
import type { TrashRow } from "../db/tables.ts";
import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import { recordAbsences } from "../registry/presence-store.ts";

/** What a purge needs to know of a row of `trash`. */
export type TrashUnit = Pick<TrashRow, "id" | "project_id" | "repository_id" | "kind" | "digest">;

/** Of what lies in a repository. */
export interface UnitThere {
  readonly id: string;
  readonly repositoryId: string;
}

export interface DueUnit extends TrashUnit {
  readonly until: number;
  /** Null for a project. */
  readonly repository: RepositoryName | null;
}

/** Units whose time in the trash is over, but for single tags, the oldest first, after one of them. */
export async function listDueUnits(
  reads: Reads,
  now: number,
  after: DueUnit | null,
  limit: number,
): Promise<DueUnit[]> {
  return await reads
    .selectFrom("trash as t")
    .leftJoin("repositories as r", "r.id", "t.repository_id")
    .select(["t.id", "t.project_id", "t.repository_id", "t.kind", "t.digest", "t.until"])
    .select("r.name as repository")
    .where("t.until", "<=", now)
    .where("t.kind", "<>", sql.lit("tag" as const))
    .where(sql<boolean>`(t.until, t.id) > (${after?.until ?? 0}, ${after?.id ?? ""})`)
    .orderBy("t.until")
    .orderBy("t.id")
    .limit(limit)
    .execute();
}

/** Tags that cannot be restored any more leave the trash, at most `limit`; returns how many. */
export async function forgetDueTags(tx: Tx, now: number, limit: number): Promise<number> {
  const { rows } = await sql`
    delete from trash where id in (
      select id from trash where kind = 'tag' and until <= ${now} limit ${limit})
    returning id`.execute(tx);
  return rows.length;
}

/** Whether the unit is there, and its time is over. */
export async function isUnitDue(tx: Tx, id: string, now: number): Promise<boolean> {
  const row = await tx
    .selectFrom("trash")
    .select("id")
    .where("id", "=", id)
    .where("until", "<=", now)
    .executeTakeFirst();
  return row !== undefined;
}

export async function deleteUnit(tx: Tx, id: string): Promise<void> {
  await tx.deleteFrom("trash").where("id", "=", id).execute();
}

/** Manifests of a unit that a manifest outside of it lists, and where that one is. */
export interface ListedElsewhere {
  readonly digest: Digest;
  /** 1 where a live one does. */
  readonly by_live: number;
  /** A unit whose manifest does. */
  readonly trash_id: string | null;
}

export async function listedElsewhere(tx: Tx, unit: UnitThere): Promise<ListedElsewhere[]> {
  const { rows } = await sql<ListedElsewhere>`
    select m.digest,
           max(case when p.state = 'live' then 1 else 0 end) as by_live,
           min(p.trash_id) as trash_id
      from manifests as m
      join manifest_edges as e on e.child = m.digest and e.repository_id = m.repository_id
      join manifests as p on p.repository_id = e.repository_id and p.digest = e.parent
     where m.trash_id = ${bound(unit.id)}
       and (p.trash_id is null or p.trash_id <> ${bound(unit.id)})
     group by m.digest`.execute(tx);
  return rows;
}

/** Manifests of the unit that those of `digests` list, or that refer to them. */
export async function dependentsIn(
  db: Database,
  tx: Tx,
  unit: UnitThere,
  digests: readonly Digest[],
): Promise<Digest[]> {
  const of = db.facts.values(JSON.stringify(digests));
  const repository = bound(unit.repositoryId);
  const { rows } = await sql<{ digest: Digest }>`
    select m.digest from ${of} as o
      join manifest_edges as e on e.repository_id = ${repository} and e.parent = o.value
      join manifests as m on m.repository_id = ${repository} and m.digest = e.child
     where m.trash_id = ${bound(unit.id)}
    union
    select m.digest from manifests as m
     where m.trash_id = ${bound(unit.id)}
       and m.subject in (select o.value from ${of} as o)`.execute(tx);
  return rows.map(({ digest }) => digest);
}

/** Puts manifests of the unit into another one, or back to life where that is null. */
export async function rehome(
  db: Database,
  tx: Tx,
  unit: UnitThere,
  digests: readonly Digest[],
  { trashId, now }: { readonly trashId: string | null; readonly now: number },
): Promise<void> {
  if (trashId === null) {
    const those = db.facts.values(JSON.stringify(digests));
    const moving = sql<boolean>`m.trash_id = ${bound(unit.id)}
      and m.digest in (select those.value from ${those} as those)`;
    await recordAbsences(tx, moving, now);
  }
  await tx
    .updateTable("manifests")
    .set({ trash_id: trashId, state: trashId === null ? "live" : "trashed" })
    .where("repository_id", "=", unit.repositoryId)
    .where("trash_id", "=", unit.id)
    .where("digest", "in", (query) =>
      query
        .selectFrom(db.facts.values(JSON.stringify(digests)).as("moved"))
        .select(sql<Digest>`moved.value`.as("d")),
    )
    .execute();
}

/** Manifests of a unit, or of a whole repository, at most `limit`. */
export async function someManifests(
  tx: Tx,
  of: { readonly repositoryId: string; readonly trashId: string | null },
  limit: number,
): Promise<Digest[]> {
  let query = tx
    .selectFrom("manifests")
    .select("digest")
    .where("repository_id", "=", of.repositoryId);
  if (of.trashId !== null) query = query.where("trash_id", "=", of.trashId);
  const rows = await query.limit(limit).execute();
  return rows.map((row) => row.digest);
}

/** Removes the manifests and what they refer to; returns that. */
export async function deleteManifests(
  db: Database,
  tx: Tx,
  repositoryId: string,
  digests: readonly Digest[],
): Promise<Digest[]> {
  const parents = db.facts.values(JSON.stringify(digests));
  const repository = bound(repositoryId);
  const { rows } = await sql<{ child: Digest }>`
    delete from manifest_edges where repository_id = ${repository}
      and parent in (select p.value from ${parents} as p)
    returning child`.execute(tx);
  await sql`delete from pull_days where repository_id = ${repository}
    and digest in (select p.value from ${parents} as p)`.execute(tx);
  await sql`delete from manifests where repository_id = ${repository}
    and digest in (select p.value from ${parents} as p)`.execute(tx);
  return [...new Set(rows.map(({ child }) => child))];
}

/**
 * Of blobs that lost a manifest: those to which no other one of the repository refers stay visible there
 * until `until` at least, and are looked at then.
 */
export async function leaseUnreferred(
  db: Database,
  tx: Tx,
  repositoryId: string,
  digests: readonly Digest[],
  until: number,
): Promise<void> {
  await sql`update repository_blobs
      set lease_until = case when lease_until < ${until} then ${until} else lease_until end
    where ${unreferred(db, repositoryId, digests)}`.execute(tx);
}

/** As `leaseUnreferred`; they are not visible there any more. */
export async function unlinkUnreferred(
  db: Database,
  tx: Tx,
  repositoryId: string,
  digests: readonly Digest[],
): Promise<void> {
  await sql`delete from repository_blobs
    where ${unreferred(db, repositoryId, digests)}`.execute(tx);
}

function unreferred(db: Database, repositoryId: string, digests: readonly Digest[]) {
  const repository = bound(repositoryId);
  const asked = db.facts.values(JSON.stringify(digests));
  return sql`repository_id = ${repository} and digest in (select a.value from ${asked} as a)
    and not exists (select 1 from manifest_edges as e
      where e.child = repository_blobs.digest and e.repository_id = ${repository})`;
}

/** Ends the visibility of some blobs of a repository that is to go; returns which. */
export async function unlinkSome(tx: Tx, repositoryId: string, limit: number): Promise<Digest[]> {
  const rows = await tx
    .selectFrom("repository_blobs")
    .select("digest")
    .where("repository_id", "=", repositoryId)
    .orderBy("digest")
    .limit(limit)
    .execute();
  const last = rows.at(-1);
  if (last === undefined) return [];
  await tx
    .deleteFrom("repository_blobs")
    .where("repository_id", "=", repositoryId)
    .where("digest", "<=", last.digest)
    .execute();
  return rows.map((row) => row.digest);
}

/** Takes the places of some deleted blobs in the trash of a repository that is to go; returns which. */
export async function forgetDeletedBlobs(
  tx: Tx,
  repositoryId: string,
  limit: number,
): Promise<Digest[]> {
  const { rows } = await sql<{ digest: Digest }>`
    delete from trash where id in (
      select id from trash where repository_id = ${repositoryId} and kind = 'blob' limit ${limit})
    returning digest`.execute(tx);
  return rows.map(({ digest }) => digest);
}

/** Removes tags of a repository that is to go, at most `limit`; returns how many. */
export async function deleteSomeTags(tx: Tx, repositoryId: string, limit: number): Promise<number> {
  const id = bound(repositoryId);
  const { rows } = await sql`
    delete from tags where repository_id = ${id} and name in (
      select name from tags where repository_id = ${id} limit ${limit})
    returning name`.execute(tx);
  return rows.length;
}

/** Removes what is left of a repository without tags, manifests and blobs, at most `limit` rows of a kind; false while more is. */
export async function deleteRest(tx: Tx, repositoryId: string, limit: number): Promise<boolean> {
  const id = bound(repositoryId);
  for (const { table, key } of restTables) {
    const columns = sql.join(key.map((column) => sql.ref(column)));
    const { rows } = await sql`
      delete from ${sql.table(table)} where repository_id = ${id} and (${columns}) in (
        select ${columns} from ${sql.table(table)} where repository_id = ${id} limit ${limit})
      returning repository_id`.execute(tx);
    if (rows.length >= limit) return false;
  }
  await tx.deleteFrom("repositories").where("id", "=", repositoryId).execute();
  return true;
}

/** What else names a repository by its id. */
const restTables = [
  { table: "tag_history", key: ["repository_id", "tag", "version"] },
  { table: "pulls", key: ["id"] },
  { table: "pull_days", key: ["repository_id", "digest", "principal_id", "day"] },
  { table: "trash", key: ["id"] },
] as const;

/** A repository of the project, in whatever state; null where there is none any more. */
export async function someRepository(tx: Tx, projectId: string): Promise<string | null> {
  const row = await tx
    .selectFrom("repositories")
    .select("id")
    .where("project_id", "=", projectId)
    .limit(1)
    .executeTakeFirst();
  return row?.id ?? null;
}

/** The robots that a project had when it went to the trash, and that nobody can bring back any more. */
export async function robotsOf(tx: Tx, projectId: string): Promise<string[]> {
  const rows = await tx
    .selectFrom("principals")
    .select("id")
    .where("project_id", "=", projectId)
    .execute();
  return rows.map((row) => row.id);
}

/** Removes a project without repositories. Rows of its robots stay, since records name them. */
export async function deleteProject(tx: Tx, projectId: string): Promise<void> {
  await tx.deleteFrom("grants").where("project_id", "=", projectId).execute();
  await tx.deleteFrom("tag_rules").where("project_id", "=", projectId).execute();
  await tx.deleteFrom("webhooks").where("project_id", "=", projectId).execute();
  await tx
    .updateTable("principals")
    .set({ project_id: null, kept_state: null })
    .where("project_id", "=", projectId)
    .execute();
  await tx.deleteFrom("trash").where("project_id", "=", projectId).execute();
  await tx.deleteFrom("projects").where("id", "=", projectId).execute();
}
