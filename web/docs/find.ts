import MiniSearch from "minisearch";
import { stemmer } from "stemmer";

/** A page, or what stands under one of its headings; `scripts/docs.ts` writes them. */
export interface Entry {
  readonly path: string;
  readonly page: string;
  readonly heading: string;
  readonly text: string;
}

export interface Hit extends Entry {
  /** What of the question the entry has: the first letters of its words. */
  readonly found: readonly string[];
}

const hitsMax = 12;

/** Of a page all would be listed, and hide the others. */
const hitsOfPageMax = 3;

/** Words of a question that say nothing of what it is about. */
const stopWords = new Set(
  (
    "a about all am an and any are as at be been but by can cannot could did do does for from get gets give gives " +
    "got had has have how i if in into is it its let me my need of on one or our out please should so some " +
    "somebody someone than that the their them then there these they this to up us want was way we were what when " +
    "where which who whose why will with would you your use used using not"
  ).split(" "),
);

/** What people ask for by a word that the pages do not use: stems, and the words that are looked for besides. */
export const otherWords: Readonly<Record<string, readonly string[]>> = {
  access: ["role", "grant"],
  certif: ["tls"],
  checksum: ["verify"],
  cluster: ["kubernetes"],
  corrupt: ["verify", "damage"],
  deni: ["role", "refused"],
  forbidden: ["role", "refused"],
  http: ["tls"],
  k8: ["kubernetes"],
  login: ["signin"],
  migrat: ["move", "copy"],
  permiss: ["role", "grant"],
  recov: ["restore"],
  remov: ["delete"],
  sign: ["cosign"],
  space: ["disk"],
  ssl: ["tls"],
  undelet: ["trash", "restore"],
  undo: ["trash", "restore"],
};

/** Pages that list all there is of something, in few words each: what explains comes before them. */
const listing = /^\/(api\/docs|docs\/(commands|settings|errors))(#|$)/;
const listingWeight = 0.5;

export type Finder = (question: string) => Hit[];

/** Finds whatever has a word of a question; what has more of them, or in its heading, comes first. */
export function createFinder(entries: readonly Entry[]): Finder {
  const index = new MiniSearch<Entry>({
    fields: ["heading", "page", "text"],
    storeFields: ["path", "page", "heading", "text"],
    idField: "path",
    tokenize: wordsOf,
    processTerm: stemOf,
    searchOptions: {
      boost: { heading: 4, page: 3 },
      prefix: (term) => term.length > 2,
      fuzzy: (term) => (term.length > 4 ? 0.2 : false),
      combineWith: "OR",
      processTerm: (word) => {
        const stem = stemOf(word);
        return stem === null ? null : [stem, ...(otherWords[stem] ?? []).map(stemmer)];
      },
      boostDocument: (path) => (listing.test(path) ? listingWeight : 1),
    },
  });
  index.addAll(entries);
  return (question) => {
    const ofPage = new Map<string, number>();
    return index
      .search(question)
      .filter(({ page }) => {
        const before = ofPage.get(page) ?? 0;
        ofPage.set(page, before + 1);
        return before < hitsOfPageMax;
      })
      .slice(0, hitsMax)
      .map((hit) => ({ ...(hit as unknown as Entry), found: hit.terms }));
  };
}

function stemOf(word: string): string | null {
  return stopWords.has(word) ? null : stemmer(word);
}

/** What is written as one word, as two, or with a hyphen is one: back up, sign-in, logging in. */
const parted = /\b(back|log|sign|set|clean)(?:s|[gt]?ing|g?ed)?[ -](up|in|out)\b/g;

function wordsOf(text: string): string[] {
  return text
    .toLowerCase()
    .replace(parted, "$1$2")
    .split(/[^\p{L}\p{N}_]+/u)
    .filter((word) => word !== "");
}
