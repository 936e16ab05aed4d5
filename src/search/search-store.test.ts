/**
 * Goal: a page of tags is what a look at all of them gives, and takes about as many reads as it has tags.
 * Method: repositories with one tag, few and many, in an order by chance; pages of several sizes from each
 * place on; and the tags of the repositories that the queries of a page look into.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type KyselyPlugin, sql } from "kysely";
import { digestOf } from "../../test/support/images.ts";
import { openTestRegistry, type TestRegistry } from "../../test/support/test-registry.ts";
import type { Reads } from "../db/database.ts";
import { findTags } from "./search-store.ts";

const repositories = 120;
const manyTags = 210;
const digest = digestOf("image");
const all: string[] = [];
let world: TestRegistry;

/** How many tags with the text a repository has. */
function countOf(index: number): number {
  if (index < 40) return 1;
  if (index % 7 === 0) return index % 2;
  return index > 110 ? index % 5 : manyTags;
}

beforeAll(async () => {
  world = await openTestRegistry();
  const { db } = world.registry;
  await db.transaction(async (tx) => {
    await sql`insert into projects (id, name, generation, state, created_at)
      values ('p', 'team', 1, 'live', 1)`.execute(tx);
    for (let index = 0; index < repositories; index++) {
      const id = `r${index}`;
      const name = `team/app-${String(index).padStart(3, "0")}`;
      await sql`insert into repositories (id, project_id, name, state, created_at, sort_key)
        values (${id}, 'p', ${name}, 'live', 1, ${name})`.execute(tx);
      await tx
        .insertInto("manifests")
        .values({
          ...{ repository_id: id, digest, media_type: "x", size: 1, bytes: Buffer.from("x") },
          ...{ state: "live", pushed_at: 1 },
        } as never)
        .execute();
      const tags = Array.from({ length: countOf(index) }, (_, at) => `v${at + 100}`);
      const names = db.facts.values(JSON.stringify(["other", ...tags]));
      await sql`insert into tags (repository_id, name, digest, version, moved_at, sort_key)
        select ${id}, t.value, ${digest}, 1, 1, t.value from ${names} as t`.execute(tx);
      all.push(...tags.map((tag) => `${name} ${tag}`));
    }
  });
});
afterAll(() => world.remove());

async function page(reads: Reads, after: string, limit: number): Promise<string[]> {
  const [repository = "", tag = ""] = after.split(" ");
  const wanted = { repository: "app", tag: "v" };
  const found = await findTags(reads, wanted, { after: { repository, tag }, limit });
  return found.map((each) => `${each.repository} ${each.tag}`);
}

test.each([19, 201, 1_000])("pages of %i tags are all tags, in their order", async (limit) => {
  const found: string[] = [];
  for (;;) {
    const next = await page(world.registry.db.reads, found.at(-1) ?? "", limit);
    found.push(...next);
    if (next.length < limit) break;
  }
  expect(found).toEqual(all);
});

test("a page reads few more tags than it has", async () => {
  const limit = 200;
  for (const after of ["", all[39] ?? "", all[400] ?? ""]) {
    let read = 0;
    const counting: KyselyPlugin = {
      transformQuery: ({ node, queryId }) => {
        const { parameters } = world.registry.db.reads.getExecutor().compileQuery(node, queryId);
        const ids = parameters.filter((value) => /^r\d+$/.test(String(value)));
        const each = Number(parameters.at(-1));
        for (const id of ids) read += Math.min(each, countOf(Number(String(id).slice(1))));
        return node;
      },
      transformResult: async ({ result }) => result,
    };
    const found = await page(world.registry.db.reads.withPlugin(counting), after, limit);
    expect(found).toHaveLength(limit);
    expect(read).toBeGreaterThanOrEqual(limit);
    expect(read).toBeLessThan(limit * 16);
  }
});
