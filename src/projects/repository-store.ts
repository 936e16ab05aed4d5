import { sql } from "kysely";
import type { Reads, Tx } from "../db/database.ts";
import { bound, live } from "../db/dialect-facts.ts";
import type { Visibility } from "../db/tables.ts";
import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { Tag } from "../oci/tag.ts";
import { unknownRepository } from "../registry/unknown.ts";

/** A repository that is there, in a project that is there. */
export interface Repository {
  readonly id: string;
  readonly projectId: string;
  readonly name: RepositoryName;
  /** Null: the project's. */
  readonly visibility: Visibility | null;
  readonly projectVisibility: Visibility;
  readonly description: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly createdAt: number;
  /** The name of who made it, also of one who is gone. */
  readonly createdBy: string | null;
  readonly version: number;
}

/** Throws what `unknownRepository` says where there is none. */
export async function getRepository(reads: Reads, name: RepositoryName): Promise<Repository> {
  const row = await selectRepositories(reads).where("r.name", "=", bound(name)).executeTakeFirst();
  if (row === undefined) throw unknownRepository(name);
  return repositoryOfRow(row);
}

/** Of a project by name, after one, in byte order. */
export async function listRepositories(
  reads: Reads,
  page: { readonly projectId: string; readonly after: string; readonly limit: number },
): Promise<Repository[]> {
  const rows = await selectRepositories(reads)
    .where("r.project_id", "=", bound(page.projectId))
    .where("r.name", ">", bound(page.after as RepositoryName))
    .orderBy("r.name")
    .limit(page.limit)
    .execute();
  return rows.map(repositoryOfRow);
}

function selectRepositories(reads: Reads) {
  return reads
    .selectFrom("repositories as r")
    .innerJoin("projects as p", "p.id", "r.project_id")
    .leftJoin("principals as c", "c.id", "r.created_by")
    .select(["r.id", "r.project_id", "r.name", "r.visibility", "r.description", "r.labels"])
    .select(["p.visibility as project_visibility", "r.created_at", "r.version"])
    .select("c.name as created_by")
    .where("r.state", "=", live)
    .where("p.state", "=", live);
}

type Selected = Awaited<ReturnType<ReturnType<typeof selectRepositories>["execute"]>>[number];

function repositoryOfRow(row: Selected): Repository {
  return {
    id: row.id,
    projectId: row.project_id,
    name: row.name,
    visibility: row.visibility,
    projectVisibility: row.project_visibility,
    description: row.description,
    labels: JSON.parse(row.labels) as Record<string, string>,
    createdAt: row.created_at,
    createdBy: row.created_by,
    version: row.version,
  };
}

export interface RepositoryChanges {
  readonly visibility?: Visibility | null | undefined;
  readonly description?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

export async function updateRepository(
  tx: Tx,
  id: string,
  { visibility, description, labels }: RepositoryChanges,
): Promise<void> {
  await tx
    .updateTable("repositories")
    .set({
      ...(visibility === undefined ? {} : { visibility }),
      ...(description === undefined ? {} : { description }),
      ...(labels === undefined ? {} : { labels: JSON.stringify(labels) }),
      version: sql`version + 1`,
    })
    .where("id", "=", id)
    .execute();
}

export interface ListedTag {
  readonly tag: Tag;
  readonly digest: Digest;
  readonly movedAt: number;
  readonly movedBy: string | null;
  readonly lockedAt: number | null;
  readonly lockedBy: string | null;
}

/** Of a repository by name, after one, in byte order. */
export async function listTagsWithLocks(
  reads: Reads,
  page: { readonly repositoryId: string; readonly after: string; readonly limit: number },
): Promise<ListedTag[]> {
  return await reads
    .selectFrom("tags as t")
    .leftJoin("principals as m", "m.id", "t.moved_by")
    .leftJoin("principals as l", "l.id", "t.locked_by")
    .select(["t.name as tag", "t.digest", "t.moved_at as movedAt", "m.name as movedBy"])
    .select(["t.locked_at as lockedAt", "l.name as lockedBy"])
    .where("t.repository_id", "=", bound(page.repositoryId))
    .where("t.name", ">", bound(page.after as Tag))
    .orderBy("t.name")
    .limit(page.limit)
    .execute();
}
