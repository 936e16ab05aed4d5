import type { ReactNode } from "react";
import { text } from "../text/text.ts";
import { Icon } from "./icon.tsx";
import { Menu } from "./menu.tsx";
import type { Column } from "./table.tsx";

type SortName = keyof typeof text.tags.sorts;

/** What a list is sorted by: a name, with - before it from the other end. */
export interface Sorting<Sort extends SortName> {
  readonly sort: Sort;
  readonly setSort: (sort: Sort) => void;
}

/** A head that sorts by its column, and turns the order round where it does so already. */
export function sortHead<Sort extends SortName>(
  { sort, setSort }: Sorting<Sort>,
  head: ReactNode,
  by: "name" | "pushed" | "size",
): Pick<Column<unknown>, "head" | "sort"> {
  const isOn = sort.replace("-", "") === by;
  const isDown = sort.startsWith("-");
  const next = (isOn ? (isDown ? by : `-${by}`) : by === "name" ? by : `-${by}`) as Sort;
  return {
    sort: isOn ? (isDown ? "descending" : "ascending") : "none",
    head: (
      <button
        type="button"
        className="sort"
        data-action={`sort-${by}`}
        onClick={() => setSort(next)}
      >
        {head}
        {isOn && <Icon name={isDown ? "down" : "up"} small />}
      </button>
    ),
  };
}

/** On a phone, where there are no heads. */
export function SortMenu<Sort extends SortName>({
  sorting,
  sorts,
}: {
  sorting: Sorting<Sort>;
  sorts: readonly Sort[];
}) {
  const names: Readonly<Record<SortName, string>> = text.tags.sorts;
  return (
    <span className="only-phone">
      <Menu
        label={text.tags.sortBy}
        className="btn quiet s"
        shows={names[sorting.sort]}
        button={
          <>
            {names[sorting.sort]}
            <Icon name="down" small />
          </>
        }
        items={sorts.map((sort) => ({
          label: names[sort],
          action: `sort-by-${sort}`,
          isChosen: sorting.sort === sort,
          onChoose: () => sorting.setSort(sort),
        }))}
      />
    </span>
  );
}
