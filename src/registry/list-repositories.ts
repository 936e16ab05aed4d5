import type { RepositoryName } from "../oci/repository-name.ts";
import type { Registry } from "./registry.ts";
import { listRepositoryNames } from "./repository-store.ts";

export const repositoriesPageMax = 1_000;

/** Repositories that hold a manifest, in byte order, after `last`. */
export async function listRepositories(
  registry: Registry,
  last: string,
  limit: number,
): Promise<{ names: RepositoryName[]; next: RepositoryName | null }> {
  if (limit === 0) return { names: [], next: null };
  const names = await listRepositoryNames(registry.db, last, limit + 1);
  await registry.db.settled();
  if (names.length <= limit) return { names, next: null };
  const page = names.slice(0, limit);
  return { names: page, next: page[limit - 1] ?? null };
}
