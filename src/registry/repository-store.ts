import { grantOwner } from "../access/grant-store.ts";
import { insertProject, isNameOfAnother } from "../access/project-store.ts";
import { bumpAccessVersion } from "../auth/access-version-store.ts";
import { actorOf } from "../auth/principal.ts";
import { compiled } from "../db/compiled.ts";
import type { Database, Reads, Tx } from "../db/database.ts";
import { bound, live } from "../db/dialect-facts.ts";
import { naturalSortKey } from "../lib/natural-sort-key.ts";
import { uuidv7 } from "../lib/random.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { type ProjectName, projectOf, type RepositoryName } from "../oci/repository-name.ts";
import type { Caller } from "./caller.ts";
import type { Registry } from "./registry.ts";
import { unknownRepository } from "./unknown.ts";

/** The id of a live repository of a live project, or null. */
export async function findRepositoryId(reads: Reads, name: RepositoryName): Promise<string | null> {
  const [row] = await selectLive(reads, name);
  return row?.id ?? null;
}

/** The same, or NAME_UNKNOWN is thrown. */
export async function getRepositoryId(reads: Reads, name: RepositoryName): Promise<string> {
  const id = await findRepositoryId(reads, name);
  if (id === null) throw unknownRepository(name);
  return id;
}

const selectLive = compiled((db, name: RepositoryName) =>
  db
    .selectFrom("repositories as r")
    .innerJoin("projects as p", "p.id", "r.project_id")
    .select(["r.id", "r.project_id", "p.created_by"])
    .where("r.name", "=", bound(name))
    .where("r.state", "=", live)
    .where("p.state", "=", live),
);

export interface RepositoryIds {
  readonly repositoryId: string;
  readonly projectId: string;
}

/** As `findRepositoryId`, with its project. */
export async function findRepository(
  reads: Reads,
  name: RepositoryName,
): Promise<RepositoryIds | null> {
  const [found] = await selectLive(reads, name);
  return found === undefined ? null : { repositoryId: found.id, projectId: found.project_id };
}

/**
 * The repository from which something is deleted. Throws NAME_UNKNOWN where there is none, and where
 * another one than the one that authorization judged has the name by now.
 */
export async function findJudged(
  tx: Tx,
  name: RepositoryName,
  { projectId }: Pick<Caller, "projectId">,
): Promise<RepositoryIds> {
  const [found] = await selectLive(tx, name);
  const isJudged = projectId === undefined || projectId === found?.project_id;
  if (found === undefined || !isJudged) throw unknownRepository(name);
  return { repositoryId: found.id, projectId: found.project_id };
}

/**
 * The repository, which is made, with its project, when it is not there. Throws DENIED when the
 * project is not the one that authorization judged.
 */
export async function ensureRepository(
  registry: Registry,
  tx: Tx,
  name: RepositoryName,
  caller: Caller,
  now: number,
): Promise<RepositoryIds> {
  const [found] = await selectLive(tx, name);
  if (found !== undefined) {
    const { id: repositoryId, project_id: projectId, created_by } = found;
    assertJudged(name, { id: projectId, created_by }, caller);
    return { repositoryId, projectId };
  }
  const projectId = await ensureProject(registry, tx, name, caller, now);
  const actor = actorOf(caller.principal);
  const repositoryId = uuidv7();
  await tx
    .insertInto("repositories")
    .values({
      id: repositoryId,
      project_id: projectId,
      name,
      state: "live",
      created_at: now,
      created_by: actor,
      sort_key: naturalSortKey(name),
    })
    .execute();
  registry.audit.append(tx, {
    actor: caller.actor,
    action: "repository.created",
    resource: name,
    projectId,
    result: "done",
    detail: {},
  });
  return { repositoryId, projectId };
}

/** A project that was made, or made again, since the request was judged is another one. */
function assertJudged(
  repository: RepositoryName,
  project: { id: string; created_by: string | null },
  { projectId, principal }: Caller,
): void {
  if (projectId === undefined || projectId === project.id) return;
  // What the caller's own first push made, perhaps in another request of the same push.
  if (projectId === null && project.created_by === actorOf(principal)) return;
  throw new RegistryError("DENIED", {
    message: `the project of ${repository} changed hands while the request was under way`,
    detail: { repository },
  });
}

async function ensureProject(
  registry: Registry,
  tx: Tx,
  repository: RepositoryName,
  caller: Caller,
  now: number,
): Promise<string> {
  const name = projectOf(repository);
  const [found] = await selectLiveProject(tx, name);
  if (found !== undefined) {
    assertJudged(repository, found, caller);
    return found.id;
  }
  // Deleted since: nobody judged who may make it again.
  if (typeof caller.projectId === "string") throw unknownRepository(repository);
  const { principal } = caller;
  if (await isNameOfAnother(tx, name, principal)) {
    throw new RegistryError("DENIED", {
      message: `the name ${name} is kept for the user who has it`,
      detail: { repository },
    });
  }
  const actor = actorOf(principal);
  const id = await insertProject(tx, { name, createdBy: actor, now });
  if (actor !== null) {
    await grantOwner(tx, { projectId: id, project: name, principalId: actor, actor, now });
  }
  await bumpAccessVersion(tx);
  registry.audit.append(tx, {
    actor: caller.actor,
    action: "project.created",
    resource: `project ${name}`,
    projectId: id,
    result: "done",
    detail: { by: "push" },
  });
  return id;
}

const selectLiveProject = compiled((db, name: ProjectName) =>
  db
    .selectFrom("projects")
    .select(["id", "created_by"])
    .where("name", "=", name)
    .where("state", "=", live),
);

/** Names of repositories that hold a manifest, after `last` in byte order. */
export async function listRepositoryNames(
  db: Database,
  last: string,
  limit: number,
): Promise<RepositoryName[]> {
  const rows = await db.reads
    .selectFrom("repositories as r")
    .innerJoin("projects as p", "p.id", "r.project_id")
    .select("r.name")
    .where("r.state", "=", live)
    .where("p.state", "=", live)
    .where("r.name", ">", last as RepositoryName)
    .where(({ exists, selectFrom }) =>
      exists(
        selectFrom("manifests as m")
          .select("m.digest")
          .whereRef("m.repository_id", "=", "r.id")
          .where("m.state", "=", live),
      ),
    )
    .orderBy("r.name")
    .limit(limit)
    .execute();
  return rows.map((row) => row.name);
}
