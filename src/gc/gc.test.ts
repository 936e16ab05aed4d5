import { afterEach, describe, expect, test } from "bun:test";
import { sql } from "kysely";
import {
  dayMs,
  type GcWorld,
  type GcWorldOptions,
  hourMs,
  openGcWorld,
} from "../../test/support/gc-world.ts";
import { digestOf, makeImage, makeIndex, makeReferrer } from "../../test/support/images.ts";
import type { BlobKey, BlobStore } from "../blobs/blob-store.ts";
import { createMemoryBlobStore } from "../blobs/memory-blob-store.ts";
import type { Digest } from "../oci/digest.ts";
import { collectGarbage } from "./collect-garbage.ts";
import { hastenRemoval } from "./gc-chores.ts";
import { previewCycle } from "./preview.ts";
import type { TrashUnit } from "./purge-store.ts";
import { purgeUnit } from "./purge-unit.ts";
import { removeBytes } from "./remove-bytes.ts";
import { acceptAmount, acceptClock, countDeletions, readState } from "./state-store.ts";
import { collectStrays } from "./strays.ts";

const { signal } = new AbortController();
const name = "team/app";
let world: GcWorld;

async function open(options: GcWorldOptions = {}): Promise<GcWorld> {
  world = await openGcWorld(options);
  return world;
}

afterEach(() => world.remove());

const head = (repository: string, digest: string) =>
  world.client.status(`/v2/${repository}/blobs/${digest}`, "HEAD");
const get = (repository: string, digest: string) =>
  world.client.status(`/v2/${repository}/blobs/${digest}`);
const remove = (path: string) => world.client.status(`/v2/${path}`, "DELETE");
const units = () =>
  world.db.reads.selectFrom("trash").selectAll().orderBy("id").execute() as Promise<TrashUnit[]>;
const keyOf = async (digest: string) =>
  (await world.db.reads
    .selectFrom("blobs")
    .select(["key", "state"])
    .where("digest", "=", digest as Digest)
    .executeTakeFirst()) ?? null;

describe("a blob to which nothing refers", () => {
  test("is there until its lease is over", async () => {
    const { client } = await open();
    const digest = await client.pushBlob(name, "lonely");
    world.advance(dayMs - 1);
    await world.collect();
    expect([await head(name, digest), await get(name, digest)]).toEqual([200, 200]);
  });

  test("is 404 from then on, and its bytes go a day later", async () => {
    const { client } = await open();
    const digest = await client.pushBlob(name, "lonely");
    await world.pass(dayMs);
    expect([await head(name, digest), await get(name, digest)]).toEqual([404, 404]);
    expect(await keyOf(digest)).toMatchObject({ state: "condemned" });
    await world.pass(dayMs - 1);
    expect(await world.stored()).toBe(1);
    world.advance(1);
    expect((await world.collect())?.collected).toEqual({ blobs: 1, bytes: 6 });
    expect(await world.stored()).toBe(0);
    expect(await keyOf(digest)).toBeNull();
    const state = await readState(world.db.reads);
    expect([state.removed_blobs, state.removed_bytes]).toEqual([1, 6]);
  });

  test("that is pushed again while it is condemned lives again with the bytes that are there", async () => {
    const { client } = await open();
    const digest = await client.pushBlob(name, "lonely");
    const before = await keyOf(digest);
    await world.pass(dayMs);
    expect(
      await client.status(`/v2/other/app/blobs/uploads/?mount=${digest}&from=${name}`, "POST"),
    ).toBe(202);
    await client.pushBlob("other/app", "lonely");
    expect(await keyOf(digest)).toEqual({ key: (before as { key: BlobKey }).key, state: "live" });
    expect([await get("other/app", digest), await get(name, digest)]).toEqual([200, 404]);
    await world.pass(dayMs - 1);
    expect(await get("other/app", digest)).toBe(200);
  });

  test("that is pushed again after it went is stored again", async () => {
    const { client } = await open();
    const digest = await client.pushBlob(name, "lonely");
    await world.pass(2 * dayMs);
    expect(await world.stored()).toBe(0);
    await client.pushBlob(name, "lonely");
    expect(await world.stored()).toBe(1);
    const pulled = await world.fetch(`/v2/${name}/blobs/${digest}`);
    expect(await pulled.text()).toBe("lonely");
  });

  test("stays while its HEAD is asked for", async () => {
    const { client } = await open();
    const digest = await client.pushBlob(name, "wanted");
    for (let round = 0; round < 6; round++) {
      world.advance(dayMs * 0.7);
      expect(await head(name, digest)).toBe(200);
      await world.collect();
    }
    expect(await get(name, digest)).toBe(200);
  });
});

