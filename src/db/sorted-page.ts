import { type RawBuilder, sql } from "kysely";

/**
 * The end of a query that gives a page of rows in the order of an index: `columns` are its last ones, which
 * together are another for each row; `after` are those of the row behind which it begins.
 */
export function sortedPage(page: {
  readonly columns: readonly string[];
  readonly descending: boolean;
  readonly after: readonly (string | number)[] | null;
  readonly limit: number;
}): RawBuilder<unknown> {
  const { columns, descending, after, limit } = page;
  const list = sql.join(columns.map((column) => sql.ref(column)));
  const direction = sql.raw(descending ? "desc" : "asc");
  const order = sql.join(columns.map((column) => sql`${sql.ref(column)} ${direction}`));
  const behind =
    after === null
      ? sql``
      : sql`and (${list}) ${sql.raw(descending ? "<" : ">")} (${rowValues(after)})`;
  return sql`${behind} order by ${order} limit ${limit}`;
}

/**
 * What columns of an index are compared with at once. A server must not guess what a parameter is there; and of
 * a bare cast, which has a type as a column has, SQLite would compare the first one alone in the index.
 */
export function rowValues(values: readonly (string | number)[]): RawBuilder<unknown> {
  return sql.join(
    values.map((value) =>
      typeof value === "number"
        ? sql`cast(${value} as bigint) + 0`
        : sql`cast(${value} as text) || ''`,
    ),
  );
}

/**
 * `column` has the text in it, in whatever case. `isLowercase`: it never holds capital letters; to make
 * them small takes as long as the comparison.
 */
export function contains(
  column: RawBuilder<unknown>,
  text: string,
  isLowercase = false,
): RawBuilder<boolean> {
  // Both databases know capital letters of ASCII alone.
  const lower = text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
  const pattern = `%${lower.replace(/[\\%_]/g, "\\$&")}%`;
  const compared = isLowercase || !/[a-z]/.test(lower) ? column : sql`lower(${column})`;
  return sql<boolean>`${compared} like ${pattern} escape '\\'`;
}
