/** Queries for one answer: where one may see few of many, a page is short and says where to go on. */
const queriesMax = 20;

interface NamedRow {
  readonly name: string;
}

/**
 * A page of what the caller may see of rows in the order of their names: one query, for who may see
 * all. It may hold fewer than `limit` entries, or none, and go on all the same.
 */
export async function visiblePage<Row extends NamedRow, Item>(list: {
  readonly read: (page: { after: string; limit: number }) => Promise<readonly Row[]>;
  readonly after: string;
  readonly limit: number;
  readonly isVisible: (row: Row) => boolean;
  readonly toItem: (row: Row) => Item;
}): Promise<{ items: Item[]; next: string | null }> {
  const { limit } = list;
  const items: Item[] = [];
  let { after } = list;
  for (let queries = 0; queries < queriesMax; queries++) {
    const rows = await list.read({ after, limit: limit + 1 });
    for (const row of rows) {
      if (!list.isVisible(row)) after = row.name;
      else if (items.length === limit) return { items, next: after };
      else {
        items.push(list.toItem(row));
        after = row.name;
      }
    }
    if (rows.length <= limit) return { items, next: null };
  }
  return { items, next: after };
}