describe("an image", () => {
  test("stays for ever, also without a tag, with its index's children", async () => {
    const { client } = await open();
    const [one, two] = [makeImage("one"), makeImage("two")];
    await client.pushImage(name, one);
    await client.pushImage(name, two);
    await client.pushManifest(name, "multi", makeIndex([one.descriptor, two.descriptor]));
    expect(await remove(`${name}/manifests/multi`)).toBe(202);
    await world.pass(30 * dayMs);
    for (const digest of [...one.layers, one.config, ...two.layers].map((blob) => digestOf(blob))) {
      expect(await get(name, digest)).toBe(200);
    }
    expect(await client.status(`/v2/${name}/manifests/${one.digest}`)).toBe(200);
    expect(await units()).toEqual([]);
  });

  test("that was deleted goes when its time in the trash, its lease and its grace are over", async () => {
    const { client } = await open();
    const image = makeImage("gone");
    await client.pushImage(name, image, "v1");
    await client.pushManifest(
      name,
      digestOf(makeReferrer(image.descriptor, "x")),
      await signed(image),
    );
    expect(await remove(`${name}/manifests/${image.digest}`)).toBe(202);
    await world.pass(7 * dayMs - hourMs);
    expect(await world.stored()).toBe(4);
    expect(await get(name, digestOf(image.config))).toBe(200);
    await world.pass(hourMs);
    expect(await units()).toEqual([]);
    const manifests = await world.db.reads.selectFrom("manifests").select("digest").execute();
    expect(manifests).toEqual([]);
    // Whoever was told that it is there can still refer to it.
    expect(await get(name, digestOf(image.config))).toBe(200);
    await world.pass(dayMs / 2);
    expect(await get(name, digestOf(image.config))).toBe(404);
    await world.pass(dayMs);
    expect(await world.stored()).toBe(0);
  });

  async function signed(image: ReturnType<typeof makeImage>): Promise<string> {
    await world.client.pushBlob(name, "{}");
    return makeReferrer(image.descriptor, "x");
  }

  test("that goes as soon as it was deleted leaves half a day to whoever saw its blobs", async () => {
    const { client, db } = await open();
    const image = makeImage("seen");
    await client.pushImage(name, image, "v1");
    await world.pass(2 * dayMs);
    for (const blob of [image.config, ...image.layers]) {
      expect(await head(name, digestOf(blob))).toBe(200);
    }
    expect(await remove(`${name}/manifests/${image.digest}`)).toBe(202);
    await db.transaction(async (tx) => {
      await tx.updateTable("trash").set({ until: world.registry.clock.now() }).execute();
    });
    expect((await world.collect())?.manifests).toBe(1);
    world.advance(dayMs / 2 - 1);
    await world.collect();
    const relying = JSON.stringify({ ...JSON.parse(image.manifest), annotations: { a: "b" } });
    await client.pushManifest(name, "v2", relying);
    await world.pass(10 * dayMs);
    for (const layer of image.layers) expect(await get(name, digestOf(layer))).toBe(200);
  });

  test("that was deleted and is pushed again is whole for ever", async () => {
    const { client } = await open();
    const image = makeImage("again");
    await client.pushImage(name, image, "v1");
    expect(await remove(`${name}/manifests/${image.digest}`)).toBe(202);
    await world.pass(6 * dayMs);
    await client.pushManifest(name, "v1", image.manifest);
    await world.pass(30 * dayMs);
    for (const layer of image.layers) expect(await get(name, digestOf(layer))).toBe(200);
  });

  test("shares its layers: what goes in one repository stays in the other", async () => {
    const { client } = await open();
    const image = makeImage("shared");
    const digest = digestOf(image.config);
    await client.pushImage("team/a", image, "v1");
    await client.pushImage("team/b", image, "v1");
    expect(await get("team/a", digest)).toBe(200);
    expect(await remove(`team/a/manifests/${image.digest}`)).toBe(202);
    await world.pass(10 * dayMs);
    expect([await get("team/a", digest), await head("team/a", digest)]).toEqual([404, 404]);
    expect([await get("team/b", digest), await head("team/b", digest)]).toEqual([200, 200]);
    expect(await world.stored()).toBe(3);
  });

  test("that was pushed without its blobs keeps those that others have, until it goes itself", async () => {
    const { client } = await open({ sparse: true });
    const image = makeImage("sparse");
    for (const blob of [image.config, ...image.layers]) await client.pushBlob("team/a", blob);
    await client.pushManifest("team/b", "v1", image.manifest);
    await world.pass(10 * dayMs);
    expect(await keyOf(digestOf(image.config))).toMatchObject({ state: "live" });
    expect(await world.stored()).toBe(3);
    expect(await remove(`team/b/manifests/${image.digest}`)).toBe(202);
    await world.pass(10 * dayMs);
    expect(await world.stored()).toBe(0);
  });

  test("that two deleted indexes listed stays with the one that is longer in the trash", async () => {
    const { client } = await open();
    const image = makeImage("child");
    await client.pushImage(name, image);
    const [first, second] = [
      makeIndex([image.descriptor]),
      makeIndex([image.descriptor], { annotations: { n: "2" } }),
    ];
    for (const index of [first, second]) await client.pushManifest(name, digestOf(index), index);
    expect(await remove(`${name}/manifests/${digestOf(first)}`)).toBe(202);
    expect(await remove(`${name}/manifests/${digestOf(second)}`)).toBe(202);
    const [kept, going] = await units();
    await world.db.transaction(async (tx) => {
      // A project may keep less from some day on.
      await tx
        .updateTable("trash")
        .set({ until: world.registry.clock.now() })
        .where("id", "=", going?.id ?? "")
        .execute();
    });
    await world.collect();
    expect((await units()).map(({ id }) => id)).toEqual([kept?.id ?? ""]);
    const rows = await world.db.reads
      .selectFrom("manifests")
      .select(["digest", "trash_id"])
      .execute();
    expect(rows.map(({ digest }) => String(digest)).sort()).toEqual(
      [digestOf(first), image.digest].sort(),
    );
    expect(new Set(rows.map(({ trash_id }) => trash_id))).toEqual(new Set([kept?.id ?? ""]));
  });
});

