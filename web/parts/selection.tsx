import { type ReactNode, useEffect, useState } from "react";
import { text } from "../text/text.ts";
import type { Column } from "./table.tsx";

/** Rows that somebody chose, by their keys. */
export interface Selection {
  readonly keys: ReadonlySet<string>;
  readonly set: (keys: Iterable<string>) => void;
  readonly toggle: (key: string) => void;
  readonly clear: () => void;
  /** Those are no longer there. */
  readonly drop: (keys: readonly string[]) => void;
}

/** A change of the filter ends it. */
export function useSelection(query: string): Selection {
  const [keys, setKeys] = useState<ReadonlySet<string>>(new Set());
  // biome-ignore lint/correctness/useExhaustiveDependencies: the filter is what the effect is about
  useEffect(() => setKeys(new Set()), [query]);
  return {
    keys,
    set: (next) => setKeys(new Set(next)),
    toggle: (key) => {
      const next = new Set(keys);
      if (!next.delete(key)) next.add(key);
      setKeys(next);
    },
    clear: () => setKeys(new Set()),
    drop: (gone) => setKeys((before) => new Set([...before].filter((key) => !gone.includes(key)))),
  };
}

/** The first column: a box for each row, and one for all of them. */
export function selectColumn<Row>({
  selection,
  rows,
  keyOf,
  nameOf,
  className = "c-ck",
}: {
  selection: Selection;
  /** Those that match. */
  rows: readonly Row[];
  keyOf: (row: Row) => string;
  nameOf: (row: Row) => string;
  className?: string;
}): Column<Row> {
  return {
    key: "select",
    className,
    head: (
      <input
        type="checkbox"
        className="ck"
        aria-label={text.tags.selectAll}
        data-action="select-all"
        checked={false}
        onChange={() => selection.set(rows.map(keyOf))}
      />
    ),
    cell: (row, isActive) => (
      <input
        type="checkbox"
        className="ck"
        aria-label={text.tags.select(nameOf(row))}
        data-action="select"
        tabIndex={isActive ? 0 : -1}
        checked={selection.keys.has(keyOf(row))}
        onChange={() => selection.toggle(keyOf(row))}
      />
    ),
  };
}

/** Shows the boxes on a phone, which has no room for them otherwise. */
export function PickButton({
  isPicking,
  onPick,
}: {
  isPicking: boolean;
  onPick: (isPicking: boolean) => void;
}) {
  return (
    <button
      type="button"
      className="btn quiet s only-phone"
      aria-pressed={isPicking}
      data-action="pick"
      onClick={() => onPick(!isPicking)}
    >
      {text.tags.pick}
    </button>
  );
}

const namesShown = 6;

/** Takes the heads' place at the same height: nothing jumps. */
export function SelectionBar({
  names,
  more,
  onClear,
  children,
}: {
  names: readonly string[];
  more?: ReactNode;
  onClear: () => void;
  children: ReactNode;
}) {
  const shown = names.slice(0, namesShown);
  return (
    <div className="selbar" role="toolbar" aria-label={text.selection.label(names.length)}>
      <input
        type="checkbox"
        className="ck part"
        aria-label={text.selection.clear}
        data-action="clear-selection"
        checked={false}
        onChange={onClear}
      />
      <span className="b nw">{text.selection.count(names.length)}</span>
      <span className="q cut grow">
        {shown.map((name, index) => (
          <span key={name}>
            {index > 0 && ", "}
            <code>{name}</code>
          </span>
        ))}
        {names.length > shown.length && ` ${text.andMore(names.length - shown.length)}`} {more}
      </span>
      {children}
      <span className="sep" />
      <button type="button" className="btn" data-action="clear-selection" onClick={onClear}>
        {text.selection.clear} <kbd>{text.keys.names.escape}</kbd>
      </button>
    </div>
  );
}
