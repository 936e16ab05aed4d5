import { isAllowed } from "../access/authorize.ts";
import type { ApiCall, Management } from "../access/endpoint.ts";
import { visiblePage } from "../access/visible-page.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import { findDigests, findProjects, findRepositories, findTags } from "./search-store.ts";

/** What is found, in the order in which it is told. */
export const foundKinds = ["project", "repository", "tag", "image"] as const;
export type FoundKind = (typeof foundKinds)[number];

export interface Found {
  readonly kind: FoundKind;
  /** `team`, `team/app`, `team/app:v1`, `team/app@sha256:...`. */
  readonly name: string;
  readonly description: string;
  /** Of a tag. */
  readonly digest: string | null;
}

type Searcher = Pick<ApiCall, "principal" | "address">;

interface FoundPage {
  readonly items: Found[];
  readonly next: string | null;
}

/** Hex digits that a digest must be known by. */
const digestLengthMin = 6;

/** What of one kind the caller may see, by name. */
export function searchKind(
  deps: Management,
  caller: Searcher,
  kind: FoundKind,
  text: string,
  page: { readonly after: string; readonly limit: number },
): Promise<FoundPage> {
  const { secrets, db } = deps;
  const { reads } = db;
  const from = () => caller.address;
  const may = (name: RepositoryName) =>
    isAllowed(deps.access, caller.principal, "repository:pull", { kind: "repository", name }, from);
  switch (kind) {
    case "project":
      return visiblePage({
        ...{ secrets, ...page },
        read: (asked) => findProjects(reads, text, asked),
        cursorOf: ({ name }) => name,
        isVisible: ({ name }) =>
          isAllowed(deps.access, caller.principal, "project:read", { kind, name }, from),
        toItem: ({ name, description }) => ({ kind, name, description, digest: null }),
      });
    case "repository":
      return visiblePage({
        ...{ secrets, ...page },
        read: (asked) => findRepositories(reads, text, asked),
        cursorOf: ({ name }) => name,
        isVisible: ({ name }) => may(name),
        toItem: ({ name, description }) => ({ kind, name, description, digest: null }),
      });
    case "tag": {
      const wanted = tagWanted(text);
      if (wanted === null) return nothing;
      return visiblePage({
        ...{ secrets, ...page },
        read: ({ after, limit }) => {
          const [repository, tag] = split(after);
          return findTags(reads, wanted, { after: { repository, tag }, limit });
        },
        cursorOf: ({ repository, tag }) => `${repository} ${tag}`,
        isVisible: ({ repository }) => may(repository),
        toItem: ({ repository, tag, digest }) => {
          return { kind, name: `${repository}:${tag}`, description: "", digest };
        },
      });
    }
    case "image": {
      const prefix = digestWanted(text);
      if (prefix === null) return nothing;
      return visiblePage({
        ...{ secrets, ...page },
        read: ({ after, limit }) => {
          const [digest, repository] = split(after);
          return findDigests(reads, prefix, { after: { digest, repository }, limit });
        },
        cursorOf: ({ digest, repository }) => `${digest} ${repository}`,
        isVisible: ({ repository }) => may(repository),
        toItem: ({ digest, repository }) => {
          return { kind, name: `${repository}@${digest}`, description: "", digest };
        },
      });
    }
  }
}

const nothing: Promise<FoundPage> = Promise.resolve({ items: [], next: null });

function split(cursor: string): [string, string] {
  const [one = "", other = ""] = cursor.split(" ");
  return [one, other];
}

/** `v1.2` in any repository, or `app:v1.2` in those with `app` in their names; null for what is no tag. */
function tagWanted(text: string): { repository: string; tag: string } | null {
  const [, repository = "", tag = ""] = /^(?:([\w./-]*):)?([\w.-]*)$/.exec(text) ?? [];
  return tag === "" && repository === "" ? null : { repository, tag };
}

/** The beginning of a digest; null for what is none. */
function digestWanted(text: string): string | null {
  const [, algorithm = "sha256", hex = ""] =
    /^(?:(sha256|sha512):)?([0-9a-f]{1,128})$/.exec(text) ?? [];
  return hex.length < digestLengthMin ? null : `${algorithm}:${hex}`;
}