test("a deleted blob goes when its time in the trash and its grace are over", async () => {
  const { client } = await open();
  const digest = await client.pushBlob(name, "deleted");
  expect(await remove(`${name}/blobs/${digest}`)).toBe(202);
  await world.pass(7 * dayMs - 1);
  expect(await world.stored()).toBe(1);
  await world.pass(1);
  await world.pass(dayMs);
  expect(await world.stored()).toBe(0);
});

test("single tags leave the trash, many at once, and take nothing along", async () => {
  const { client } = await open();
  const image = makeImage("tagged");
  await client.pushImage(name, image);
  for (let k = 0; k < 5; k++) await client.pushManifest(name, `v${k}`, image.manifest);
  for (let k = 0; k < 5; k++) expect(await remove(`${name}/manifests/v${k}`)).toBe(202);
  expect(await units()).toHaveLength(5);
  await world.pass(8 * dayMs);
  expect(await units()).toEqual([]);
  expect(await client.status(`/v2/${name}/manifests/${image.digest}`)).toBe(200);
});

describe("an erased unit", () => {
  const erase = async (unit: TrashUnit) => {
    for (let isDone = false; !isDone; ) {
      ({ isDone } = await world.db.transaction(async (tx) => {
        await hastenRemoval(world.db, tx, world.registry.clock);
        const purge = { now: world.registry.clock.now(), erase: true };
        return await purgeUnit(world.db, tx, unit, purge);
      }));
      // A kill may come after any batch.
      const { rows } = await sql`select t.name from tags as t where not exists (
        select 1 from manifests as m where m.repository_id = t.repository_id
          and m.digest = t.digest)`.execute(world.db.reads);
      expect(rows).toEqual([]);
    }
  };

  test("has no bytes left with the next removal, but those that others need", async () => {
    const { client } = await open();
    const [image, other] = [makeImage("secret"), makeImage("other", { annotations: {} })];
    const shared = { ...other, layers: image.layers.slice(0, 1) };
    await client.pushImage(name, image, "v1");
    const kept = JSON.stringify({
      ...JSON.parse(other.manifest),
      layers: JSON.parse(image.manifest)["layers"].slice(0, 1),
    });
    await client.pushBlob(name, other.config);
    await client.pushManifest(name, "v2", kept);
    await client.pushBlob("team/else", image.layers[1] ?? "");
    expect(await remove(`${name}/manifests/${image.digest}`)).toBe(202);
    const [unit] = await units();
    await erase(unit as TrashUnit);
    await world.collect();
    expect(await get(name, digestOf(image.config))).toBe(404);
    expect(await keyOf(digestOf(image.config))).toBeNull();
    expect(await get(name, digestOf(shared.layers[0] ?? ""))).toBe(200);
    expect(await get(name, digestOf(image.layers[1] ?? ""))).toBe(404);
    expect(await get("team/else", digestOf(image.layers[1] ?? ""))).toBe(200);
    expect(await world.stored()).toBe(3);
  });

  test("of a repository leaves no row of it", async () => {
    const { client } = await open();
    for (let k = 0; k < 3; k++) await client.pushImage(name, makeImage(`image ${k}`), `v${k}`);
    await client.pushBlob(name, "lonely");
    const deleted = await client.pushBlob(name, "deleted");
    expect(await remove(`${name}/blobs/${deleted}`)).toBe(202);
    expect(await remove(`${name}/manifests/v2`)).toBe(202);
    const repository = await world.db.reads
      .selectFrom("repositories")
      .select("id")
      .executeTakeFirstOrThrow();
    await world.db.transaction(async (tx) => {
      await tx.updateTable("repositories").set({ state: "trashed" }).execute();
    });
    await erase({
      id: "whole",
      project_id: null,
      repository_id: repository.id,
      kind: "repository",
      digest: null,
    });
    await world.collect();
    for (const table of [
      ...["repositories", "manifests", "manifest_edges", "repository_blobs", "tags"],
      ...["tag_history", "trash", "blobs", "blob_deletions"],
    ]) {
      const { rows } = await sql`select * from ${sql.table(table)}`.execute(world.db.reads);
      expect([table, rows]).toEqual([table, []]);
    }
    expect(await world.stored()).toBe(0);
  });
});

