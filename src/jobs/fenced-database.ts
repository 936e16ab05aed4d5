import type { Database, Tx } from "../db/database.ts";

/** The database with `fence` at the beginning of each transaction: what it throws, ends that. */
export function fencedDatabase(db: Database, fence: (tx: Tx) => Promise<void>): Database {
  const fenced =
    <T>(body: (tx: Tx) => Promise<T>) =>
    async (tx: Tx) => {
      await fence(tx);
      return await body(tx);
    };
  return {
    ...db,
    transaction: (body, beside) => db.transaction(fenced(body), beside),
    transactionUnsynced: (body) => db.transactionUnsynced(fenced(body)),
    transactionUnawaited: (body, beside) => db.transactionUnawaited(fenced(body), beside),
    statement: (body, synced) =>
      synced === "synced"
        ? db.transaction(fenced(body), "rows")
        : db.transactionUnsynced(fenced(body)),
  };
}
