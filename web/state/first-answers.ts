import {
  getRecentPulls,
  getRecentPushes,
  getRepositoriesOfRepository,
  getRepositoriesTagsOfRepository,
} from "../../client/operations.ts";

/** Entries of the first request for a list, which are shown while the next ones are on their way. */
export const itemsShownFirst = 50;

export type TagSort = "name" | "-name" | "pushed" | "-pushed" | "size" | "-size";

const sorts: readonly TagSort[] = ["name", "-name", "pushed", "-pushed", "size", "-size"];

/** Of a repository's tags, as the query of its screen says. */
export function tagSortOf(search: URLSearchParams): TagSort {
  const asked = search.get("sort");
  return sorts.find((each) => each === asked) ?? "-pushed";
}

/** What the home screen asks for. */
export function recentOf(search: URLSearchParams) {
  const mine = search.get("show") === "mine" ? "true" : "false";
  return { mine, limit: 9 } as const;
}

/** URLs that the screens which people open most ask for at first: the script that asks may still be on its way. */
export function firstAnswers(path: string, search: URLSearchParams): readonly string[] {
  if (path === "/home") {
    const asked = recentOf(search);
    return [getRecentPushes.urlOf(asked), getRecentPulls.urlOf(asked)];
  }
  const [, repository] = /^[/]r[/]([^:@]+?)[/]*$/.exec(path) ?? [];
  if (repository === undefined || repository.includes("/-/")) return [];
  const sort = tagSortOf(search);
  return [
    getRepositoriesOfRepository.urlOf({ repository }),
    ...(search.has("at")
      ? []
      : [getRepositoriesTagsOfRepository.urlOf({ repository, sort, limit: itemsShownFirst })]),
  ];
}
