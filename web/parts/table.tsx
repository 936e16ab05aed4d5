import {
  type KeyboardEvent,
  memo,
  type ReactNode,
  useCallback,
  useEffect,
  useLayoutEffect,
  useRef,
  useState,
} from "react";
import { text } from "../text/text.ts";

export interface Column<Row> {
  readonly key: string;
  /** Null: the head says nothing, as above buttons. */
  readonly head: ReactNode;
  readonly className?: string;
  readonly sort?: "ascending" | "descending" | "none";
  readonly cell: (row: Row, isActive: boolean) => ReactNode;
}

/** The last one, of what may be done with a row: with a `cell`. */
export const actionsColumn = {
  key: "do",
  head: <span className="sr">{text.actions}</span>,
  className: "do",
} as const;

/** Rows beyond this are made only where they are seen; a window that is higher has as many as it shows. */
const rowsMax = 60;
/** Rows above and below what is seen, as far as there is room for them. */
const overscanMax = 8;
/** Rows by which what is made moves on, so that a pixel more does not make all anew. */
const rowsPerMove = 4;

export interface TableProps<Row> {
  readonly className: string;
  readonly label: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string;
  /** All there are, where not all were read; -1: nobody counted. */
  readonly total?: number;
  readonly isSelected?: (row: Row) => boolean;
  readonly classOf?: (row: Row) => string;
  /** In place of the heads. */
  readonly bar?: ReactNode;
  readonly onKey?: (event: KeyboardEvent, row: Row) => void;
  readonly onOpen?: (row: Row) => void;
  /** The end comes near: there is more to be read. */
  readonly onEnd?: (() => void) | undefined;
  readonly children?: ReactNode;
}

/** Rule, heads, hairlines. One stop for Tab; arrows and J, K go from row to row. */
export function Table<Row>(props: TableProps<Row>) {
  const { className, label, columns, rows, keyOf, bar, onKey, onOpen } = props;
  const body = useRef<HTMLDivElement>(null);
  const [active, setActive] = useState(0);
  const range = useShownRows(body, rows.length, props.onEnd);
  const at = Math.min(active, Math.max(0, rows.length - 1));

  /** Is given the focus as soon as it is made, unless something else took it. */
  const awaited = useRef<number | null>(null);
  const focusAwaited = () => {
    const row = rowAt(body.current, awaited.current);
    if (row === null) return;
    awaited.current = null;
    const at = document.activeElement;
    if (at === document.body || body.current?.contains(at) === true) row.focus();
  };
  useLayoutEffect(focusAwaited);
  const takeFocus = useCallback((index: number) => {
    awaited.current = null;
    setActive(index);
  }, []);
  const moveTo = (index: number) => {
    const next = Math.max(0, Math.min(rows.length - 1, index));
    awaited.current = next;
    setActive(next);
    if (rowAt(body.current, next) === null) scrollToRow(body.current, next, range.height);
    else focusAwaited();
  };
  const handleKey = (event: KeyboardEvent, index: number, row: Row) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
    if (step !== undefined) moveTo(index + step);
    else if (event.key === "Home") moveTo(0);
    else if (event.key === "End") moveTo(rows.length - 1);
    else if (event.key === "Enter" && event.target === event.currentTarget) onOpen?.(row);
    else return onKey?.(event, row);
    event.preventDefault();
  };
  // Rows that stay as they are while others come are not made again for new handlers.
  const latest = useRef(handleKey);
  latest.current = handleKey;
  const onKeyDown = useCallback(
    (event: KeyboardEvent, index: number, row: Row) => latest.current(event, index, row),
    [],
  );
  return (
    <>
      {bar}
      {/* biome-ignore lint/a11y/useSemanticElements: rows that are made as they are seen, on tracks of their own */}
      <div
        className={`tbl ruled ${className}`}
        role="grid"
        aria-label={label}
        aria-rowcount={props.total ?? rows.length + 1}
        aria-colcount={columns.length}
      >
        {bar === undefined && (
          // biome-ignore lint/a11y/useSemanticElements: see the grid
          <div role="rowgroup">
            <Heads columns={columns} />
          </div>
        )}
        {/* biome-ignore lint/a11y/useSemanticElements: see the grid */}
        <div
          role="rowgroup"
          ref={body}
          style={{ paddingTop: range.before, paddingBottom: range.after }}
        >
          {rows.slice(range.first, range.last).map((row, offset) => {
            const index = range.first + offset;
            return (
              <ShownRow
                key={keyOf(row)}
                name={keyOf(row)}
                className={`tr ${props.classOf?.(row) ?? ""}`}
                index={index}
                isSelected={props.isSelected?.(row)}
                isActive={index === at}
                row={row}
                columns={columns as readonly Column<unknown>[]}
                onActive={takeFocus}
                onKeyDown={onKeyDown as (event: KeyboardEvent, index: number, row: unknown) => void}
              />
            );
          })}
        </div>
      </div>
      {props.children}
    </>
  );
}

