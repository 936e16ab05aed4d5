/**
 * Goal: what has no tag any more goes to the trash when its project's days are over, whole, and nothing
 * that a tag, an index or a subject holds, or held until lately. Method: a registry whose time the test
 * sets.
 */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { dayMs, type GcWorld, openGcWorld } from "../../test/support/gc-world.ts";
import {
  describeContent,
  digestOf,
  makeImage,
  makeIndex,
  makeReferrer,
  types,
} from "../../test/support/images.ts";
import { previewSweeps } from "../registry/sweep-manifests.ts";
import { listSweptRepositories } from "../registry/sweep-store.ts";
import { untaggedManifests } from "./untagged.ts";

const name = "team/app";
let world: GcWorld;

beforeEach(async () => {
  world = await openGcWorld();
  await world.client.pushBlob(name, "{}");
});
afterEach(() => world.remove());

async function sweep(): Promise<void> {
  const { db, registry, deps } = world;
  const { signal } = new AbortController();
  await untaggedManifests({ ...registry, log: deps.log }).run({ signal, db });
}

async function setDays(days: number | null): Promise<void> {
  await world.db.transaction(async (tx) => {
    await tx.updateTable("projects").set({ untagged_days: days }).execute();
  });
}

const there = async (...manifests: readonly string[]) => {
  const statuses = [];
  for (const digest of manifests) {
    statuses.push(await world.client.status(`/v2/${name}/manifests/${digest}`));
  }
  return statuses;
};

test("untagged manifests go after the days, with what belongs to them, as one unit", async () => {
  const { client } = world;
  const image = makeImage("child");
  await client.pushImage(name, image);
  const index = makeIndex([image.descriptor]);
  await client.pushManifest(name, digestOf(index), index);
  const signature = makeReferrer(describeContent(index, types.index), "signature");
  await client.pushManifest(name, digestOf(signature), signature);
  const all = [digestOf(index), image.digest, digestOf(signature)];

  world.advance(40 * dayMs);
  await sweep();
  expect(await there(...all)).toEqual([200, 200, 200]);
  await setDays(41);
  await sweep();
  expect(await there(...all)).toEqual([200, 200, 200]);
  await setDays(39);
  await sweep();
  expect(await there(...all)).toEqual([404, 404, 404]);
  const units = await world.db.reads.selectFrom("trash").selectAll().execute();
  expect(units).toMatchObject([
    { kind: "manifest", digest: digestOf(index), deleted_by: null, reason: "untagged for 39 days" },
  ]);
  const lines = await world.db.reads
    .selectFrom("audit")
    .select(["actor_name", "action", "resource"])
    .where("action", "=", "manifests.deleted")
    .execute();
  expect(lines).toEqual([{ actor_name: "(system)", action: "manifests.deleted", resource: name }]);
});

test("what is tagged, was until lately, or is held by what is, stays", async () => {
  const { client } = world;
  const [tagged, moved, child, shared, fresh] = [1, 2, 3, 4, 5].map((n) => makeImage(`image ${n}`));
  if (!tagged || !moved || !child || !shared || !fresh) throw new Error("no images");
  await client.pushImage(name, tagged, "v1");
  await client.pushImage(name, moved, "latest");
  for (const image of [child, shared]) await client.pushImage(name, image);
  const kept = makeIndex([child.descriptor, shared.descriptor]);
  await client.pushManifest(name, "multi", kept);
  const untagged = makeIndex([shared.descriptor]);
  await client.pushManifest(name, digestOf(untagged), untagged);
  const signature = makeReferrer(tagged.descriptor, "signature");
  await client.pushManifest(name, digestOf(signature), signature);
  await setDays(10);

  world.advance(20 * dayMs);
  await client.pushImage(name, makeImage("next"), "latest");
  await client.pushImage(name, fresh);
  await sweep();
  const staying = [tagged.digest, child.digest, shared.digest, digestOf(kept), digestOf(signature)];
  expect(await there(...staying, moved.digest, fresh.digest)).toEqual(
    Array.from({ length: 7 }, () => 200),
  );
  expect(await there(digestOf(untagged))).toEqual([404]);

  world.advance(9 * dayMs);
  await sweep();
  expect(await there(moved.digest, fresh.digest)).toEqual([200, 200]);
  world.advance(2 * dayMs);
  await sweep();
  expect(await there(moved.digest, fresh.digest)).toEqual([404, 404]);
  expect(await there(...staying)).toEqual([200, 200, 200, 200, 200]);
});

test("a preview ends after a while, and says that it is not all", async () => {
  const { client, registry, db } = world;
  for (const place of [name, "team/other"]) await client.pushImage(place, makeImage(place));
  const repositories = await listSweptRepositories(db.reads, {
    ...{ limited: false, after: "", limit: 10 },
  });
  const places = repositories.map(({ id: repositoryId, name: repository, projectId }) => ({
    ...{ repositoryId, repository, projectId, reason: null },
    sweep: { by: "untagged", before: registry.clock.now() + 1 } as const,
    actor: { id: null, name: "(system)", credentialId: null, address: "" },
  }));
  let ms = 0;
  const slow = { ...registry.clock, monotonic: () => (ms += 1_500) };
  const beginning = await previewSweeps({ ...registry, clock: slow }, places);
  expect(beginning).toMatchObject({ manifests: 1, isComplete: false });
  expect(await previewSweeps(registry, places)).toMatchObject({ manifests: 2, isComplete: true });
});
