import { type RawBuilder, sql } from "kysely";
import type { Place, Sort } from "../access/sorted-list.ts";
import type { Reads, Tx } from "../db/database.ts";
import { bound, live } from "../db/dialect-facts.ts";
import { contains, sortedPage } from "../db/sorted-page.ts";
import type { Visibility } from "../db/tables.ts";
import { naturalSortKey } from "../lib/natural-sort-key.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
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

export interface RepositoryPage {
  readonly projectId: string;
  readonly filter: string;
  readonly sort: Sort;
  readonly after: Place | null;
  readonly limit: number;
}

/** Of a project. The page is cut from one index, and only then joined with what else is shown. */
export async function listRepositories(
  reads: Reads,
  page: RepositoryPage,
): Promise<ListedRepository[]> {
  const { rows } = await repositoryPageQuery(page).execute(reads);
  return rows.map((row) => ({ ...repositoryOfRow(row), listed: row }));
}

/** A repository with what lists show of it. */
export interface ListedRepository extends Repository {
  readonly listed: CountedRow;
}

interface CountedRow {
  /** As of the last count. */
  readonly tags: number;
  readonly size: number;
  readonly counted_push: number;
  /** As of now. */
  readonly pushed_at: number | null;
}

export function repositoryPageQuery(page: RepositoryPage): RawBuilder<Selected & CountedRow> {
  const { sort, after, filter } = page;
  const columns = [columnOf[sort.by], "name"];
  const name = after?.name ?? "";
  const cut = sortedPage({
    columns,
    descending: sort.descending,
    after: after === null ? null : [after.value ?? naturalSortKey(name), name],
    limit: page.limit,
  });
  const filtered = filter === "" ? sql`` : sql`and ${contains(sql.ref("name"), filter, true)}`;
  const direction = sql.raw(sort.descending ? "desc" : "asc");
  const order = columns.map((column) => sql`${sql.ref(`r.${column}`)} ${direction}`);
  return sql<Selected & CountedRow>`
    select r.id, r.project_id, r.name, r.visibility, r.description, r.labels, r.created_at,
           r.version, r.tags, r.size, r.pushed_at as counted_push,
           p.visibility as project_visibility, c.name as created_by,
           (select max(t.moved_at) from tags as t
             where t.repository_id = r.id and t.attached = 0) as pushed_at
      from (select id, project_id, name, visibility, description, labels, created_at, created_by,
                   version, sort_key, tags, size, pushed_at
              from repositories
             where project_id = ${bound(page.projectId)} and state = 'live' ${filtered} ${cut}) as r
      join projects as p on p.id = r.project_id and p.state = 'live'
      left join principals as c on c.id = r.created_by
     order by ${sql.join(order)}`;
}

const columnOf = { name: "sort_key", pushed: "pushed_at", size: "size" } as const;

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
