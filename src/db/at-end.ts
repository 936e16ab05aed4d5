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

/** Tells a database of how many statements are left. */
type Ending = (statements: number) => void;

/** Of transactions that are at the last of their works. */
const endings = new WeakMap<Tx, Ending>();

/**
 * To be called by work that was put off, before it asks so many last statements at once, whatever they give:
 * a server is told of them and of the commit in one message, and what all lock is free so much earlier.
 */
export function endsBehind(tx: Tx, statements: number): void {
  endings.get(tx)?.(statements);
}

/** For databases: the body of a transaction with what it put off. */
export async function withEnd<T>(
  tx: Tx,
  body: (tx: Tx) => Promise<T>,
  ending?: Ending,
): Promise<T> {
  works.delete(tx);
  const result = await body(tx);
  const due = [...(works.get(tx) ?? [])];
  works.delete(tx);
  for (const [at, [work, items]] of due.entries()) {
    if (ending !== undefined && at === due.length - 1) endings.set(tx, ending);
    try {
      await work(tx, items);
    } finally {
      endings.delete(tx);
    }
  }
  return result;
}