describe("garbage collection stops by itself", () => {
  test("when the clock is more than a day past where it was seen, until a person says that it is right", async () => {
    const { client, db } = await open();
    const digest = await client.pushBlob(name, "young");
    await world.collect();
    world.advance(dayMs + 1);
    expect(await world.collect()).toBeNull();
    expect(await world.collect()).toBeNull();
    expect(world.logged().split("Garbage collection has stopped").length).toBe(2);
    expect(await keyOf(digest)).toMatchObject({ state: "live" });
    await db.transaction((tx) => acceptClock(tx, world.registry.clock.now()));
    expect((await world.collect())?.condemned.blobs).toBe(1);
  });

  test("and goes on by itself when the clock is where it was", async () => {
    const { client } = await open();
    await client.pushBlob(name, "young");
    await world.collect();
    world.advance(365 * dayMs);
    expect(await world.collect()).toBeNull();
    world.advance(-365 * dayMs);
    expect(await world.collect()).not.toBeNull();
    expect((await readState(world.db.reads)).paused).toBeNull();
  });

  test("at a clock that goes back by a year, which makes nothing old", async () => {
    const { client } = await open();
    const digest = await client.pushBlob(name, "young");
    await world.collect();
    world.advance(-365 * dayMs);
    expect((await world.collect())?.condemned.blobs).toBe(0);
    expect(await get(name, digest)).toBe(200);
  });

  test("when more than a fifth of many blobs would go, until a person says that they may", async () => {
    const { client, db } = await open();
    for (let k = 0; k < 200; k++) await client.pushBlob(name, `blob ${k}`);
    await world.collect();
    await world.pass(dayMs - 1);
    for (let k = 0; k < 50; k++) await client.pushBlob(name, `kept ${k}`);
    world.advance(1);
    expect(await world.collect()).toBeNull();
    const condemned = async () =>
      (
        await db.reads
          .selectFrom("blobs")
          .select("digest")
          .where("state", "=", "condemned")
          .execute()
      ).length;
    expect(await condemned()).toBeLessThanOrEqual(100);
    expect(await world.collect()).toBeNull();
    expect((await previewCycle(world.deps)).stops).toBe("amount");
    expect(world.logged()).toContain("--accept amount");
    await db.transaction((tx) => acceptAmount(tx, world.registry.clock.now() + hourMs));
    await world.collect();
    expect(await condemned()).toBe(200);
    // What was allowed once does not count against what comes later.
    await world.pass(dayMs);
    expect((await readState(db.reads)).paused).toBeNull();
  });
});

