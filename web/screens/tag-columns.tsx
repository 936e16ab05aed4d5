import { useSyncExternalStore } from "react";
import { Icon } from "../parts/icon.tsx";
import { Menu } from "../parts/menu.tsx";
import { setPreference, useChosen } from "../state/preferences.ts";
import { text } from "../text/text.ts";

/** What a person may hide of the table of tags. The tag itself always stays. */
const columns = ["digest", "platforms", "size", "pushed", "by", "pulled", "attached"] as const;

type TagColumn = (typeof columns)[number];

/** What a narrow window leaves out until somebody chooses. */
const wide: readonly TagColumn[] = ["pulled", "attached"];
const narrow = matchMedia("(max-width: 1280px)");

interface HiddenColumns {
  readonly hidden: readonly TagColumn[];
  /** For the table: what its styles leave out. */
  readonly className: string;
  /** Null: as if nobody had chosen. */
  readonly set: (hidden: readonly TagColumn[] | null) => void;
}

/** The styles hide a column, and not on a phone, where rows are laid out in another way. */
export function useHiddenColumns(): HiddenColumns {
  const kept = useChosen("tag-columns");
  const isNarrow = useSyncExternalStore(onNarrow, () => narrow.matches);
  const names = kept?.split(" ") ?? [];
  const hidden =
    kept !== null ? columns.filter((each) => names.includes(each)) : isNarrow ? wide : [];
  return {
    hidden,
    className: kept === null ? "" : ["own", ...hidden.map((each) => `no-${each}`)].join(" "),
    set: (next) => setPreference("tag-columns", next?.join(" ") ?? null),
  };
}

function onNarrow(listener: () => void): () => void {
  narrow.addEventListener("change", listener);
  return () => narrow.removeEventListener("change", listener);
}

export function ColumnsMenu({ hidden, className, set }: HiddenColumns) {
  return (
    <span className="no-phone">
      <Menu
        label={text.tags.columnsWhat}
        shows={text.tags.columns}
        className="btn quiet"
        button={
          <>
            <Icon name="columns" small />
            {text.tags.columns}
          </>
        }
        items={[
          ...columns.map((column) => ({
            label: text.tags.columnNames[column],
            action: `column-${column}`,
            isChecked: !hidden.includes(column),
            onChoose: () =>
              set(
                hidden.includes(column)
                  ? hidden.filter((each) => each !== column)
                  : [...hidden, column],
              ),
          })),
          {
            label: text.tags.columnsAtFirst,
            action: "columns-at-first",
            off: className === "" ? text.tags.columnsAreAtFirst : null,
            onChoose: () => set(null),
          },
        ]}
      />
    </span>
  );
}
