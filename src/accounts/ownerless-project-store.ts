import type { Reads } from "../db/database.ts";
import { live } from "../db/dialect-facts.ts";
import type { ProjectName } from "../oci/repository-name.ts";

/** Projects that nobody was made owner of: what was pushed while everybody might do everything. */
export async function listOwnerlessProjects(
  reads: Reads,
): Promise<{ id: string; name: ProjectName }[]> {
  return await reads
    .selectFrom("projects as p")
    .select(["p.id", "p.name"])
    .where("p.state", "=", live)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom("grants as g")
            .select("g.id")
            .whereRef("g.project_id", "=", "p.id")
            .where("g.role", "=", "owner")
            .where("g.effect", "=", "allow"),
        ),
      ),
    )
    .orderBy("p.name")
    .execute();
}