test("a preview says what a cycle then does, and does nothing", async () => {
  const { client, db } = await open();
  const image = makeImage("previewed");
  await client.pushImage("team/a", image, "v1");
  await client.pushImage("team/b", image, "v1");
  await client.pushBlob(name, "lonely");
  await world.collect();
  expect(await remove(`team/a/manifests/${image.digest}`)).toBe(202);
  const store = async () =>
    JSON.stringify([
      await db.reads.selectFrom("blobs").selectAll().orderBy("digest").execute(),
      await db.reads.selectFrom("repository_blobs").selectAll().orderBy("digest").execute(),
      await db.reads.selectFrom("trash").selectAll().execute(),
    ]);
  for (let k = 0; k < 20; k++) {
    world.advance(dayMs / 2);
    const before = await store();
    const { cycle } = await previewCycle(world.deps);
    expect(await store()).toBe(before);
    expect(await world.collect()).toEqual(cycle);
  }
});

test("a preview ends after a while, and says that it is not all", async () => {
  const { client, deps } = await open();
  for (const name of ["team/a", "team/b", "team/c"]) await client.pushBlob(name, `of ${name}`);
  world.advance(dayMs + hourMs);
  let ms = 0;
  const slow = { ...deps, clock: { ...deps.clock, monotonic: () => (ms += 1_500) } };
  const { cycle } = await previewCycle(slow);
  expect(cycle.isComplete).toBe(false);
  expect(cycle.links).toBe(1);
  expect((await previewCycle(deps)).cycle).toMatchObject({ isComplete: true, links: 3 });
});

describe("bytes that are to go", () => {
  /** A store that does not let go of what `isStuck` says. */
  function stubborn(isStuck: (key: BlobKey) => boolean): BlobStore {
    const blobs = createMemoryBlobStore();
    return {
      ...blobs,
      async remove(keys) {
        for (const key of keys) {
          if (isStuck(key)) throw new Error(`no, not ${key}`);
          await blobs.remove([key]);
        }
      },
    };
  }

  test("go but for one in a thousand that cannot, which is told and tried again later and later", async () => {
    let stuck: BlobKey | null = null;
    const { client, db } = await open({ blobs: stubborn((key) => key === stuck) });
    for (let k = 0; k < 1_000; k++) await client.pushBlob(name, `one of many ${k}`);
    await db.transaction((tx) => acceptAmount(tx, Number.MAX_SAFE_INTEGER));
    stuck = (await keyOf(digestOf("one of many 500")))?.key ?? null;
    await world.pass(2 * dayMs);
    expect(await world.stored()).toBe(1);
    expect(await countDeletions(db.reads)).toEqual({ blobs: 1, bytes: 15, failing: 1 });
    const row = () => db.reads.selectFrom("blob_deletions").selectAll().executeTakeFirstOrThrow();
    const first = await row();
    expect(first).toMatchObject({ key: stuck as BlobKey, attempts: 1, error: `no, not ${stuck}` });
    await world.collect();
    expect((await row()).attempts).toBe(1);
    world.advance(60_000);
    await world.collect();
    expect(await row()).toMatchObject({
      attempts: 2,
      due_at: world.registry.clock.now() + 120_000,
    });
    stuck = null;
    world.advance(120_000);
    await world.collect();
    expect(await world.stored()).toBe(0);
    expect((await countDeletions(db.reads)).blobs).toBe(0);
  });

  test("wait where the store itself is in trouble, without a try for each", async () => {
    let isDown = true;
    const { client, db } = await open({ blobs: stubborn(() => isDown) });
    for (let k = 0; k < 90; k++) await client.pushBlob(name, `waiting ${k}`);
    await world.pass(2 * dayMs);
    expect((await countDeletions(db.reads)).failing).toBe(20);
    isDown = false;
    await world.collect();
    world.advance(hourMs);
    await world.collect();
    expect(await world.stored()).toBe(0);
  });

  test("stay until the disk has it that nothing refers to them", async () => {
    const blobs = createMemoryBlobStore();
    const { client, deps, db } = await open({ blobs });
    await client.pushBlob(name, "referred to, if the power goes");
    await world.pass(dayMs);
    world.advance(dayMs);
    await collectGarbage(deps, signal);
    expect((await countDeletions(db.reads)).blobs).toBe(1);
    const flush = async () => {
      expect(await world.stored()).toBe(1);
      throw new Error("the disk is away");
    };
    const removing = removeBytes({ ...deps, blobs, db: { ...db, flush } }, signal);
    expect(removing).rejects.toThrow("the disk is away");
    await removing.catch(() => {});
    expect(await world.stored()).toBe(1);
    await world.collect();
    expect(await world.stored()).toBe(0);
  });

  test("that were gone already are no trouble", async () => {
    const { client, blobs } = await open();
    const digest = await client.pushBlob(name, "lost");
    await blobs.remove([(await keyOf(digest))?.key as BlobKey]);
    await world.pass(2 * dayMs);
    expect((await countDeletions(world.db.reads)).blobs).toBe(0);
  });

  test("are those that a push of the same blob took the place of, after a grace", async () => {
    const { client, blobs } = await open();
    const digest = await client.pushBlob(name, "rotten");
    const before = await keyOf(digest);
    await world.db.transaction(async (tx) => {
      await tx.updateTable("blobs").set({ state: "quarantined" }).execute();
    });
    await client.pushBlob(name, "rotten");
    const after = await keyOf(digest);
    expect(after).toMatchObject({ state: "live" });
    expect(after?.key).not.toBe(before?.key as BlobKey);
    await world.pass(dayMs - 1);
    expect(await blobs.size(before?.key as BlobKey)).toBe(6);
    expect(await head(name, digest)).toBe(200);
    await world.pass(1);
    expect(await blobs.size(before?.key as BlobKey)).toBeNull();
    expect(await get(name, digest)).toBe(200);
  });
});

