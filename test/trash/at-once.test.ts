/** Goal: of two that are after one unit, one has it, and nothing is half there. */
import { describe, expect, test } from "bun:test";
import {
  describeContent,
  digestOf,
  type Json,
  makeIndex,
  makeReferrer,
  types,
} from "../support/images.ts";
import { queryStore } from "../support/test-database.ts";
import { trashWorld } from "./world.ts";

const { newRepository, trashOf, restore, remove, status, path, pushGraph, server, client } =
  trashWorld();

describe("at once", () => {
  test("two restores of one unit: one does it", async () => {
    for (let round = 0; round < 5; round++) {
      const name = await newRepository();
      const graph = await pushGraph(name, ["v1"]);
      await remove(name, graph.digest);
      const ids = (await trashOf(name)).map(({ id }) => id);
      const answers = await Promise.all([restore(ids), restore(ids), restore(ids)]);
      expect(answers.flat().filter(({ restored }) => restored)).toHaveLength(1);
      for (const digest of [...graph.digests, "v1"]) expect(await status(name, digest)).toBe(200);
    }
  });

  test("a restore and a push of the same: all is there, and nothing of it in the trash", async () => {
    for (let round = 0; round < 5; round++) {
      const name = await newRepository();
      const graph = await pushGraph(name, ["v1"]);
      await remove(name, graph.digest);
      const ids = (await trashOf(name)).map(({ id }) => id);
      const pushAgain = async () => {
        for (const image of graph.images) await client().pushImage(name, image);
        await client().pushManifest(name, "v1", graph.index);
      };
      const [[answer]] = await Promise.all([restore(ids), pushAgain()]);
      expect(answer?.restored).toBe(true);
      for (const digest of [...graph.digests, "v1"]) expect(await status(name, digest)).toBe(200);
      expect(await trashOf(name)).toEqual([]);
      expect(await leftInTrash(name)).toBe(0);
    }
  });

  test("a restore and a deletion of the trash: it is there whole, or not at all", async () => {
    for (let round = 0; round < 5; round++) {
      const name = await newRepository();
      const graph = await pushGraph(name, ["v1"]);
      await remove(name, graph.digest);
      const ids = (await trashOf(name)).map(({ id }) => id);
      const [[answer]] = await Promise.all([
        restore(ids),
        server().admin.delete(`${path(name)}/trash`),
      ]);
      const wanted = answer?.restored === true ? 200 : 404;
      for (const digest of [...graph.digests, "v1"])
        expect(await status(name, digest)).toBe(wanted);
    }
  });
});

describe("at once, a restore and an erasure", () => {
  test("of a unit that takes several transactions: it is there whole, or not at all", async () => {
    for (let round = 0; round < 3; round++) {
      const name = await newRepository();
      const images = Array.from({ length: 120 }, (_, k) => makeReferrerOf(name, k));
      for (const image of images) await client().pushManifest(name, digestOf(image), image);
      const index = makeIndex(images.map((image) => describeContent(image, types.image)));
      await client().pushManifest(name, "v1", index);
      await remove(name, digestOf(index));
      const ids = (await trashOf(name)).map(({ id }) => id);
      const [[restored], erased] = await Promise.all([
        restore(ids),
        server().admin.post("/trash/erase", { units: ids }),
      ]);
      const [first] = erased.body["units"] as { erased: boolean }[];
      expect(restored?.restored).toBe(!first?.erased);
      const wanted = restored?.restored === true ? 200 : 404;
      expect(await status(name, "v1")).toBe(wanted);
      for (const image of images) expect(await status(name, digestOf(image))).toBe(wanted);
    }
  });
});

/** A manifest with no blob but the empty one. */
function makeReferrerOf(name: string, number: number): string {
  const { subject: _, ...manifest } = JSON.parse(
    makeReferrer(describeContent(name, types.image), `${name} ${number}`),
  ) as Json;
  return JSON.stringify(manifest);
}

async function leftInTrash(repository: string): Promise<number> {
  const [row] = await queryStore(
    server().folder,
    `select count(*) as n from manifests m join repositories r on r.id = m.repository_id
      where r.name = ? and m.state = 'trashed'`,
    repository,
  );
  return Number(row?.["n"]);
}
