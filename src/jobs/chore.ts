import type { Database } from "../db/database.ts";

/** Work in the background that is done once for all nodes, by one of them at a time. */
export interface Chore {
  /** Its key in the table `chores`. */
  readonly name: string;
  /** From the end of a run to the next, whichever node does it. */
  readonly everyMs: number;
  /** Whether it decides what is old, as all that removes does: no work for a node whose clock is wrong. */
  readonly deletes: boolean;
  /** May be stopped at any moment, and be done again from the start by another node. */
  run(work: ChoreWork): Promise<void>;
}

export interface ChoreWork {
  /** Set when the node stops or the chore is another's by now: looked at before each item. */
  readonly signal: AbortSignal;
  /**
   * To write with: each transaction of it holds the chore's lease until its commit, and is refused when
   * another node has taken the chore over.
   */
  readonly db: Database;
}
