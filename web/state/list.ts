import { useEffect, useRef, useState } from "react";
import { itemsShownFirst } from "./first-answers.ts";
import { type Renewal, type Resource, useResource } from "./resource.ts";

/** Entries of one request: the most that the server gives. */
const pageItems = 200;
/** Entries that are asked for without being wished for. */
const itemsAtFirst = 400;
/** A long list grows by no more at a time, so that something is seen of it meanwhile. */
const itemsGrownBy = 4_000;
/** More are found by a filter. */
const itemsMax = 200_000;
/** Pages with less than was asked for that a search reads by itself: each may be thousands of rows of work. */
const shortPagesMax = 4;

export interface List<Item> {
  readonly items: readonly Item[];
  /** Null at the end. */
  readonly next: string | null;
  /** How far a search looked, where the server tells. */
  readonly looked_back_to?: string | null;
  /** It found so little that it goes on only when somebody wishes. */
  readonly isStopped?: boolean;
}

type Page<Item> = (input: { limit: number; after?: string }) => Promise<List<Item>>;

const none: List<never> = { items: [], next: "" };

export interface MoreList<Item> extends Resource<List<Item>> {
  /** Reads on; undefined at the end, and while it reads. */
  readonly more: (() => void) | undefined;
  readonly isStopped: boolean;
}

/**
 * All of a list, or its beginning where it is long. More of it keeps what was read. One that is renewed only when
 * it opens is a search through what is long: where it finds little it stops now and then.
 */
export function useList<Item>(
  key: string | null,
  page: Page<Item>,
  renewal: Renewal = "timed",
): MoreList<Item> {
  const [grown, setGrown] = useState({ key, wanted: itemsAtFirst });
  const wanted = grown.key === key ? grown.wanted : itemsAtFirst;
  const pagesMax = renewal === "opened" ? shortPagesMax : Number.POSITIVE_INFINITY;
  /** Only what grows keeps what is known: everything else is read anew, since rows may be gone. */
  const isGrowing = useRef(false);
  const readOn = async (known: List<Item> | undefined, show: (part: List<Item>) => void) => {
    const grows = isGrowing.current;
    isGrowing.current = false;
    if (known !== undefined) return await readList(page, wanted, grows ? known : none, pagesMax);
    const first = await page({ limit: itemsShownFirst });
    // What is further back may be there all the same.
    if (first.items.length > 0 || first.next === null) show(first);
    return await readList(page, wanted, first, pagesMax);
  };
  const list = useResource<List<Item>>(key, readOn, renewal);
  const { value, error, isLoading, reload } = list;
  const growNow = () => {
    isGrowing.current = true;
    reload();
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: it is about what is wanted
  useEffect(() => {
    if (value === undefined || isLoading || !isShort(value, wanted)) return;
    if (value.isStopped !== true || wanted > itemsAtFirst) growNow();
  }, [key, wanted]);
  const isAtEnd = value?.next == null || wanted === itemsMax;
  const from = Math.max(wanted, value?.items.length ?? 0);
  return {
    ...list,
    isStopped: value?.isStopped === true,
    // What failed is not asked for again by itself.
    more:
      isAtEnd || isLoading || error !== null
        ? undefined
        : value?.isStopped === true
          ? growNow
          : () =>
              setGrown({ key, wanted: Math.min(from + Math.min(from, itemsGrownBy), itemsMax) }),
  };
}

function isShort({ items, next }: List<unknown>, wanted: number): boolean {
  return next !== null && items.length < wanted;
}

/** Page after page, until there are as many as are wanted, or no more, or too many had little. */
export async function readList<Item>(
  page: Page<Item>,
  wanted: number,
  from: List<Item> = none,
  shortMax = Number.POSITIVE_INFINITY,
): Promise<List<Item>> {
  const items = [...from.items];
  let last = from;
  let short = 0;
  while (isShort({ items, next: last.next }, wanted) && short < shortMax) {
    const after = last.next ?? "";
    last = await page({ limit: pageItems, ...(after === "" ? {} : { after }) });
    items.push(...last.items);
    if (last.items.length < pageItems) short++;
  }
  return { ...last, items, isStopped: isShort({ items, next: last.next }, wanted) };
}