const ShownRow = memo(function ShownRow({
  name,
  className,
  index,
  isSelected,
  isActive,
  row,
  columns,
  onActive,
  onKeyDown,
}: {
  name: string;
  className: string;
  index: number;
  isSelected: boolean | undefined;
  isActive: boolean;
  row: unknown;
  columns: readonly Column<unknown>[];
  onActive: (index: number) => void;
  onKeyDown: (event: KeyboardEvent, index: number, row: unknown) => void;
}) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: see the grid
    <div
      className={className}
      role="row"
      aria-rowindex={index + 2}
      aria-selected={isSelected}
      tabIndex={isActive ? 0 : -1}
      data-row={index}
      data-name={name}
      onFocus={() => onActive(index)}
      onKeyDown={(event) => onKeyDown(event, index, row)}
    >
      {columns.map((column) => (
        // biome-ignore lint/a11y/useSemanticElements lint/a11y/useFocusableInteractive: rows take the focus
        <span key={column.key} className={column.className} role="gridcell">
          {column.cell(row, isActive)}
        </span>
      ))}
    </div>
  );
});

function Heads<Row>({ columns }: { columns: readonly Column<Row>[] }) {
  return (
    // biome-ignore lint/a11y/useSemanticElements lint/a11y/useFocusableInteractive: see the grid
    <div className="tr th" role="row" aria-rowindex={1}>
      {columns.map(({ key, head, className, sort }) => (
        // biome-ignore lint/a11y/useSemanticElements lint/a11y/useFocusableInteractive: see the grid
        <span
          key={key}
          className={className}
          role="columnheader"
          aria-sort={sort}
          data-on={sort === undefined || sort === "none" ? undefined : ""}
        >
          {head}
        </span>
      ))}
    </div>
  );
}

interface Range {
  readonly first: number;
  readonly last: number;
  /** Pixels of rows that are not made. */
  readonly before: number;
  readonly after: number;
  readonly height: number;
}

function useShownRows(
  body: { readonly current: HTMLDivElement | null },
  length: number,
  onEnd: (() => void) | undefined,
): Range {
  const [height, setHeight] = useState(39);
  const [first, setFirst] = useState(0);
  const [windowHeight, setWindowHeight] = useState(innerHeight);
  const isPainted = useIsPainted();
  const seen = Math.ceil(windowHeight / height) + 1 + rowsPerMove;
  const overscan = Math.max(0, Math.min(overscanMax, Math.floor((rowsMax - seen) / 2)));
  const isLong = length > (isPainted ? Math.max(rowsMax, seen) : seen);
  useLayoutEffect(() => {
    const row = body.current?.querySelector<HTMLElement>("[role=row]");
    const measured = row?.getBoundingClientRect().height ?? 0;
    if (measured > 0 && Math.abs(measured - height) > 0.5) setHeight(measured);
  });
  const ended = useRef(onEnd);
  ended.current = onEnd;
  // That there is more is looked at again.
  // biome-ignore lint/correctness/useExhaustiveDependencies: see above
  useEffect(() => {
    const look = () => {
      setWindowHeight(innerHeight);
      const top = body.current?.getBoundingClientRect().top ?? 0;
      const above = Math.max(0, Math.floor(-top / height) - overscan);
      setFirst(above - (above % rowsPerMove));
      if (ended.current !== undefined && -top + innerHeight > (length - 40) * height)
        ended.current();
    };
    look();
    addEventListener("scroll", look, { passive: true });
    addEventListener("resize", look);
    return () => {
      removeEventListener("scroll", look);
      removeEventListener("resize", look);
    };
  }, [body, height, length, overscan, onEnd === undefined]);
  if (!isLong) return { first: 0, last: length, before: 0, after: 0, height };
  const made = isPainted ? seen + 2 * overscan : seen;
  const from = Math.min(first, length - made);
  const last = from + made;
  return { first: from, last, before: from * height, after: (length - last) * height, height };
}

/** What nobody sees at first is made after that. */
function useIsPainted(): boolean {
  const [isPainted, setPainted] = useState(false);
  useEffect(() => {
    const frame = requestAnimationFrame(() => setTimeout(() => setPainted(true)));
    return () => cancelAnimationFrame(frame);
  }, []);
  return isPainted;
}

function rowAt(body: HTMLElement | null, index: number | null): HTMLElement | null {
  return index === null ? null : (body?.querySelector(`[data-row="${index}"]`) ?? null);
}

function scrollToRow(body: HTMLElement | null, index: number, height: number): void {
  const top = (body?.getBoundingClientRect().top ?? 0) + scrollY;
  scrollTo(0, top + index * height - innerHeight / 2);
}

export function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) &&
    !(target instanceof HTMLInputElement && target.type === "checkbox")
  );
}

/** The rows to come, at their height: shown after a moment, never in place of rows that are known. */
export function Skeleton<Row>({
  className,
  label,
  columns,
  rows = 8,
}: {
  className: string;
  label: string;
  columns: readonly Column<Row>[];
  rows?: number;
}) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: see the grid
    <div
      className={`tbl ruled waits ${className}`}
      role="table"
      aria-label={label}
      aria-busy="true"
    >
      <Heads columns={columns} />
      {Array.from({ length: rows }, (_none, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey lint/a11y/useSemanticElements lint/a11y/useFocusableInteractive: bars without names
        <div key={index} className={`tr fade-${index}`} role="row">
          {columns.map(({ key, className: of }, at) => (
            // biome-ignore lint/a11y/useSemanticElements: see the grid
            <span key={key} className={of} role="cell">
              <span className={`skel w-${(index + at) % 4}`} />
            </span>
          ))}
        </div>
      ))}
    </div>
  );
}
