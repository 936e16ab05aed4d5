/**
 * Goal: the list of what nothing names has all of that and nothing else, in its order, says when each thing
 * goes to the trash as the chore has it, and is as quick where there is much. Method: images as clients push
 * them, at times that the test sets; and the plans of the statements on a store of many manifests, of which
 * BERTH_LISTED_MANIFESTS sets how many.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CompiledQuery as Query, type RawBuilder } from "kysely";
import { type ApiServer, openApi } from "../../test/support/api-client.ts";
import { dayMs, type GcWorld, openGcWorld } from "../../test/support/gc-world.ts";
import {
  describeContent,
  digestOf,
  type Json,
  makeImage,
  makeIndex,
  makeReferrer,
  types,
} from "../../test/support/images.ts";
import { createOciClient } from "../../test/support/oci-client.ts";
import type { Place } from "../access/sorted-list.ts";
import type { Database } from "../db/database.ts";
import { migrate } from "../db/migrations/migrate.ts";
import { openSqlite } from "../db/sqlite.ts";
import { systemClock } from "../lib/clock.ts";
import type { Digest } from "../oci/digest.ts";
import { parseRepositoryName } from "../oci/repository-name.ts";
import { getRepositoryId } from "../registry/repository-store.ts";
import { listSwept } from "../registry/sweep-store.ts";
import {
  boundQuery,
  lastTagsOf,
  listUntagged,
  type UntaggedPage,
  untaggedQuery,
} from "./untagged-store.ts";

const newestFirst = { by: "pushed", descending: true } as const;

describe("what nothing names", () => {
  const name = "team/app";
  let world: GcWorld;
  beforeEach(async () => {
    world = await openGcWorld();
    await world.client.pushBlob(name, "{}");
  });
  afterEach(() => world.remove());

  const repositoryId = () => getRepositoryId(world.db.reads, parseRepositoryName(name));
  async function listed(sort: UntaggedPage["sort"] = newestFirst, limit = 2): Promise<string[]> {
    const digests: string[] = [];
    let after: Place | null = null;
    do {
      const page = { repositoryId: await repositoryId(), sort, after, limit };
      const { rows, next } = await listUntagged(world.db.reads, page);
      expect(rows.length).toBeLessThanOrEqual(limit);
      digests.push(...rows.map(({ digest }) => digest));
      after = next;
    } while (after !== null);
    return digests;
  }
  const push = async (seed: string, tag?: string) => {
    world.advance(1_000);
    const image = makeImage(seed);
    await world.client.pushImage(name, image, tag);
    return image;
  };

  test("has no tag, is in no index, and belongs to nothing that is there", async () => {
    const { client } = world;
    await push("tagged", "v1");
    const moved = await push("moved", "latest");
    const child = await push("child");
    const bare = await push("bare");
    await push("next", "latest");
    world.advance(1_000);
    const index = makeIndex([child.descriptor]);
    await client.pushManifest(name, digestOf(index), index);
    const signature = makeReferrer(bare.descriptor, "signature");
    await client.pushManifest(name, digestOf(signature), signature);
    const cosign = await push("cosign", `${bare.digest.replace(":", "-")}.sig`);
    world.advance(1_000);
    const gone = makeReferrer({ ...bare.descriptor, digest: digestOf("gone") }, "of nothing");
    await client.pushManifest(name, digestOf(gone), gone);

    const all = [digestOf(gone), digestOf(index), bare.digest, moved.digest];
    expect(await listed()).toEqual(all);
    expect(await listed({ by: "pushed", descending: false })).toEqual(all.toReversed());
    expect(await listed()).not.toContain(cosign.digest);

    // A whole that goes leaves nothing behind, and a part that is named again is no more.
    await world.fetch(`/v2/${name}/manifests/${digestOf(index)}`, { method: "DELETE" });
    await client.pushManifest(name, "again", bare.manifest);
    expect(await listed()).toEqual([digestOf(gone), moved.digest]);
    await world.fetch(`/v2/${name}/manifests/again`, { method: "DELETE" });
    expect(await listed()).toEqual([digestOf(gone), bare.digest, moved.digest]);
  });

  test("comes in the order of sizes, equal ones by digest", async () => {
    const images = [];
    for (const seed of ["a", "bb", "cc", "d".repeat(400), "ee"]) images.push(await push(seed));
    const sizes = new Map<string, number>();
    for (const { digest, size } of await world.db.reads.selectFrom("images").selectAll().execute())
      sizes.set(digest, size);
    const ordered = images
      .map(({ digest }) => digest as string)
      .toSorted((a, b) => (sizes.get(a) ?? 0) - (sizes.get(b) ?? 0) || (a < b ? -1 : 1));
    for (const limit of [1, 2, 5]) {
      expect(await listed({ by: "size", descending: false }, limit)).toEqual(ordered);
      expect(await listed({ by: "size", descending: true }, limit)).toEqual(ordered.toReversed());
    }
  });

  test("had a tag, the last of which is known, and goes as the chore goes by it", async () => {
    const { client, db } = world;
    const image = await push("first", "v1");
    await client.pushManifest(name, "v2", image.manifest);
    const never = await push("never");
    world.advance(dayMs);
    await push("second", "v1");
    world.advance(dayMs);
    const until = world.registry.clock.now();
    await world.fetch(`/v2/${name}/manifests/v2`, { method: "DELETE" });
    world.advance(dayMs);

    const id = await repositoryId();
    const digests = [image.digest, never.digest] as Digest[];
    const last = await lastTagsOf(db, id, digests);
    expect([...last]).toEqual([[image.digest as Digest, { tag: "v2" as never, until }]]);
    const swept = (before: number) =>
      listSwept(db.reads, id, { by: "untagged", before }, { after: "", limit: 10 });
    expect(await swept(until)).toEqual([never.digest as Digest]);
    expect((await swept(until + 1)).toSorted()).toEqual(digests.toSorted());
  });
});

describe("the answer", () => {
  const path = "/repositories/team%2Fapp/untagged";
  let server: ApiServer;
  beforeAll(async () => {
    server = await openApi();
    await server.admin.post("/projects", { name: "team" });
  });
  afterAll(() => server.stop());

  test("has what lists of tags have, and what becomes of it", async () => {
    const oci = createOciClient((of, init = {}) =>
      server.admin.raw(init.method ?? "GET", of, init),
    );
    const image = makeImage("first");
    await oci.pushImage("team/app", image, "v1");
    await oci.pushImage("team/app", makeImage("second"), "v1");
    const sbom = makeReferrer(describeContent(image.manifest, types.image), "sbom", {
      artifactType: "application/spdx+json",
    });
    await oci.pushBlob("team/app", "{}");
    await oci.pushManifest("team/app", digestOf(sbom), sbom);
    const items = async () => (await server.admin.get(path)).body["items"] as Json[];
    const [item] = await items();
    expect(await items()).toEqual([
      {
        ...{ digest: image.digest, kind: "image", media_type: types.image },
        ...{ size: expect.any(Number), platforms: ["linux/amd64"], pulled_at: null },
        attached: [{ kind: "sbom", count: 1 }],
        ...{ pushed_at: expect.any(String), pushed_by: "admin" },
        ...{ last_tag: "v1", untagged_at: expect.any(String), trash_at: null },
      },
    ]);
    await server.admin.patch("/projects/team", { untagged_days: 3 });
    const since = Date.parse(String(item?.["untagged_at"]));
    const [later] = await items();
    expect(Date.parse(String(later?.["trash_at"]))).toBe(since + 3 * dayMs);

    await oci.pushImage("team/app", makeImage("third"));
    const first = (await server.admin.get(`${path}?limit=1`)).body;
    expect(first["items"]).toHaveLength(1);
    const after = encodeURIComponent(String(first["next"]));
    const second = (await server.admin.get(`${path}?limit=1&after=${after}`)).body;
    expect(second).toMatchObject({ items: [{ digest: image.digest }], next: null });
    for (const wrong of ["after=nothing", "sort=name"]) {
      expect((await server.admin.get(`${path}?${wrong}`)).status).toBe(400);
    }
  });
});

describe("among many manifests", () => {
  const indexes = Math.floor(Number(Bun.env["BERTH_LISTED_MANIFESTS"] ?? 15_000) / 3);
  const folder = mkdtempSync(join(tmpdir(), "berth-untagged-"));
  let db: Database;
  const run = (sql: string, ...values: readonly (string | number)[]) =>
    db.transaction((tx) => tx.executeQuery(Query.raw(sql, [...values])), "rows");
  const digest = (text: string) => digestOf(text);

  beforeAll(async () => {
    db = openSqlite({ file: join(folder, "berth.db"), onFailure: () => {} });
    await migrate(db, systemClock);
    await run(
      "insert into projects (id, name, generation, state, created_at) values ('p', 'team', 1, 'live', 1)",
    );
    await run(
      "insert into repositories (id, project_id, name, state, created_at) values ('r', 'p', 'team/app', 'live', 1)",
    );
    await db.transaction(async (tx) => {
      const put = (sql: string, ...values: readonly (string | number)[]) =>
        tx.executeQuery(Query.raw(sql, [...values]));
      // Of sizes there are three, each that of more images than are looked at in one go.
      const sizeOf = (k: number) => Math.floor((3 * k) / indexes);
      const manifest = async (of: string, at: number) => {
        await put(
          "insert into manifests (repository_id, digest, media_type, size, bytes, state, pushed_at) values ('r', ?, 'x', 2, 'x', 'live', ?)",
          ...[of, at],
        );
        await put(
          "insert into images (repository_id, digest, size) values ('r', ?, ?)",
          ...[of, sizeOf(at)],
        );
      };
      for (let k = 0; k < indexes; k++) {
        const index = digest(`index ${k}`);
        await manifest(index, k);
        for (const child of ["amd64", "arm64"]) {
          await manifest(digest(`${child} ${k}`), k);
          await put(
            "insert into manifest_edges (repository_id, parent, child, kind) values ('r', ?, ?, 'manifest')",
            ...[index, digest(`${child} ${k}`)],
          );
        }
        await put(
          `insert into tags (repository_id, name, digest, version, sort_key, moved_at, size)
           values ('r', ?, ?, 1, ?, ?, 1)`,
          ...[`v${k}`, index, `v${k}`, k],
        );
      }
    }, "rows");
  }, 120_000);
  afterAll(async () => {
    await db.close();
    rmSync(folder, { recursive: true });
  });

  async function planOf(query: RawBuilder<unknown>): Promise<string> {
    const { sql, parameters } = query.compile(db.reads);
    const plan = Query.raw(`explain query plan ${sql}`, [...parameters]);
    const { rows } = await db.reads.executeQuery(plan);
    return (rows as { detail: string }[]).map(({ detail }) => detail).join("\n");
  }
  async function all(sort: UntaggedPage["sort"], looks?: number) {
    const digests: string[] = [];
    let [pages, after]: [number, Place | null] = [0, null];
    do {
      const page = { repositoryId: "r", sort, after, limit: 50 };
      const found = await listUntagged(db.reads, page, looks);
      digests.push(...found.rows.map((row) => row.digest));
      after = found.next;
      pages++;
    } while (after !== null);
    return { pages, digests };
  }

  const orders = (["pushed", "size"] as const).flatMap((by) => [
    { by, descending: true },
    { by, descending: false },
  ]);

  test.each(orders)(
    "the few that nothing names are found piece by piece, in the order %j",
    async (sort) => {
      const begin = performance.now();
      expect((await all(sort)).digests).toEqual([]);
      const tookMs = (performance.now() - begin).toFixed(1);
      console.log(`${indexes * 3} in the order ${JSON.stringify(sort)}: ${tookMs} ms`);
      const wanted = [0, Math.floor(indexes / 2), indexes - 1];
      if (sort.descending) wanted.reverse();
      for (const k of wanted) await run("delete from tags where name = ?", `v${k}`);
      const found = wanted.map((k) => digest(`index ${k}`));
      expect((await all(sort)).digests).toEqual(found);
      // A page ends before it is full where it took long to come so far.
      const short = await all(sort, 2);
      expect(short.digests).toEqual(found);
      expect(short.pages).toBeGreaterThan(5);
      for (const k of wanted) {
        const row = [`v${k}`, digest(`index ${k}`), `v${k}`, k];
        await run(
          `insert into tags (repository_id, name, digest, version, sort_key, moved_at, size)
           values ('r', ?, ?, 1, ?, ?, 1)`,
          ...row,
        );
      }
    },
    60_000,
  );

  test.each(orders)(
    "a piece is a range of an index from both its ends, in the order %j",
    async (sort) => {
      const index = { pushed: "manifests_by_push", size: "images_by_size" }[sort.by];
      const columns = { pushed: "(pushed_at,digest)", size: "(size,digest)" }[sort.by];
      const [above, below] = [`AND ${columns}>(?,?)`, `AND ${columns}<(?,?)`];
      const [behind, before] = sort.descending ? [below, above] : [above, below];
      const range = (...ends: readonly string[]) =>
        `USING COVERING INDEX ${index} (${["repository_id=?", ...ends].join(" ")})`;
      const after = { name: digest("index 9"), value: 900 };
      const until = { name: digest("index 1"), value: sort.descending ? 100 : 1_700 };
      const page = { repositoryId: "r", sort, limit: 50 };
      expect(await planOf(boundQuery({ ...page, after: null }))).toEndWith(range());
      expect(await planOf(boundQuery({ ...page, after }))).toEndWith(range(behind));
      for (const [ends, wanted] of [
        [{ after: null, until: null }, range()],
        [{ after: null, until }, range(before)],
        [{ after, until: null }, range(behind)],
        [{ after, until }, range(above, below)],
      ] as const) {
        const plan = await planOf(untaggedQuery({ ...page, ...ends }));
        expect(plan).toContain(wanted);
        expect(plan.split(index)).toHaveLength(2);
        expect(plan).toContain("SEARCH t USING COVERING INDEX tags_by_digest");
        expect(plan).toMatch(
          /SEARCH e USING COVERING INDEX manifest_edges_by_child[\s\S]*SEARCH p /,
        );
        expect(plan).not.toMatch(/SCAN [a-z] |TEMP B-TREE/);
      }
    },
  );
});
