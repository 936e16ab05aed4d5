import { useMemo, useRef } from "react";
import { getRepositoriesTagsOfRepository } from "../../client/operations.ts";
import { type TagSort, tagSortOf } from "../state/first-answers.ts";
import { type MoreList, useList } from "../state/list.ts";
import { setSearch, usePlace } from "../state/location.ts";
import { useSettled } from "../state/settled.ts";

export type Tag = Awaited<ReturnType<typeof getRepositoriesTagsOfRepository>>["items"][number];

/** The tags of a repository as far as they were read. */
export interface Tags {
  readonly all: readonly Tag[];
  /** The same, with what is to be known of a list. */
  readonly list: MoreList<Tag>;
  /** Whether there are no more, of those that the server was asked for. */
  readonly isRead: boolean;
  /** Whether these are all of the repository. */
  readonly isComplete: boolean;
  /** Whether there are some, or were. */
  readonly had: boolean;
  readonly sort: TagSort;
  readonly setSort: (sort: TagSort) => void;
  /** What the label of the repository names. */
  readonly newest: Tag | undefined;
}

const none: readonly Tag[] = [];

/** Where this window saw tags: what is gone may come back out of the trash, and nobody waits for a first push. */
const hadTags = new Set<string>();

export function noteTags(repository: string): void {
  hadTags.add(repository);
}

export function useTags(repository: string): Tags {
  const { search } = usePlace();
  const sort = tagSortOf(search);
  // Of a long list the server looks for the word; operators are for what was read.
  const word = /(?:^|\s)([^\s:-][^\s:]*)$/.exec((search.get("q") ?? "").trim())?.[1] ?? "";
  const isLong = useRef(false);
  const filter = useSettled(isLong.current && !word.includes("*") ? word : "");
  const key = `tags ${repository} ${sort} ${filter}`;
  const list = useList(key, (page) =>
    getRepositoriesTagsOfRepository({
      ...{ repository, sort },
      ...(filter === "" ? {} : { filter }),
      ...page,
    }),
  );
  const known = useRef<{ readonly key: string; readonly items: readonly Tag[] } | null>(null);
  if (list.value !== undefined) known.current = { key, items: list.value.items };
  // Rows stay while more of them, or others, are on their way.
  const all = list.value?.items ?? known.current?.items ?? none;
  const isRead = list.value?.next === null;
  const newest = useMemo(() => newestOf(all), [all]);
  if (all.length > 0) noteTags(repository);
  if (filter === "") isLong.current = list.value?.next != null || (isLong.current && !list.value);
  return {
    all,
    list: {
      ...list,
      value: list.value ?? (known.current === null ? undefined : { items: all, next: null }),
    },
    isRead,
    isComplete: isRead && filter === "",
    had: hadTags.has(repository),
    sort,
    setSort: (next) => setSearch({ sort: next === "-pushed" ? null : next }),
    newest,
  };
}

function newestOf(tags: readonly Tag[]): Tag | undefined {
  return tags.reduce<Tag | undefined>(
    (newest, tag) => (newest === undefined || tag.moved_at > newest.moved_at ? tag : newest),
    undefined,
  );
}
