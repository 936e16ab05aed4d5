/**
 * Goal: lists of tags and repositories are right whoever wrote the rows, and however long the server was
 * stopped. Method: rows as the release before writes them, then the chores, then the columns that lists are
 * made of.
 */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { dayMs, type GcWorld, openGcWorld } from "../../test/support/gc-world.ts";
import { digestOf, makeImage, makeIndex } from "../../test/support/images.ts";
import type { Chore } from "../jobs/chore.ts";
import { naturalSortKey } from "../lib/natural-sort-key.ts";
import type { Digest } from "../oci/digest.ts";
import { listCompletion } from "./complete-lists.ts";
import { repositoryCounts } from "./count-repositories.ts";

const name = "team/app";
let world: GcWorld;

beforeEach(async () => {
  world = await openGcWorld();
});
afterEach(() => world.remove());

async function run(chore: Chore): Promise<void> {
  await chore.run({ signal: new AbortController().signal, db: world.db });
}

/** All that lists are sorted by, of which the release before knows nothing. */
async function listed() {
  const { reads } = world.db;
  return {
    images: await reads
      .selectFrom("images")
      .select(["digest", "size"])
      .orderBy("repository_id")
      .orderBy("digest")
      .execute(),
    tags: await reads
      .selectFrom("tags")
      .select(["name", "size", "attached"])
      .orderBy("repository_id")
      .orderBy("name")
      .execute(),
    repositories: await reads
      .selectFrom("repositories")
      .select(["name", "sort_key", "tags", "size", "pushed_at"])
      .orderBy("name")
      .execute(),
  };
}

/** Images, an index of an index, a signature and a repository more. */
async function pushAll(): Promise<void> {
  const { client } = world;
  const [one, two] = [makeImage("one"), makeImage("two")];
  await client.pushImage(name, one, "1.9");
  await client.pushImage(name, two, "1.10");
  const inner = makeIndex([one.descriptor, two.descriptor]);
  await client.pushManifest(name, "inner", inner);
  const outer = makeIndex([{ ...one.descriptor, digest: digestOf(inner), size: inner.length }]);
  await client.pushManifest(name, "outer", outer);
  await client.pushImage(name, makeImage("sig"), `${one.digest.replace(":", "-")}.sig`);
  await client.pushImage(name, makeImage("near"), "sha256-no-digest");
  await client.pushImage("team/app-10", makeImage("ten"), "latest");
}

test("what a node of the release before wrote is completed", async () => {
  await pushAll();
  await run(repositoryCounts(world.registry.clock));
  const right = await listed();
  expect(right.repositories.map((row) => row.sort_key)).toEqual(
    right.repositories.map((row) => naturalSortKey(row.name)),
  );
  await world.db.transaction(async (tx) => {
    await tx.deleteFrom("images").execute();
    await tx.updateTable("tags").set({ size: 0, attached: 0 }).execute();
    await tx
      .updateTable("repositories")
      .set({ sort_key: "", tags: 0, size: 0, pushed_at: 0 })
      .execute();
  });

  await run(listCompletion());
  expect(await listed()).toEqual(right);
});

test("an index that was pushed to this release has the size of what the release before took in", async () => {
  await pushAll();
  await run(repositoryCounts(world.registry.clock));
  const right = await listed();
  const child = makeImage("one").digest as Digest;
  await world.db.transaction(async (tx) => {
    const { size } = await tx
      .selectFrom("images")
      .select("size")
      .where("digest", "=", child)
      .executeTakeFirstOrThrow();
    const bigger = tx.selectFrom("manifest_edges").select("parent").where("kind", "=", "manifest");
    for (const table of ["images", "tags"] as const) {
      await tx
        .updateTable(table)
        .set((set) => ({ size: set("size", "-", size) }))
        .where("digest", "in", bigger)
        .execute();
    }
    await tx.deleteFrom("images").where("digest", "=", child).execute();
  });
  expect(await listed()).not.toEqual(right);

  const chore = listCompletion();
  await run(chore);
  expect(await listed()).toEqual(right);
  const { commits } = world.db.stats;
  await run(listCompletion());
  expect(world.db.stats.commits, "transactions where nothing is to be done").toBe(commits);
});

test("repositories are counted although the server was stopped for days before it could", async () => {
  await pushAll();
  const counted = async () =>
    (await listed()).repositories.map(({ name: of, tags }) => [of as string, tags] as const);
  expect(await counted()).toEqual([
    [name, 0],
    ["team/app-10", 0],
  ]);
  world.advance(2 * dayMs);
  await run(repositoryCounts(world.registry.clock));
  expect(await counted()).toEqual([
    [name, 5],
    ["team/app-10", 1],
  ]);
});
