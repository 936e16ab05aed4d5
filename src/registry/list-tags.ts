import type { RepositoryName } from "../oci/repository-name.ts";
import type { Registry } from "./registry.ts";
import { unknownRepository } from "./unknown.ts";

/** Tags in an answer to a request that asked for a number of them. */
export const tagsPageMax = 10_000;
/** Tags in an answer to a request that asked for all. */
export const tagsListMax = 1_000_000;
/** Names read from the database at once: a few milliseconds of its time. */
const tagsChunk = 10_000;

/** Tag names in byte order. `next` is the name after which the list goes on, or null at its end. */
export interface TagPage {
  /** The names as a JSON array's inside, without brackets: names need no escaping. */
  readonly names: string;
  readonly next: string | null;
}

/** Up to `limit` tags after `last`. */
export async function listTags(
  registry: Registry,
  repositoryId: string,
  last: string,
  limit: number,
): Promise<TagPage> {
  if (limit === 0) return { names: "", next: null };
  const row = await registry.reads.tagNames(repositoryId, last, limit + 1, 0);
  if (row === null || row.names === null) return { names: "", next: null };
  let joined = row.names;
  let next: string | null = null;
  if (row.count > limit) {
    joined = joined.slice(0, joined.lastIndexOf(","));
    next = joined.slice(joined.lastIndexOf(",") + 1);
  }
  return { names: `"${joined.replaceAll(",", '","')}"`, next };
}

/** All tags after `last`, up to `tagsListMax`. */
export interface WholeTagList {
  /** One page where it is all, else many, read one by one as the client takes them. */
  readonly pages: TagPage | AsyncIterable<TagPage>;
  /** The name after which the list goes on, or null. */
  readonly next: string | null;
}

export async function listAllTags(
  registry: Registry,
  repositoryId: string,
  last: string,
): Promise<WholeTagList> {
  const first = await listTags(registry, repositoryId, last, tagsChunk);
  if (first.next === null) return { pages: first, next: null };
  // The header that says whether there is more goes out before the list does.
  const border = await registry.reads.tagNames(repositoryId, last, 2, tagsListMax - 1);
  const next = border?.count === 2 ? (border.names?.split(",")[0] ?? null) : null;
  return { pages: chunks(registry, repositoryId, first, tagsListMax), next };
}

async function* chunks(
  registry: Registry,
  repositoryId: string,
  first: TagPage,
  limit: number,
): AsyncGenerator<TagPage> {
  yield first;
  let next = first.next;
  for (let listed = tagsChunk; next !== null && listed < limit; listed += tagsChunk) {
    const page = await listTags(registry, repositoryId, next, tagsChunk);
    // Tags may be deleted while the client reads.
    if (page.names === "") return;
    yield page;
    next = page.next;
  }
}

export async function repositoryIdOf(
  registry: Registry,
  repository: RepositoryName,
): Promise<string> {
  const row = await registry.reads.repositoryId(repository);
  if (row === null) throw unknownRepository(repository);
  return row.id;
}
