import type { KyselyPlugin } from "kysely";
import type { BlobStore } from "../../src/blobs/blob-store.ts";
import type { Database, Tx } from "../../src/db/database.ts";

/** Holds somebody still behind one of their steps: a statement of a transaction, or a removal of bytes. */
export interface Steps {
  /** Called behind each step. */
  readonly taken: () => Promise<void>;
  /** Resolves when they stand still. */
  readonly reached: Promise<void>;
  /** Lets them go on. */
  readonly release: () => void;
  readonly count: number;
}

/** `stopAt` 0: never. */
export function createSteps(stopAt: number): Steps {
  const reached = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  let count = 0;
  return {
    async taken() {
      count += 1;
      if (count !== stopAt) return;
      reached.resolve();
      await released.promise;
    },
    reached: reached.promise,
    release: () => released.resolve(),
    get count() {
      return count;
    },
  };
}

/** The same database, each statement of whose transactions is a step. */
export function inSteps(db: Database, steps: Steps): Database {
  const plugin: KyselyPlugin = {
    transformQuery: ({ node }) => node,
    async transformResult({ result }) {
      await steps.taken();
      return result;
    },
  };
  const slowly =
    <T>(body: (tx: Tx) => Promise<T>) =>
    (tx: Tx) =>
      body(tx.withPlugin(plugin) as Tx);
  return {
    ...db,
    transaction: (body, beside) => db.transaction(slowly(body), beside),
    transactionUnsynced: (body) => db.transactionUnsynced(slowly(body)),
    transactionUnawaited: (body, beside) => db.transactionUnawaited(slowly(body), beside),
  };
}

/** The same store, whose removals are steps, before and behind. */
export function removingInSteps(blobs: BlobStore, steps: Steps): BlobStore {
  return {
    ...blobs,
    async remove(keys) {
      await steps.taken();
      await blobs.remove(keys);
      await steps.taken();
    },
  };
}
