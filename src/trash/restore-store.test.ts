/**
 * Goal: what comes back takes the same time whatever happened to its tags before, since pushes wait for it.
 * Method: SQLite says how it goes about what is asked of histories.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { CompiledQuery, type KyselyPlugin } from "kysely";
import { openTestRegistry, type TestRegistry } from "../../test/support/test-registry.ts";
import type { Tx } from "../db/database.ts";
import type { Digest } from "../oci/digest.ts";
import type { Tag } from "../oci/tag.ts";
import { pointTag } from "../registry/tag-store.ts";
import { tagsOfUnit } from "./restore-store.ts";

let world: TestRegistry;
beforeAll(async () => {
  world = await openTestRegistry({ postgres: false });
});
afterAll(() => world.remove());

/** How SQLite goes about each of the queries, which find nothing. */
async function plansOf(ask: (tx: Tx) => Promise<unknown>): Promise<string[]> {
  const { reads } = world.registry.db;
  const asked: CompiledQuery[] = [];
  const plugin: KyselyPlugin = {
    transformQuery({ node, queryId }) {
      asked.push(reads.getExecutor().compileQuery(node, queryId));
      return node;
    },
    transformResult: async ({ result }) => result,
  };
  await ask(reads.withPlugin(plugin) as Tx).catch(() => {});
  const plans: string[] = [];
  for (const { sql, parameters } of asked) {
    // Values do not matter to it, and of a query that is built once they are not known yet.
    const plan = CompiledQuery.raw(`explain query plan ${sql}`, Array(parameters.length).fill(""));
    const { rows } = await reads.executeQuery<{ detail: string }>(plan);
    plans.push(rows.map(({ detail }) => detail).join("\n"));
  }
  return plans;
}

test("a tag's last push is read from the end of its history, which is not sorted for it", async () => {
  const move = { repositoryId: "repository", tag: "v1" as Tag, actor: null, now: 0 };
  const nothing = { current: null, last: null };
  const digest = `sha256:${"0".repeat(64)}` as Digest;
  const ofTag = await plansOf((tx) => pointTag(tx, move, nothing, digest, "restore"));
  expect(ofTag).toHaveLength(2);
  const ofUnit = await plansOf((tx) => tagsOfUnit(tx, "repository", "unit"));
  expect(ofUnit).toHaveLength(1);
  for (const plan of [...ofTag, ...ofUnit]) {
    expect(plan).not.toContain("TEMP B-TREE");
    expect(plan).not.toContain("SCAN");
    expect(plan).toContain("PRIMARY KEY (repository_id=? AND tag=?)");
  }
});