test("a blob in quarantine that nothing refers to goes", async () => {
  const { client } = await open();
  await client.pushBlob(name, "rotten");
  await world.db.transaction(async (tx) => {
    await tx.updateTable("blobs").set({ state: "quarantined" }).execute();
  });
  await world.pass(2 * dayMs);
  expect(await world.stored()).toBe(0);
});

describe("bytes that nobody knows", () => {
  const publish = async (content: string, id: string) => {
    const staged = { id: id as never, state: "" as never };
    const writer = await world.blobs.stage(staged, 0);
    await writer?.write(new TextEncoder().encode(content));
    await writer?.close();
    return await world.blobs.publish(staged, digestOf(content) as Digest);
  };
  // Of 2026-01-01, when the tests begin, and of a year later.
  const old = "019b76da-a800-7000-8000-000000000000";
  const young = "01a33e0e-0000-7000-8000-000000000000";

  test("go when they are older than a day, after a grace; younger ones and blobs stay", async () => {
    const { client, blobs } = await open();
    await client.pushImage(name, makeImage("kept"), "v1");
    await world.pass(dayMs * 2);
    const stray = await publish("stray", old);
    const fresh = await publish("fresh", young);
    expect(await collectStrays({ ...world.deps, blobs }, signal)).toEqual({ blobs: 1, bytes: 5 });
    expect(await collectStrays({ ...world.deps, blobs }, signal)).toEqual({ blobs: 0, bytes: 0 });
    await world.pass(dayMs - 1);
    expect(await blobs.size(stray)).toBe(5);
    await world.pass(1);
    expect(await blobs.size(stray)).toBeNull();
    expect(await blobs.size(fresh)).toBe(5);
    expect(await world.stored()).toBe(4);
  });

  test("stay, all of them, when they are so many that the database may be too old", async () => {
    const { blobs } = await open();
    await world.pass(dayMs * 2);
    for (let k = 100; k < 220; k++) await publish(`stray ${k}`, `${old.slice(0, -3)}${k}`);
    expect(await collectStrays({ ...world.deps, blobs }, signal)).toEqual({ blobs: 0, bytes: 0 });
    expect((await readState(world.db.reads)).paused).toBe("amount");
    expect(world.logged()).toContain("the database knows nothing of 120 blobs");
  });
});
