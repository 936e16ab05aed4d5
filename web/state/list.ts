import { useEffect, useRef, useState } from "react";
import { itemsShownFirst } from "./first-answers.ts";
import { type Resource, useResource } from "./resource.ts";

/** Entries of one request: the most that the server gives. */
const pageItems = 200;
/** Entries that are asked for without being wished for. */
const itemsAtFirst = 400;
/** A long list grows by no more at a time, so that something is seen of it meanwhile. */
const itemsGrownBy = 4_000;
/** More are found by a filter. */
const itemsMax = 200_000;

export interface List<Item> {
  readonly items: readonly Item[];
  /** Null at the end. */
  readonly next: string | null;
}

type Page<Item> = (input: { limit: number; after?: string }) => Promise<List<Item>>;

const none: List<never> = { items: [], next: "" };

export interface MoreList<Item> extends Resource<List<Item>> {
  /** Reads on; undefined at the end, and while it reads. */
  readonly more: (() => void) | undefined;
}

/** All of a list, or its beginning where it is long. More of it keeps what was read. */
export function useList<Item>(
  key: string | null,
  page: Page<Item>,
  isFixed = false,
): MoreList<Item> {
  const [grown, setGrown] = useState({ key, wanted: itemsAtFirst });
  const wanted = grown.key === key ? grown.wanted : itemsAtFirst;
  /** Only what grows keeps what is known: everything else is read anew, since rows may be gone. */
  const isGrowing = useRef(false);
  const readOn = async (known: List<Item> | undefined, show: (part: List<Item>) => void) => {
    const grows = isGrowing.current;
    isGrowing.current = false;
    if (known !== undefined) return await readList(page, wanted, grows ? known : none);
    const first = await page({ limit: itemsShownFirst });
    show(first);
    return await readList(page, wanted, first);
  };
  const list = useResource<List<Item>>(key, readOn, isFixed);
  const { value, error, isLoading, reload } = list;
  // biome-ignore lint/correctness/useExhaustiveDependencies: it is about what is wanted
  useEffect(() => {
    if (value === undefined || isLoading || !isShort(value, wanted)) return;
    isGrowing.current = true;
    reload();
  }, [key, wanted]);
  const isAtEnd = value?.next == null || wanted === itemsMax;
  const from = Math.max(wanted, value?.items.length ?? 0);
  return {
    ...list,
    // What failed is not asked for again by itself.
    more:
      isAtEnd || isLoading || error !== null
        ? undefined
        : () => setGrown({ key, wanted: Math.min(from + Math.min(from, itemsGrownBy), itemsMax) }),
  };
}

function isShort({ items, next }: List<unknown>, wanted: number): boolean {
  return next !== null && items.length < wanted;
}

/** Page after page, until there are as many as are wanted, or no more. */
export async function readList<Item>(
  page: Page<Item>,
  wanted: number,
  from: List<Item> = none,
): Promise<List<Item>> {
  const items = [...from.items];
  let after = from.next;
  while (after !== null && items.length < wanted) {
    const answer: List<Item> = await page({
      limit: pageItems,
      ...(after === "" ? {} : { after }),
    });
    items.push(...answer.items);
    after = answer.next;
  }
  return { items, next: after };
}
