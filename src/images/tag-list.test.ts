/**
 * Goal: a page of tags or repositories comes from one index, whatever it is sorted by. Method: the plans
 * of the statements that lists run, on a store with many tags; how long they take is printed.
 * BERTH_LISTED_TAGS sets how many. The rows of another release are looked for among all of these, too.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CompiledQuery, CompiledQuery as Query, type RawBuilder } from "kysely";
import { sorts } from "../access/sorted-list.ts";
import type { Database } from "../db/database.ts";
import { migrate } from "../db/migrations/migrate.ts";
import { openSqlite } from "../db/sqlite.ts";
import { systemClock } from "../lib/clock.ts";
import { naturalSortKey } from "../lib/natural-sort-key.ts";
import { listCompletion } from "../projects/complete-lists.ts";
import { repositoryPageQuery } from "../projects/repository-store.ts";
import { findTags } from "../search/search-store.ts";
import { countReferrers, presentTags, tagPageQuery } from "./tag-list-store.ts";

const tags = Number(Bun.env["BERTH_LISTED_TAGS"] ?? 2_000);
const repositories = tags / 10;
const folder = mkdtempSync(join(tmpdir(), "berth-lists-"));
let db: Database;

beforeAll(async () => {
  db = openSqlite({ file: join(folder, "berth.db"), onFailure: () => {} });
  await migrate(db, systemClock);
  await db.transaction(async (tx) => {
    const run = (sql: string, ...values: readonly (string | number)[]) =>
      tx.executeQuery(Query.raw(sql, [...values]));
    await run(
      "insert into projects (id, name, generation, state, created_at) values ('p', 'team', 1, 'live', 1)",
    );
    const manifest = `insert into manifests
      (repository_id, digest, media_type, size, bytes, state, pushed_at) values (?, ?, 'x', 2, 'x', 'live', 1)`;
    for (let k = 0; k < repositories; k++) {
      const name = `team/app-${k}`;
      await run(
        `insert into repositories (id, project_id, name, state, created_at, sort_key, pushed_at, size)
         values (?, 'p', ?, 'live', 1, ?, ?, ?)`,
        ...[`r${k}`, name, naturalSortKey(name), k % 1_000, k % 777],
      );
    }
    for (let k = 0; k < tags; k++) {
      const [digest, name] = [digestOf(k % 1_000), `v${k}`];
      if (k < 1_000) {
        await run(manifest, "r0", digest);
        await run(
          "insert into images (repository_id, digest, size) values ('r0', ?, ?)",
          digest,
          k,
        );
      }
      await run(
        `insert into tags (repository_id, name, digest, version, sort_key, moved_at, size)
         values ('r0', ?, ?, 1, ?, ?, ?)`,
        ...[name, digest, naturalSortKey(name), k % 5_000, k % 1_000],
      );
    }
  });
}, 120_000);

afterAll(async () => {
  await db.close();
  rmSync(folder, { recursive: true });
});

const digestOf = (k: number) => `sha256:${String(k).padStart(64, "0")}`;
const sortOf = (text: (typeof sorts)[number]) => ({
  by: text.replace("-", "") as "name",
  descending: text.startsWith("-"),
});

async function planOf(query: RawBuilder<unknown>): Promise<string> {
  const { sql, parameters }: CompiledQuery = query.compile(db.reads);
  const plan = Query.raw(`explain query plan ${sql}`, [...parameters]);
  const { rows } = await db.reads.executeQuery(plan);
  return (rows as { detail: string }[]).map(({ detail }) => detail).join("\n");
}

async function timed(what: string, run: () => Promise<unknown>): Promise<void> {
  const begin = performance.now();
  await run();
  console.log(`${what}: ${(performance.now() - begin).toFixed(1)} ms`);
}

const places = {
  name: { value: null, name: "v777" },
  pushed: { value: 500, name: "v500" },
  size: { value: 500, name: "v500" },
};

// Before the plans: Bun leaves the reader at the moment of the first plan that it asked for.
test("rows of another release are found among all, in ranges of their keys", async () => {
  const run = (sql: string) =>
    db.transaction((tx) => tx.executeQuery<{ n: number }>(Query.raw(sql)), "rows");
  const wrong = `select count(*) as n from tags as t join images as i
    on i.repository_id = t.repository_id and i.digest = t.digest where t.size <> i.size`;
  await run("update tags set size = size + 1");
  await run(`delete from images where digest = '${digestOf(999)}'`);
  const { signal } = new AbortController();
  await timed("completed", () => listCompletion().run({ signal, db }));
  expect((await run(wrong)).rows).toEqual([{ n: 0 }]);
  // Its bytes are no manifest that this release would take.
  const { rows } = await run(`select size as n from images where digest = '${digestOf(999)}'`);
  expect(rows).toEqual([{ n: 0 }]);
  await timed("looked at again", () => listCompletion().run({ signal, db }));
});

describe.each(sorts.map((sort) => [sort] as const))("sorted by %s", (sort) => {
  const { by, descending } = sortOf(sort);
  const order = { sort: { by, descending }, limit: 51 };
  const byIndex = { name: "name", pushed: "move", size: "size" }[by];
  const than = descending ? "<" : ">";

  test.each([null, places[by]])("tags behind %j are a range of an index", async (after) => {
    const page = { repositoryId: "r0", attached: false, filter: "", after, ...order };
    const plan = await planOf(tagPageQuery(page));
    expect(plan).toMatch(new RegExp(`SEARCH tags USING COVERING INDEX tags_by_${byIndex} `));
    expect(plan).not.toContain("SCAN tags");
    const column = { pushed: "moved_at", size: "size" };
    const behind = by === "name" ? `sort_key${than}?` : `(${column[by]},name)${than}(?,?)`;
    if (after !== null) expect(plan).toContain(`(repository_id=? AND attached=? AND ${behind})`);
    await timed(`${tags} tags by ${sort}`, () => tagPageQuery(page).execute(db.reads));
    const filtered = { ...page, filter: "V1999" };
    await timed("the same, filtered", () => tagPageQuery(filtered).execute(db.reads));
  });

  test.each([null, places[by]])("repositories behind %j are a range of an index", async (after) => {
    const page = { projectId: "p", filter: "", after, ...order };
    const plan = await planOf(repositoryPageQuery(page));
    const index = { name: "name", pushed: "push", size: "size" }[by];
    expect(plan).toContain(`SEARCH repositories USING INDEX repositories_sorted_by_${index} `);
    const column = { name: "sort_key", pushed: "pushed_at", size: "size" }[by];
    if (after !== null) expect(plan).toContain(`(project_id=? AND (${column},name)${than}(?,?))`);
    await timed(`${repositories} repositories by ${sort}`, () =>
      repositoryPageQuery(page).execute(db.reads),
    );
  });
});

test("what is attached to a page is looked up by its digests", async () => {
  const digests = Array.from({ length: 200 }, (_, k) => digestOf(k)) as never[];
  await timed("referrers of a page", () => countReferrers(db, "r0", digests));
  const names = digests.map((digest: string) => `${digest.replace(":", "-")}.sig`) as never[];
  await timed("tags of a page", () => presentTags(db, "r0", names));
});

test("tags of all repositories are found page by page, in the order of repositories and names", async () => {
  await db.transaction(async (tx) => {
    const put = `insert into tags (repository_id, name, digest, version, sort_key, moved_at, size)
      values (?, ?, ?, 1, ?, 1, 1)`;
    for (const [id, name] of [
      ["r1", "v5"],
      ["r1", "w1"],
      ["r2", "v"],
      ["r10", "v7"],
      ["r10", "v70"],
    ] as const) {
      const row = [id, name, digestOf(1), naturalSortKey(name)];
      await tx.executeQuery(
        Query.raw(
          "insert into manifests (repository_id, digest, media_type, size, bytes, state, pushed_at) values (?, ?, 'x', 2, 'x', 'live', 1) on conflict do nothing",
          [id, digestOf(1)],
        ),
      );
      await tx.executeQuery(Query.raw(put, row));
    }
  });
  const all = await db.reads
    .selectFrom("tags as t")
    .innerJoin("repositories as r", "r.id", "t.repository_id")
    .select(["r.name as repository", "t.name as tag"])
    .orderBy("r.name")
    .orderBy("t.name")
    .execute();
  for (const [repository, tag, limit] of [
    ["", "v", 300],
    ["", "v7", 3],
    ["", "v7", 1],
    ["app-1", "", 2],
    ["", "w", 5],
    ["", "nothing", 5],
  ] as const) {
    const found: { repository: string; tag: string }[] = [];
    let after = { repository: "", tag: "" };
    for (;;) {
      const page = await findTags(db.reads, { repository, tag }, { after, limit });
      expect(page.length).toBeLessThanOrEqual(limit);
      found.push(...page.map((each) => ({ repository: each.repository, tag: each.tag })));
      const last = page.at(-1);
      if (last === undefined) break;
      after = { repository: last.repository, tag: last.tag };
    }
    const wanted = all.filter(
      (each) => each.repository.includes(repository) && each.tag.startsWith(tag),
    );
    expect(found).toEqual(wanted as typeof found);
  }
});
