import type { Tx } from "./database.ts";

type Work = (tx: Tx, items: readonly unknown[]) => Promise<void>;

/** By `Tx`, which a later transaction may be given again. */
const works = new WeakMap<Tx, Map<Work, unknown[]>>();

/**
 * Puts `work` off to the end of the transaction, where it runs once with every item it was given: what
 * all transactions lock is locked behind all else, so that none waits for a lock while it holds that.
 */
export function atEnd<Item>(
  tx: Tx,
  work: (tx: Tx, items: readonly Item[]) => Promise<void>,
  item: Item,
): void {
  const due = works.get(tx) ?? new Map<Work, unknown[]>();
  works.set(tx, due);
  const items = due.get(work as Work) ?? [];
  due.set(work as Work, items);
  items.push(item);
}

/** For databases: the body of a transaction with what it put off. */
export async function withEnd<T>(tx: Tx, body: (tx: Tx) => Promise<T>): Promise<T> {
  works.delete(tx);
  const result = await body(tx);
  const due = works.get(tx);
  if (due !== undefined) {
    works.delete(tx);
    for (const [work, items] of due) await work(tx, items);
  }
  return result;
}
