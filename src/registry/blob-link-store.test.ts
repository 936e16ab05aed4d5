/**
 * Goal: what a push asks of its blobs costs the same whatever the repository holds. Method: SQLite says
 * how it goes about it.
 */
import { expect, test } from "bun:test";
import { CompiledQuery } from "kysely";
import { openTestRegistry } from "../../test/support/test-registry.ts";
import type { Tx } from "../db/database.ts";
import { visibleBlobSizes } from "./blob-link-store.ts";

test("the blobs of a manifest are found by their digests, not among all of the repository", async () => {
  const world = await openTestRegistry({ postgres: false });
  try {
    const { db } = world.registry;
    const asked: CompiledQuery[] = [];
    await db.transaction((tx) => visibleBlobSizes(db, noting(tx, asked), "repository", []));
    expect(asked).toHaveLength(1);
    const plans = asked.map(({ sql, parameters }) =>
      CompiledQuery.raw(`explain query plan ${sql}`, [...parameters]),
    );
    for (const plan of plans) {
      const { rows } = await db.reads.executeQuery<{ detail: string }>(plan);
      const ways = rows.map(({ detail }) => detail).filter((way) => /^(SCAN|SEARCH)/.test(way));
      expect(ways).toHaveLength(3);
      for (const way of ways) expect(way).toMatch(/^SCAN asked VIRTUAL|\(.*digest=\?.*\)$/);
    }
  } finally {
    await world.remove();
  }
});

/** The same transaction; what it is asked is added to `queries`. */
function noting(tx: Tx, queries: CompiledQuery[]): Tx {
  return new Proxy(tx, {
    get(target, property) {
      const value = Reflect.get(target, property);
      if (typeof value !== "function") return value;
      if (property !== "executeQuery") return value.bind(target);
      return (query: CompiledQuery) => {
        queries.push(query);
        return target.executeQuery(query);
      };
    },
  });
}
