import type { Reads, Tx } from "../db/database.ts";
import { bound, live } from "../db/dialect-facts.ts";
import { uuidv7 } from "../lib/random.ts";
import type { ProjectName, RepositoryName } from "../oci/repository-name.ts";

/** What a star is given to, by its id: what has its name later inherits nothing. */
export type Starred =
  | { readonly kind: "project"; readonly projectId: string }
  | { readonly kind: "repository"; readonly repositoryId: string };

/** The same by its name, while it is there. */
export type StarredName =
  | { readonly kind: "project"; readonly name: ProjectName }
  | { readonly kind: "repository"; readonly name: RepositoryName };

/** A star of something that is there. */
export type NamedStar = StarredName & {
  readonly description: string;
  readonly createdAt: number;
};

/** False where it has one of theirs already. */
export async function insertStar(
  tx: Tx,
  star: { readonly principalId: string; readonly of: Starred; readonly now: number },
): Promise<boolean> {
  const { principalId, of, now } = star;
  const row = await tx
    .insertInto("stars")
    .values({
      id: uuidv7(),
      principal_id: principalId,
      project_id: of.kind === "project" ? of.projectId : null,
      repository_id: of.kind === "repository" ? of.repositoryId : null,
      created_at: now,
    })
    .onConflict((conflict) => conflict.doNothing())
    .returning("id")
    .executeTakeFirst();
  return row !== undefined;
}

export async function deleteStar(tx: Tx, principalId: string, of: Starred): Promise<void> {
  const query = tx.deleteFrom("stars").where("principal_id", "=", principalId);
  await (of.kind === "project"
    ? query.where("project_id", "=", of.projectId)
    : query.where("repository_id", "=", of.repositoryId)
  ).execute();
}

/** Of one user, what lies in the trash with it. */
export async function countStars(reads: Reads, principalId: string): Promise<number> {
  const { stars } = await reads
    .selectFrom("stars")
    .select(({ fn }) => fn.countAll<number>().as("stars"))
    .where("principal_id", "=", principalId)
    .executeTakeFirstOrThrow();
  return Number(stars);
}

/** A star, and what it was given to: null where that lies in the trash, or its project does. */
export interface OldStar {
  readonly id: string;
  readonly of: StarredName | null;
}

/** Of one user, the oldest first. */
export async function listOldStars(
  reads: Reads,
  principalId: string,
  limit: number,
): Promise<OldStar[]> {
  const rows = await reads
    .selectFrom("stars as s")
    .leftJoin("repositories as r", (on) =>
      on.onRef("r.id", "=", "s.repository_id").on("r.state", "=", live),
    )
    .leftJoin("projects as p", (on) =>
      on
        .on(({ eb, fn }) => eb("p.id", "=", fn.coalesce("s.project_id", "r.project_id")))
        .on("p.state", "=", live),
    )
    .select(["s.id", "s.repository_id", "p.name as project", "r.name as repository"])
    .where("s.principal_id", "=", bound(principalId))
    .orderBy("s.created_at")
    .orderBy("s.id")
    .limit(limit)
    .execute();
  return rows.map(({ id, repository_id, project, repository }) => {
    if (project === null) return { id, of: null };
    if (repository_id === null) return { id, of: { kind: "project", name: project } };
    return { id, of: repository === null ? null : { kind: "repository", name: repository } };
  });
}

/** Takes a star of the user away, whatever it was given to. */
export async function deleteOldStar(tx: Tx, principalId: string, id: string): Promise<void> {
  await tx
    .deleteFrom("stars")
    .where("principal_id", "=", principalId)
    .where("id", "=", id)
    .execute();
}

/** Of one user, after a name, in the order of names: no repository is called as a project. */
export async function listStars(
  reads: Reads,
  page: { readonly principalId: string; readonly after: string; readonly limit: number },
): Promise<NamedStar[]> {
  const ofProjects = await reads
    .selectFrom("stars as s")
    .innerJoin("projects as p", "p.id", "s.project_id")
    .select(["p.name", "p.description", "s.created_at"])
    .where("s.principal_id", "=", bound(page.principalId))
    .where("p.state", "=", live)
    .where("p.name", ">", bound(page.after as ProjectName))
    .orderBy("p.name")
    .limit(page.limit)
    .execute();
  const ofRepositories = await reads
    .selectFrom("stars as s")
    .innerJoin("repositories as r", "r.id", "s.repository_id")
    .innerJoin("projects as p", "p.id", "r.project_id")
    .select(["r.name", "r.description", "s.created_at"])
    .where("s.principal_id", "=", bound(page.principalId))
    .where("r.state", "=", live)
    .where("p.state", "=", live)
    .where("r.name", ">", bound(page.after as RepositoryName))
    .orderBy("r.name")
    .limit(page.limit)
    .execute();
  const stars: NamedStar[] = [
    ...ofProjects.map(({ created_at, ...row }) => ({
      ...{ kind: "project" as const, ...row, createdAt: created_at },
    })),
    ...ofRepositories.map(({ created_at, ...row }) => ({
      ...{ kind: "repository" as const, ...row, createdAt: created_at },
    })),
  ];
  return stars.sort((a, b) => (a.name < b.name ? -1 : 1)).slice(0, page.limit);
}
