import { createMutex } from "../lib/mutex.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { Caller } from "./caller.ts";
import type { Registry } from "./registry.ts";
import { listRepositoryNames } from "./repository-store.ts";

export const repositoriesPageMax = 1_000;
/** Names that are judged before others get their turn: some three milliseconds. */
const judgedAtOnce = 200;

/** Who may see few of many has them all judged. However many ask for that, the rest go on meanwhile. */
const turns = createMutex();

/** Repositories that hold a manifest and that the caller may see, in byte order, after `last`. */
export async function listRepositories(
  registry: Registry,
  last: string,
  limit: number,
  caller: Caller,
): Promise<{ names: RepositoryName[]; next: RepositoryName | null }> {
  const names: RepositoryName[] = [];
  let after = last;
  const judgeSome = async (count: number): Promise<boolean> => {
    const batch = await listRepositoryNames(registry.db, after, count);
    for (const name of batch) if (await caller.mayList(name)) names.push(name);
    after = batch.at(-1) ?? after;
    return batch.length === count;
  };
  // One more than asked for tells whether there is a next page: for who may see all, one round finds it.
  let more = limit > 0 && (await judgeSome(Math.min(limit + 1, repositoriesPageMax)));
  while (more && names.length <= limit) {
    more = await turns.run(async () => {
      await Bun.sleep(0);
      return await judgeSome(judgedAtOnce);
    });
  }
  await registry.db.settled();
  if (names.length <= limit) return { names, next: null };
  const page = names.slice(0, limit);
  return { names: page, next: page[limit - 1] ?? null };
}
