import type { Tx } from "./database.ts";

/**
 * So long a preview goes on: where one writes at a time, everybody who does waits for it. What it did not
 * come to is left out of what it tells.
 */
export const previewMsMax = 2_000;

class RolledBack extends Error {}

/** What `body` gives in a transaction that does not come to pass: what something would do, by doing it. */
export async function rolledBack<T>(
  transaction: (body: (tx: Tx) => Promise<never>) => Promise<never>,
  body: (tx: Tx) => Promise<T>,
): Promise<T> {
  let result: { readonly value: T } | null = null;
  try {
    return await transaction(async (tx) => {
      result = { value: await body(tx) };
      throw new RolledBack();
    });
  } catch (error) {
    if (!(error instanceof RolledBack)) throw error;
    return (result as unknown as { readonly value: T }).value;
  }
}
