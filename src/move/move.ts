import type { Tx } from "../db/database.ts";
import { migrate } from "../db/migrations/migrate.ts";
import type { MoveRow } from "../db/tables.ts";
import type { Clock } from "../lib/clock.ts";
import { agree } from "./agree.ts";
import { countLiveBlobs } from "./blob-rows-store.ts";
import { compareRows, type TableReport } from "./compare-rows.ts";
import { copyBlobs } from "./copy-blobs.ts";
import { clearRows, copyRows } from "./copy-rows.ts";
import { raiseFence } from "./fence-store.ts";
import { putMark, setMarkState } from "./mark-store.ts";
import type { BrokenBlob, End, MoveDeps } from "./move-deps.ts";
import { movedTables } from "./moved-tables.ts";
import { countRows } from "./rows-store.ts";
import { sweepBlobs } from "./sweep-blobs.ts";

export interface MoveReport {
  readonly tables: readonly TableReport[];
  readonly blobs: number;
  readonly bytes: number;
  /** Blobs that this run copied; the others were there. */
  readonly copied: number;
  readonly broken: readonly BrokenBlob[];
  readonly seconds: number;
}

export interface MoveRequest extends MoveDeps {
  /** The ends in words. */
  readonly sourceName: string;
  readonly targetName: string;
  /** Writes to the audit that it began. */
  readonly record: (tx: Tx) => Promise<void>;
  /** Called once the target is known to be this move's own. */
  readonly prepareTarget: () => void;
}

/**
 * Moves everything. The source is fenced first, in its database: it goes on serving reads, and refuses
 * changes from then on, after a restart too, until `cancelMove`. Whatever interrupts it, calling it
 * again goes on where it was.
 */
export async function move(request: MoveRequest): Promise<MoveReport> {
  const { source, target, clock, log, progress } = request;
  const began = clock.monotonic();
  const { mark, isBeginning, isNew, isStale } = await agree(
    source.db,
    target,
    request.targetName,
    clock,
  );
  progress.work = "preparing";
  request.prepareTarget();
  await source.db.transaction(async (tx) => {
    await putMark(tx, mark);
    if (isBeginning) await request.record(tx);
  });
  await raiseFence(source.db);
  log.info(`Moving to ${request.targetName}: changes are refused from now on`, { move: mark.id });
  await migrate(target.db, clock);
  if (isStale) await clearRows(request);
  const targetMark: MoveRow = { ...mark, side: "target", peer: request.sourceName };
  await target.db.transaction((tx) => putMark(tx, targetMark));

  if (!isNew) await sweepBlobs(request);
  const { blobs, bytes, copied, broken } = await copyBlobs(request);
  await copyRows(request);
  const tables = await compareRows(request);
  // The target last: until then no server starts on it, so that the next run may go through it again.
  for (const end of [source, target]) {
    await end.db.transaction((tx) => setMarkState(tx, mark.id, "complete", clock.now()));
  }
  const seconds = Math.round((clock.monotonic() - began) / 100) / 10;
  log.info(`Moved to ${request.targetName}`, { move: mark.id, blobs, bytes, seconds });
  return { tables, blobs, bytes, copied, broken, seconds };
}

export interface MovePlan {
  readonly tables: readonly TableReport[];
  readonly blobs: number;
  readonly bytes: number;
  /** The target has what an earlier run copied. */
  readonly goesOn: boolean;
}

/** Whether it could be made, and how much it is. Changes nothing. `target`: null for one that is yet to be made. */
export async function planMove(
  source: End,
  target: End | null,
  targetName: string,
  clock: Clock,
): Promise<MovePlan> {
  const { isNew } = await agree(source.db, target, targetName, clock);
  const tables: TableReport[] = [];
  for (const table of movedTables) {
    tables.push({ name: table.name, rows: await countRows(source.db.reads, table) });
  }
  return { tables, ...(await countLiveBlobs(source.db.reads)), goesOn: !isNew };
}
