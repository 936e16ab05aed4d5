import type { ReactNode } from "react";
import type { List } from "../state/list.ts";
import { setSearch, usePlace } from "../state/location.ts";
import type { Resource } from "../state/resource.ts";
import { Empty } from "./empty.tsx";
import { Loaded } from "./loaded.tsx";
import { Skeleton } from "./table.tsx";

/** A list, and beside it the one of it that the URL names, else the first. */
export function Chooser<Item>({
  list,
  label,
  name,
  nameOf,
  row,
  makes,
  none,
  children,
}: {
  list: Resource<List<Item>>;
  label: string;
  /** What it is called in the URL. */
  name: string;
  nameOf: (item: Item) => string;
  row: (item: Item) => ReactNode;
  /** The button that makes another one. */
  makes: ReactNode;
  none: { readonly title: string; readonly lead: string };
  children: (chosen: Item) => ReactNode;
}) {
  const { search } = usePlace();
  return (
    <Loaded of={list} waits={<Skeleton className="mem" label={label} columns={[]} rows={3} />}>
      {({ items }) => {
        const chosen = items.find((item) => nameOf(item) === search.get(name)) ?? items[0];
        if (chosen === undefined) return <Empty {...none}>{makes}</Empty>;
        return (
          <div className="two-p">
            <nav className="rl" aria-label={label}>
              {items.map((item) => (
                <button
                  key={nameOf(item)}
                  type="button"
                  aria-current={item === chosen ? "true" : undefined}
                  data-action={`choose-${name}`}
                  data-name={nameOf(item)}
                  onClick={() => setSearch({ [name]: nameOf(item) })}
                >
                  {row(item)}
                </button>
              ))}
              <p className="new">{makes}</p>
            </nav>
            {children(chosen)}
          </div>
        );
      }}
    </Loaded>
  );
}
