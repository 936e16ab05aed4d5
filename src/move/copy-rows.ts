import { letOthersRun } from "../lib/let-others-run.ts";
import { type MoveDeps, stopIfAsked } from "./move-deps.ts";
import { movedTables, type NamedTable } from "./moved-tables.ts";
import { type AnyRow, countRows, insertRows, lastRow, readPage, removePage } from "./rows-store.ts";

/** Rows are copied in the order of their key: what the target has is the beginning of what there is. */
export async function copyRows(deps: MoveDeps): Promise<void> {
  const { source, progress } = deps;
  const tables = movedTables.filter((table) => !table.isBlobs);
  let of = 0;
  for (const table of tables) of += await countRows(source.db.reads, table);
  Object.assign(progress, { work: "copying rows", done: 0, of, doneBytes: 0, ofBytes: 0 });
  for (const table of tables) if (table.isSeeded) await clearTable(deps, table);
  for (const table of tables) await copyTable(deps, table);
}

async function copyTable(deps: MoveDeps, table: NamedTable): Promise<void> {
  const { source, target, progress, signal } = deps;
  let after: AnyRow | null = await lastRow(target.db.reads, table);
  progress.done += await countRows(target.db.reads, table);
  for (;;) {
    stopIfAsked(signal);
    const rows = await readPage(source.db.reads, table, after);
    const last = rows.at(-1);
    if (last === undefined) return;
    await target.db.transaction((tx) => insertRows(tx, table, rows));
    after = last;
    progress.done += rows.length;
    await letOthersRun();
  }
}

/** Removes what a target has of rows that changed since, those that refer to others first. */
export async function clearRows(deps: MoveDeps): Promise<void> {
  for (const table of [...movedTables].reverse()) {
    if (!table.isBlobs) await clearTable(deps, table);
  }
}

async function clearTable({ target, signal }: MoveDeps, table: NamedTable): Promise<void> {
  while ((await target.db.transaction((tx) => removePage(tx, table))) > 0) stopIfAsked(signal);
}
