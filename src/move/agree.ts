import type { Database } from "../db/database.ts";
import type { MoveRow } from "../db/tables.ts";
import type { Clock } from "../lib/clock.ts";
import { uuidv7 } from "../lib/random.ts";
import { findSourceMark, findSourceMarkById, findTargetMark } from "./mark-store.ts";
import type { End } from "./move-deps.ts";
import { refused } from "./refused.ts";
import { listTables, tablesWithRows } from "./rows-store.ts";

export interface Agreement {
  /** The mark that the source is to have. */
  readonly mark: MoveRow;
  /** The source took changes until now. */
  readonly isBeginning: boolean;
  /** Nothing of this move is at the target yet. */
  readonly isNew: boolean;
  /** Rows at the target are of a time since which the source may have changed. */
  readonly isStale: boolean;
}

/**
 * Whether the source may go to this target: one that is empty, or that has the mark of this very move.
 * Looks only. Throws what is in the way, by name.
 */
export async function agree(
  source: Database,
  target: End | null,
  peer: string,
  clock: Clock,
): Promise<Agreement> {
  const known = await findSourceMark(source.reads);
  const there = target === null ? null : await markOfTarget(target);
  // Where the last write is missing the target was never started, and may be gone through again.
  const isUnended = there?.state === "moving" && there.id === known?.id;
  if (known?.state === "complete" && !isUnended) {
    throw refused(
      409,
      `this registry was moved already, to ${known.peer}: berth move --cancel lets it take changes again`,
    );
  }
  if (known !== null && known.peer !== peer) {
    throw refused(
      409,
      `this registry is being moved to ${known.peer}: go on with that, or end it with berth move --cancel`,
    );
  }
  if (there === null) {
    if (target !== null) await refuseOtherData(target);
    return {
      mark: known ?? newMark(peer, clock),
      isBeginning: known === null,
      isNew: true,
      isStale: false,
    };
  }
  if (there.state === "complete") {
    throw refused(
      409,
      `the target holds a registry that was moved there before, from ${there.peer}`,
    );
  }
  const ours = await findSourceMarkById(source.reads, there.id);
  if (ours === null || (known !== null && known.id !== ours.id)) {
    throw refused(
      409,
      `the target holds the beginning of another move, from ${there.peer}: empty it, or name another`,
    );
  }
  const since = known ?? { ...ours, started_at: clock.now() };
  const mark: MoveRow = { ...since, peer, state: "moving", ended_at: null };
  const isStale = there.started_at !== mark.started_at;
  return { mark, isBeginning: known === null, isNew: false, isStale };
}

function newMark(peer: string, clock: Clock): MoveRow {
  const id = uuidv7();
  return { id, side: "source", state: "moving", peer, started_at: clock.now(), ended_at: null };
}

async function markOfTarget({ db }: End): Promise<MoveRow | null> {
  const tables = await listTables(db.reads);
  return tables.includes("moves") ? await findTargetMark(db.reads) : null;
}

async function refuseOtherData({ db, blobs }: End): Promise<void> {
  const tables = await listTables(db.reads);
  if (tables.length > 0 && !tables.includes("migrations")) {
    throw refused(
      409,
      `the target database holds ${tables.slice(0, 3).join(", ")}, which are no tables of Berth: name an empty one`,
    );
  }
  const [filled] = await tablesWithRows(db.reads, tables);
  if (filled !== undefined) {
    const rows = filled.rows === 1 ? "a row" : `${filled.rows} rows`;
    throw refused(
      409,
      `the target database holds other data, ${rows} in ${filled.name} for one: name one on which no Berth was started yet`,
    );
  }
  for await (const { path } of blobs.list("all")) {
    throw refused(409, `the target store holds other data, ${path} for one: name an empty one`);
  }
}
