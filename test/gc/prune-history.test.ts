/**
 * Goal: moves of tags are kept as long as anything asks for them, and no longer. Method: a registry whose
 * time the test sets; what is asked is the past itself.
 */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { pruneHistory } from "../../src/gc/prune-history.ts";
import type { Digest } from "../../src/oci/digest.ts";
import { formatPastTime } from "../../src/oci/past-name.ts";
import type { Tag } from "../../src/oci/tag.ts";
import { listSwept } from "../../src/registry/sweep-store.ts";
import { dayMs, type GcWorld, openGcWorld } from "../support/gc-world.ts";
import { digestOf, makeImage } from "../support/images.ts";

const name = "team/app";
const tag = "latest" as Tag;
const { signal } = new AbortController();
let world: GcWorld;

beforeEach(async () => {
  world = await openGcWorld();
  await world.client.pushBlob(name, "{}");
});
afterEach(() => world.remove());

const prune = () => pruneHistory(world.deps, signal);
const now = () => world.registry.clock.now();
const history = () =>
  world.db.reads
    .selectFrom("tag_history")
    .select(["tag", "version", "digest"])
    .orderBy("tag")
    .orderBy("version")
    .execute();

async function keepFor(days: number): Promise<void> {
  await world.db.transaction(async (tx) => {
    await tx.updateTable("projects").set({ trash_days: days }).execute();
  });
}

/** What the tag stood for then. */
async function at(
  moment: number,
): Promise<{ status: number; digest: string | null; text: string }> {
  const path = `/v2/asof/${formatPastTime(moment)}/${name}/manifests/${tag}`;
  const response = await world.fetch(path);
  const digest = response.headers.get("docker-content-digest");
  return { status: response.status, digest, text: await response.text() };
}

async function tagsAt(moment: number): Promise<unknown> {
  const response = await world.fetch(`/v2/asof/${formatPastTime(moment)}/${name}/tags/list`);
  return ((await response.json()) as { tags: unknown }).tags;
}

test("what nothing of the kept past asks for goes, and the past stays what it was", async () => {
  const { client } = world;
  await keepFor(90);
  const images = ["one", "two", "three"].map((text) => makeImage(text));
  const times: number[] = [];
  for (const image of images) {
    await client.pushImage(name, image, tag);
    times.push(now());
    await world.pass(40 * dayMs);
  }
  const [one, two, three] = images;
  expect(await prune()).toBe(0);
  // The first one's manifest is there, which says since when it has no tag.
  await world.pass(60 * dayMs);
  expect(await prune()).toBe(0);

  await client.status(`/v2/${name}/manifests/${one?.digest}`, "DELETE");
  await world.pass(95 * dayMs);
  expect(await prune()).toBe(1);
  expect(await history()).toEqual([
    { tag, version: 2, digest: two?.digest ?? null },
    { tag, version: 3, digest: three?.digest ?? null },
  ] as never);
  expect(await at(now() - 89 * dayMs)).toMatchObject({
    status: 200,
    digest: three?.digest ?? null,
  });
  expect(await tagsAt(now() - 89 * dayMs)).toEqual([tag]);
  const early = await at(times[0] ?? 0);
  expect(early.status).toBe(404);
  expect(early.text).toContain("is not kept: what was is kept for 90 days");
});

test("a tag that was deleted long ago leaves nothing, and begins anew", async () => {
  const { client } = world;
  const image = makeImage("gone");
  await client.pushImage(name, image, tag);
  await client.pushImage(name, image, "other");
  await client.status(`/v2/${name}/manifests/${image.digest}`, "DELETE");
  await world.pass(89 * dayMs);
  expect(await prune()).toBe(0);
  await world.pass(2 * dayMs);
  expect(await prune()).toBe(4);
  expect(await history()).toEqual([]);
  await client.pushImage(name, image, tag);
  expect(await history()).toEqual([{ tag, version: 1, digest: digestOf(image.manifest) }] as never);
});

test("what a unit of trash brings back stays with it", async () => {
  const { client, db } = world;
  const image = makeImage("waits");
  await client.pushImage(name, image, tag);
  await client.status(`/v2/${name}/manifests/${image.digest}`, "DELETE");
  await db.transaction(async (tx) => {
    await tx
      .updateTable("trash")
      .set({ until: now() + 400 * dayMs })
      .execute();
    await tx.deleteFrom("manifest_edges").execute();
    await tx.deleteFrom("manifests").execute();
  });
  world.advance(200 * dayMs);
  expect(await prune()).toBe(1);
  expect(await history()).toMatchObject([{ version: 2, digest: null }]);
});

test("since when a manifest has no tag is known for as long as it is there", async () => {
  const { client, db } = world;
  const [old, next] = [makeImage("old"), makeImage("next")];
  await client.pushImage(name, old, tag);
  await world.pass(100 * dayMs);
  await client.pushImage(name, next, tag);
  await world.pass(200 * dayMs);
  expect(await prune()).toBe(0);
  const { repository_id } = await db.reads
    .selectFrom("manifests")
    .select("repository_id")
    .executeTakeFirstOrThrow();
  const untagged = (days: number) =>
    listSwept(
      db.reads,
      repository_id,
      { by: "untagged", before: now() - days * dayMs },
      { after: "", limit: 10 },
    );
  expect(await untagged(250)).toEqual([]);
  expect(await untagged(150)).toEqual([old.digest as Digest]);
});

test("many tags and long histories go by the page", async () => {
  const { db } = world;
  const { id: repository_id } = await db.reads
    .selectFrom("repositories")
    .select("id")
    .executeTakeFirstOrThrow();
  const lines = Array.from({ length: 2_500 }, (_, k) => ({
    ...{ repository_id, tag: (k < 1_500 ? "a" : `t${k}`) as Tag, version: k < 1_500 ? k + 1 : 1 },
    ...{ digest: null, moved_at: 1, moved_by: null, cause: "delete" as const, trash_id: null },
  }));
  await db.transaction(async (tx) => {
    for (let from = 0; from < lines.length; from += 500) {
      await tx
        .insertInto("tag_history")
        .values(lines.slice(from, from + 500))
        .execute();
    }
    await tx
      .updateTable("tag_history")
      .set({ moved_at: now() })
      .where("tag", "=", "a" as Tag)
      .where("version", "=", 1_400)
      .execute();
  });
  expect(await prune()).toBe(1_399 + 1_000);
  expect(await history()).toHaveLength(101);
});
