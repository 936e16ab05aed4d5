import { compiled } from "../db/compiled.ts";
import type { Database, Reads, Tx } from "../db/database.ts";
import { bound, live } from "../db/dialect-facts.ts";
import { uuidv7 } from "../lib/random.ts";
import { projectOf, type RepositoryName } from "../oci/repository-name.ts";

/** The id of a live repository of a live project, or null. */
export async function findRepositoryId(reads: Reads, name: RepositoryName): Promise<string | null> {
  const [row] = await selectLive(reads, name);
  return row?.id ?? null;
}

const selectLive = compiled((db, name: RepositoryName) =>
  db
    .selectFrom("repositories as r")
    .innerJoin("projects as p", "p.id", "r.project_id")
    .select("r.id")
    .where("r.name", "=", bound(name))
    .where("r.state", "=", live)
    .where("p.state", "=", live),
);

/** The id of the repository, which is made, with its project, when it is not there. */
export async function ensureRepository(
  tx: Tx,
  name: RepositoryName,
  actor: string | null,
  now: number,
): Promise<string> {
  const found = await findRepositoryId(tx, name);
  if (found !== null) return found;
  const projectId = await ensureProject(tx, name, actor, now);
  const id = uuidv7();
  await tx
    .insertInto("repositories")
    .values({
      id,
      project_id: projectId,
      name,
      state: "live",
      created_at: now,
      created_by: actor,
    })
    .execute();
  return id;
}

async function ensureProject(
  tx: Tx,
  repository: RepositoryName,
  actor: string | null,
  now: number,
): Promise<string> {
  const name = projectOf(repository);
  const earlier = await tx
    .selectFrom("projects")
    .select(["id", "state", "generation"])
    .where("name", "=", name)
    .orderBy("generation", "desc")
    .executeTakeFirst();
  if (earlier?.state === "live") return earlier.id;
  const id = uuidv7();
  await tx
    .insertInto("projects")
    .values({
      id,
      name,
      generation: (earlier?.generation ?? 0) + 1,
      state: "live",
      created_at: now,
      created_by: actor,
    })
    .execute();
  return id;
}

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
