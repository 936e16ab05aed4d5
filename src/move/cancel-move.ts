import type { Database } from "../db/database.ts";
import type { Clock } from "../lib/clock.ts";
import { lowerFence } from "./fence-store.ts";
import { findSourceMark, setMarkState } from "./mark-store.ts";

/**
 * Lets a source take changes again, also after its move: what is pushed from then on is not at the target.
 * Returns where it went or was going; null where no move is known, and only fences are lifted that may be left.
 */
export async function cancelMove(db: Database, clock: Clock): Promise<string | null> {
  const mark = await findSourceMark(db.reads);
  // Before the fence: a move that begins again must know that changes were made.
  if (mark !== null) {
    await db.transaction((tx) => setMarkState(tx, mark.id, "cancelled", clock.now()));
  }
  await lowerFence(db);
  return mark?.peer ?? null;
}
