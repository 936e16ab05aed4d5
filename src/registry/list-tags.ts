import type { MaybePromise } from "../lib/maybe-promise.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { Registry } from "./registry.ts";
import { unknownRepository } from "./unknown.ts";

/** Tags in an answer to a request that asked for a number of them. */
export const tagsPageMax = 10_000;
/** Tags in an answer to a request that asked for all. */
const tagsListMax = 1_000_000;
/** Names read from the database at once: a few milliseconds of its time. */
const tagsChunk = 10_000;

/** Tag names in byte order. `next` is the name after which the list goes on, or null at its end. */
export interface TagPage {
  /** The names as a JSON array's inside, without brackets: names need no escaping. */
  readonly names: string;
  readonly next: string | null;
}

/** Names of tags after `last`, joined by commas, but for the first `offset`. */
export type ReadTagNames = (
  last: string,
  limit: number,
  offset: number,
) => MaybePromise<{ names: string | null; count: number } | null>;

/** Up to `limit` tags after `last`. */
export async function listTags(read: ReadTagNames, last: string, limit: number): Promise<TagPage> {
  if (limit === 0) return { names: "", next: null };
  const row = await read(last, limit + 1, 0);
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

export async function listAllTags(read: ReadTagNames, last: string): Promise<WholeTagList> {
  const first = await listTags(read, last, tagsChunk);
  if (first.next === null) return { pages: first, next: null };
  // The header that says whether there is more goes out before the list does.
  const border = await read(last, 2, tagsListMax - 1);
  const next = border?.count === 2 ? (border.names?.split(",")[0] ?? null) : null;
  return { pages: chunks(read, first, tagsListMax), next };
}

async function* chunks(read: ReadTagNames, first: TagPage, limit: number): AsyncGenerator<TagPage> {
  yield first;
  let next = first.next;
  for (let listed = tagsChunk; next !== null && listed < limit; listed += tagsChunk) {
    const page = await listTags(read, next, tagsChunk);
    // Tags may be deleted while the client reads.
    if (page.names === "") return;
    yield page;
    next = page.next;
  }
}

/** Of the repository as it is. Throws NAME_UNKNOWN where there is none. */
export async function tagNamesNow(
  { reads }: Registry,
  repository: RepositoryName,
): Promise<ReadTagNames> {
  const row = await reads.repositoryId(repository);
  if (row === null) throw unknownRepository(repository);
  const { id } = row;
  return (last, limit, offset) => reads.tagNames(id, last, limit, offset);
}
