import type { ReactNode } from "react";
import type { MoreList } from "../state/list.ts";
import type { Resource } from "../state/resource.ts";
import { Trouble } from "./notice.tsx";
import { Skeleton, Table, type TableProps } from "./table.tsx";

/** What was asked for; before it comes `waits`, and above it what went wrong. */
export function Loaded<Value>({
  of,
  waits,
  children,
}: {
  of: Resource<Value>;
  waits?: ReactNode;
  children: (value: Value) => ReactNode;
}) {
  return (
    <>
      {of.error !== null && <Trouble error={of.error} onRetry={of.reload} />}
      {of.value === undefined ? of.error === null && waits : children(of.value)}
    </>
  );
}

/** A table of a list: bars while it is asked for, `none` where it is empty, and more of it at its end. */
export function ListTable<Row>({
  list,
  rows,
  barRows = 8,
  none,
  ...table
}: Omit<TableProps<Row>, "rows" | "onEnd"> & {
  list: MoreList<unknown>;
  /** Of the list, as they are shown. */
  rows: readonly Row[] | undefined;
  /** Bars that are shown before anything came. */
  barRows?: number;
  none?: ReactNode;
}) {
  const { className, label, columns } = table;
  return (
    <Loaded
      of={list}
      waits={<Skeleton className={className} label={label} columns={columns} rows={barRows} />}
    >
      {() =>
        none !== undefined && rows?.length === 0 ? (
          none
        ) : (
          <Table
            {...table}
            rows={rows ?? []}
            // What stopped goes on when somebody says so, not when its end is seen.
            onEnd={list.isStopped ? undefined : list.more}
          />
        )
      }
    </Loaded>
  );
}
