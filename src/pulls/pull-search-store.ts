import type { Reads } from "../db/database.ts";
import { bound } from "../db/dialect-facts.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { ListedPull } from "./pull-list-store.ts";

export interface FoundPull extends ListedPull {
  /** Null where it is gone for good. */
  readonly repository: RepositoryName | null;
}

/** Pulls of the whole registry behind one, `after` in this order; ids are in the order of time. */
export async function listAllPulls(
  reads: Reads,
  {
    after,
    newestFirst,
    limit,
  }: { readonly after: string; readonly newestFirst: boolean; readonly limit: number },
): Promise<FoundPull[]> {
  return await reads
    .selectFrom("pulls as l")
    .leftJoin("repositories as r", "r.id", "l.repository_id")
    .leftJoin("principals as p", "p.id", "l.principal_id")
    .leftJoin("credentials as c", (join) =>
      join.onRef("c.id", "=", "l.credential_id").on("c.issuer_id", "is not", null),
    )
    .select(["l.id", "l.at", "r.name as repository", "l.digest", "l.tag", "l.platform"])
    .select(["l.credential_id", "l.address", "l.user_agent"])
    .select(["p.name as principal", "c.description as workload"])
    .where("l.id", newestFirst ? "<" : ">", bound(after))
    .orderBy("l.id", newestFirst ? "desc" : "asc")
    .limit(limit)
    .execute();
}
