import type { Database } from "../db/database.ts";
import { fencedError } from "../db/fence.ts";
import type { Log } from "../platform/log.ts";
import { findSourceMark, findTargetMark } from "./mark-store.ts";

/** How long after another node this one knows. Until then the database refuses what it lets through. */
const lookEveryMs = 1000;

/** The database was moved here, but not all of it yet. */
export class HalfMovedError extends Error {
  override name = "HalfMovedError";
}

/** Whether this registry is being moved elsewhere, or was: then it only serves reads. */
export interface MoveWatch {
  readonly isMoving: boolean;
  /** Throws UNAVAILABLE while it is. */
  refuse(): void;
  start(): void;
  stop(): Promise<void>;
}

/** Throws `HalfMovedError` where a move to this database has not come to its end. */
export async function watchMoves(db: Database, log: Log): Promise<MoveWatch> {
  const came = await findTargetMark(db.reads);
  if (came?.state === "moving") {
    throw new HalfMovedError(
      `This database is the target of a move that has not come to its end: run the same berth move again at the source (${came.peer}), and start this server once it says that all is moved`,
    );
  }
  let mark = await findSourceMark(db.reads);
  let timer: Timer | undefined;
  let looking: Promise<void> | null = null;
  tell();

  function tell(): void {
    if (mark === null) return;
    const what = mark.state === "complete" ? "was moved" : "is being moved";
    log.warn(
      `This registry ${what} to ${mark.peer}: it refuses changes until berth move --cancel`,
      { move: mark.id },
    );
  }

  async function look(): Promise<void> {
    const before = mark;
    mark = await findSourceMark(db.reads);
    if (mark !== null && mark.state !== before?.state) tell();
    if (mark === null && before !== null) log.info("This registry takes changes again");
  }

  return {
    get isMoving() {
      return mark !== null;
    },
    refuse() {
      if (mark !== null) throw fencedError();
    },
    start() {
      timer = setInterval(() => {
        looking ??= look()
          // Away or not, the database is asked again in a second, and refuses by itself meanwhile.
          .catch(() => {})
          .finally(() => {
            looking = null;
          });
      }, lookEveryMs);
      timer.unref();
    },
    async stop() {
      clearInterval(timer);
      await looking;
    },
  };
}
