import { SealError, type SecretBox } from "../auth/secret-box.ts";
import type { MaybePromise } from "../lib/maybe-promise.ts";
import { RegistryError } from "../oci/registry-error.ts";

/** Queries for one answer: where one may see few of many, a page is short and says where to go on. */
const queriesMax = 20;
/** Begins a sealed cursor: no name does. */
const sealedMark = "~";
const purpose = "cursor of a page";

/**
 * A page of what the caller may see of rows in the order of their cursors: one query, for who may see
 * all. It may hold fewer than `limit` entries, or none, and go on all the same. Where it goes on is the
 * cursor of a row of the page, or sealed: names that the caller may not see are in no answer.
 */
export async function visiblePage<Row, Item>(list: {
  readonly read: (page: { after: string; limit: number }) => Promise<readonly Row[]>;
  /** Where a list goes on behind the row. */
  readonly cursorOf: (row: Row) => string;
  readonly after: string;
  readonly limit: number;
  readonly isVisible: (row: Row) => Promise<boolean>;
  readonly toItem: (row: Row) => MaybePromise<Item>;
  readonly secrets: Pick<SecretBox, "seal" | "open">;
}): Promise<{ items: Item[]; next: string | null }> {
  const { limit } = list;
  const items: Item[] = [];
  let after = openCursor(list);
  let shown = after;
  for (let queries = 0; queries < queriesMax; queries++) {
    // Each round of 200 is some two milliseconds: others get their turn.
    if (queries > 0) await Bun.sleep(0);
    const rows = await list.read({ after, limit: limit + 1 });
    for (const row of rows) {
      after = list.cursorOf(row);
      if (!(await list.isVisible(row))) continue;
      if (items.length === limit) return { items, next: shown };
      items.push(await list.toItem(row));
      shown = after;
    }
    if (rows.length <= limit) return { items, next: null };
  }
  return { items, next: `${sealedMark}${list.secrets.seal(after, purpose)}` };
}

/** Throws UNSUPPORTED (400) for a sealed one that is not of this registry. */
function openCursor(list: {
  readonly after: string;
  readonly secrets: Pick<SecretBox, "open">;
}): string {
  if (!list.after.startsWith(sealedMark)) return list.after;
  try {
    return list.secrets.open(list.after.slice(sealedMark.length), purpose);
  } catch (error) {
    if (!(error instanceof SealError)) throw error;
    throw new RegistryError("UNSUPPORTED", {
      status: 400,
      message: "after must be the `next` of an earlier answer: begin the list again",
    });
  }
}
