import type { Reads } from "../db/database.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../platform/log.ts";
import { countPendingOf } from "./delivery-store.ts";

/** Messages that wait for one webhook; what comes beyond that is not told there. */
export const pendingMax = 20_000;
/** How often it is counted for whom as many wait as may. */
const recountMs = 500;
const webhooksMax = 10_000;

/** Whether there is room for more messages to a webhook. */
export interface PendingBounds {
  isFull(reads: Reads, webhookId: string): Promise<boolean>;
  /** To be told of each message that was put on its way. */
  added(webhookIds: readonly string[]): void;
}

interface Bound {
  /** As many as wait, or more: those that arrive are not taken off. */
  atMost: number;
  countedAt: number;
}

/**
 * Counts what waits only where it may be too much: counting 20,000 takes longer than putting twenty more
 * on their way. What others put there beside this one, replays and repeated messages, comes on top until
 * it is counted the next time.
 */
export function createPendingBounds(clock: Clock, log: Log): PendingBounds {
  const bounds = new Map<string, Bound>();
  return {
    async isFull(reads, webhookId) {
      const known = bounds.get(webhookId);
      const now = clock.monotonic();
      if (known !== undefined && (known.atMost < pendingMax || now - known.countedAt < recountMs)) {
        return known.atMost >= pendingMax;
      }
      if (bounds.size >= webhooksMax) bounds.clear();
      const atMost = await countPendingOf(reads, webhookId, pendingMax);
      bounds.set(webhookId, { atMost, countedAt: now });
      if (atMost < pendingMax) return false;
      log.warn(`A webhook for which ${pendingMax} messages wait is not told of more`, {
        webhook: webhookId,
      });
      return true;
    },
    added(webhookIds) {
      for (const id of webhookIds) {
        const bound = bounds.get(id);
        if (bound !== undefined) bound.atMost += 1;
      }
    },
  };
}
