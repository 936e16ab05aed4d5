import type { RepositoryName } from "../oci/repository-name.ts";
import type { Caller } from "./caller.ts";
import type { Registry } from "./registry.ts";
import { listRepositoryNames } from "./repository-store.ts";

export const repositoriesPageMax = 1_000;

/** Repositories that hold a manifest and that the caller may see, in byte order, after `last`. */
export async function listRepositories(
  registry: Registry,
  last: string,
  limit: number,
  caller: Caller,
): Promise<{ names: RepositoryName[]; next: RepositoryName | null }> {
  const names: RepositoryName[] = [];
  const batchSize = Math.min(repositoriesPageMax, Math.max(limit + 1, 100));
  let after = last;
  // One more than asked for tells whether there is a next page. Each round reads on from the last name.
  while (limit > 0 && names.length <= limit) {
    const batch = await listRepositoryNames(registry.db, after, batchSize);
    names.push(...batch.filter((name) => caller.mayList(name)));
    const end = batch.at(-1);
    if (end === undefined || batch.length < batchSize) break;
    after = end;
  }
  await registry.db.settled();
  if (names.length <= limit) return { names, next: null };
  const page = names.slice(0, limit);
  return { names: page, next: page[limit - 1] ?? null };
}
