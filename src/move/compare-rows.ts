import { createHash } from "node:crypto";
import type { Reads } from "../db/database.ts";
import { letOthersRun } from "../lib/let-others-run.ts";
import { type MoveDeps, stopIfAsked } from "./move-deps.ts";
import { movedTables, type NamedTable } from "./moved-tables.ts";
import { type AnyRow, countRows, readPage } from "./rows-store.ts";

export interface TableReport {
  readonly name: string;
  readonly rows: number;
}

/** Reads every row at both ends. Throws where a table is not the same. */
export async function compareRows(deps: MoveDeps): Promise<TableReport[]> {
  const { source, progress } = deps;
  let of = 0;
  for (const table of movedTables) of += await countRows(source.db.reads, table);
  Object.assign(progress, { work: "comparing rows", done: 0, of, doneBytes: 0, ofBytes: 0 });
  const reports: TableReport[] = [];
  for (const table of movedTables) reports.push(await compareTable(deps, table));
  return reports;
}

async function compareTable(deps: MoveDeps, table: NamedTable): Promise<TableReport> {
  const { source, target, progress } = deps;
  const there = await sumOf(deps, source.db.reads, table);
  const here = await sumOf(deps, target.db.reads, table);
  progress.done += there.rows;
  if (there.rows === here.rows && there.hash === here.hash) {
    return { name: table.name, rows: there.rows };
  }
  const what =
    there.rows === here.rows
      ? `${there.rows} rows, not all of them the same`
      : `${here.rows} rows in place of ${there.rows}`;
  throw new Error(
    `the table ${table.name} of the target is not that of the source: it has ${what}. Somebody else wrote to it: empty the target and move again`,
  );
}

interface Sum {
  readonly rows: number;
  readonly hash: string;
}

/** A sum of the hashes of all rows, so that it does not matter in which order a database sorts. */
async function sumOf({ signal }: MoveDeps, reads: Reads, table: NamedTable): Promise<Sum> {
  const sum = new BigUint64Array(4);
  const hashed = new Uint8Array(32);
  const lanes = new BigUint64Array(hashed.buffer);
  let rows = 0;
  for (let after: AnyRow | null = null; ; ) {
    stopIfAsked(signal);
    const page: AnyRow[] = await readPage(reads, table, after);
    for (const row of page) {
      hashed.set(hashRow(row, table.isBlobs ? ofBlobs : ofAny));
      for (let lane = 0; lane < 4; lane++) sum[lane] = (sum[lane] ?? 0n) + (lanes[lane] ?? 0n);
    }
    rows += page.length;
    const last = page.at(-1);
    if (last === undefined) return { rows, hash: sum.join() };
    after = last;
    await letOthersRun();
  }
}

const ofAny: ReadonlySet<string> = new Set();
/** Where the bytes lie, and whether they are whole, is each store's own; blobs were compared by their digests. */
const ofBlobs: ReadonlySet<string> = new Set(["key", "state"]);

function hashRow(row: AnyRow, without: ReadonlySet<string>): Uint8Array {
  const hasher = createHash("sha256");
  for (const column of Object.keys(row).sort()) {
    if (without.has(column)) continue;
    const value = row[column];
    // Each with its kind and its length: no two rows are written alike.
    if (value instanceof Uint8Array) {
      hasher.update(`${column} bytes ${value.byteLength} `).update(value);
    } else {
      const text = String(value);
      hasher.update(`${column} ${value === null ? "null" : typeof value} ${text.length} ${text} `);
    }
  }
  return hasher.digest();
}
