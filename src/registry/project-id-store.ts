import { compiled } from "../db/compiled.ts";
import type { Reads } from "../db/database.ts";
import { assert } from "../lib/assert.ts";

/** The project of a repository that is there. */
export async function findProjectId(reads: Reads, repositoryId: string): Promise<string> {
  const [row] = await selectProjectId(reads, repositoryId);
  assert(row !== undefined, `the repository ${repositoryId} has no row`);
  return row.project_id;
}

const selectProjectId = compiled((db, repositoryId: string) =>
  db.selectFrom("repositories").select("project_id").where("id", "=", repositoryId),
);
