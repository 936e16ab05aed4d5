import { describe, expect, test } from "bun:test";
import { digestOf, type Json, makeImage, makeIndex, makeReferrer } from "../support/images.ts";
import { queryStore } from "../support/test-database.ts";
import { trashWorld } from "./world.ts";

const { as, newRepository, trashOf, restoreOnly, status, path, pushGraph, server, client } =
  trashWorld();

describe("berth rm", () => {
  const rm = (name: string, body: Json, who = "administrator") =>
    as(who).post(`${path(name)}/removals`, body);
  /** As if everything there had been pushed so many days ago. */
  const age = async (name: string, days: number) => {
    const ms = days * 86_400_000;
    for (const [table, column] of [
      ["manifests", "pushed_at"],
      ["tags", "moved_at"],
      ["tag_history", "moved_at"],
    ]) {
      await queryStore(
        server().folder,
        `update ${table} set ${column} = ${column} - ${ms}
          where repository_id in (select id from repositories where name = ?)`,
        name,
      );
    }
  };
  const sizeOf = (image: ReturnType<typeof makeImage>) =>
    [image.config, ...image.layers].reduce((sum, blob) => sum + blob.length, 0);

  test("a preview tells what goes, and changes nothing", async () => {
    const name = "team/previewed";
    const image = makeImage(name);
    await client().pushImage(name, image, "v1");
    for (const body of [
      { digests: [image.digest] },
      { everything: true },
      { pushed_before: "2100-01-01" },
    ]) {
      const preview = await rm(name, { ...body, preview: true });
      expect(preview).toMatchObject({
        status: 200,
        body: { preview: true, manifests: 1, tags: 1 },
      });
      expect(preview.body["bytes"]).toBe(sizeOf(image));
      expect(preview.body["shared_bytes"]).toBe(0);
    }
    expect(await status(name, "v1")).toBe(200);
    expect(await trashOf(name)).toEqual([]);
    const tagged = await rm(name, { tags: ["v1"], preview: true });
    expect(tagged.body).toMatchObject({ manifests: 0, tags: 1, bytes: 0 });
    const done = await rm(name, { tags: ["v1"] });
    expect(done.body).toMatchObject({ preview: false, units: 1, tags: 1 });
    expect([await status(name, "v1"), await status(name, image.digest)]).toEqual([404, 200]);
  });

  test("a tag goes only as long as it names what was said with it", async () => {
    const name = await newRepository();
    const [shown, pushed] = [makeImage(`${name} shown`), makeImage(`${name} pushed`)];
    await client().pushImage(name, shown, "v1");
    await client().pushImage(name, shown, "v2");
    const tags = ["v2", `v1@${shown.digest}`];
    expect((await rm(name, { tags, preview: true })).body).toMatchObject({ tags: 2 });
    await client().pushImage(name, pushed, "v1");
    for (const preview of [true, false]) {
      const refused = await rm(name, { tags, preview });
      expect(refused.status).toBe(409);
      expect(refused.body["detail"]).toBe(
        `the tag v1 of ${name} names ${pushed.digest} by now, not ${shown.digest}`,
      );
    }
    expect([await status(name, "v1"), await status(name, "v2")]).toEqual([200, 200]);
    expect((await rm(name, { tags: [`v1@${pushed.digest}`] })).body).toMatchObject({
      removed: [{ name: `${name}:v1`, tags: [] }],
    });
    expect([await status(name, "v1"), await status(name, pushed.digest)]).toEqual([404, 200]);
    for (const wrong of ["v1@", "@sha256:00", "v1@v2"]) {
      expect((await rm(name, { tags: [wrong] })).status).toBe(400);
    }
  });

  test("by time pushed takes what is old, and keeps what is held, tagged since, or protected", async () => {
    const name = await newRepository();
    const old = await pushGraph(name, ["old"]);
    const child = makeImage(`${name} child`);
    await client().pushImage(name, child);
    const [kept, tagged] = [makeImage(`${name} kept`), makeImage(`${name} tagged`)];
    await client().pushImage(name, kept, "kept");
    await client().pushImage(name, tagged, "t1");
    await age(name, 40);
    await client().pushManifest(name, "t2", tagged.manifest);
    await client().pushManifest(name, "holder", makeIndex([child.descriptor]));
    const late = makeReferrer(child.descriptor, "late");
    await client().pushManifest(name, digestOf(late), late);
    expect((await server().admin.put(`${path(name)}/tags/kept/lock`, {})).status).toBe(200);

    const before = new Date(Date.now() - 30 * 86_400_000).toISOString();
    const wanted = { units: 1, manifests: old.digests.length, tags: 1 };
    const preview = await rm(name, { pushed_before: before, preview: true });
    expect(preview.body).toMatchObject(wanted);
    const answer = await rm(name, { pushed_before: before });
    expect(answer.body).toMatchObject({ ...wanted, bytes: preview.body["bytes"] });
    expect(answer.body["removed"]).toEqual([{ name: `${name}@${old.digest}`, tags: ["old"] }]);
    expect(answer.body["kept"]).toEqual([
      { name: `${name}@${kept.digest}`, why: expect.stringContaining("locked") },
    ]);
    expect(await status(name, "old")).toBe(404);
    for (const there of ["kept", "t1", "t2", "holder", child.digest, digestOf(late)]) {
      expect(await status(name, there)).toBe(200);
    }
    expect(await restoreOnly(name)).toMatchObject({ manifests: old.digests.length, tags: ["old"] });
    // Somebody wanted it back: the next one leaves it.
    const again = await rm(name, { pushed_before: before });
    expect(again.body).toMatchObject({ units: 0, manifests: 0 });
  });

  test("tells how much of it others hold, and stays", async () => {
    const name = await newRepository();
    const [image, other] = [makeImage(name), makeImage(`${name} other`)];
    await client().pushImage(name, image, "v1");
    await client().pushImage(name, other, "v2");
    const [layer = ""] = image.layers;
    const sharing = JSON.parse(other.manifest);
    sharing.layers.push(JSON.parse(image.manifest).layers[0]);
    await client().pushManifest(name, "v2", JSON.stringify(sharing));
    const told = { bytes: sizeOf(image) - layer.length, shared_bytes: layer.length };
    const asked = { digests: [image.digest], preview: true };
    expect((await rm(name, asked)).body).toMatchObject(told);
    expect((await rm(name, { digests: [image.digest] })).body).toMatchObject(told);
    // The empty blob may be in other repositories.
    const rest = await rm(name, { everything: true, preview: true });
    expect(rest.body["shared_bytes"]).toBeLessThanOrEqual("{}".length);
  });

  test("leaves what is tagged at the same time where it is", async () => {
    const name = await newRepository();
    const images = Array.from({ length: 40 }, (_, at) => makeImage(`${name} ${at}`));
    for (const image of images) await client().pushImage(name, image);
    await age(name, 40);
    const [answer] = await Promise.all([
      rm(name, { untagged_older_than: "7d" }),
      ...images.map(({ manifest }, at) => client().pushManifest(name, `t${at}`, manifest)),
    ]);
    expect(answer.status).toBe(200);
    for (const [at, { digest }] of images.entries()) {
      expect([await status(name, `t${at}`), await status(name, digest)]).toEqual([200, 200]);
    }
  });

  test("a protected part keeps its whole, and nothing else", async () => {
    const name = await newRepository();
    const part = makeImage(`${name} part`);
    const [one, other] = [makeImage(`${name} 1`), makeImage(`${name} 2`)];
    await client().pushImage(name, part, "part");
    await client().pushManifest(name, "whole", makeIndex([part.descriptor]));
    await client().pushImage(name, one, "one");
    await client().pushImage(name, other, "other");
    await server().admin.put(`${path(name)}/tags/part/lock`, {});
    const body = { pushed_before: "2100-01-01" };
    const preview = await rm(name, { ...body, preview: true });
    const answer = await rm(name, body);
    for (const { body: told } of [preview, answer]) {
      expect(told).toMatchObject({ units: 2, manifests: 2 });
      expect(told["kept"]).toHaveLength(1);
    }
    expect([await status(name, "whole"), await status(name, "one")]).toEqual([200, 404]);
  });

  test("untagged ones go by days, as one unit with what belongs to them", async () => {
    const name = await newRepository();
    const graph = await pushGraph(name, ["moving"]);
    await age(name, 40);
    const body = { untagged_older_than: "7d" };
    expect((await rm(name, { ...body, preview: true })).body).toMatchObject({ units: 0 });
    await client().pushImage(name, makeImage(`${name} next`), "moving");
    // It had a tag until now.
    expect((await rm(name, body)).body).toMatchObject({ units: 0, bytes: 0 });
    await age(name, 10);
    const answer = await rm(name, body);
    expect(answer.body).toMatchObject({ units: 1, manifests: graph.digests.length, tags: 0 });
    expect([await status(name, "moving"), await status(name, graph.digest)]).toEqual([200, 404]);
  });

  test("refuses what says nothing or too much, and who may not delete", async () => {
    const name = await newRepository();
    await client().pushImage(name, makeImage(name), "v1");
    for (const body of [
      {},
      { everything: false },
      { everything: true, tags: ["v1"] },
      { pushed_before: "yesterday" },
      { untagged_older_than: "7" },
      { untagged_older_than: "0d" },
    ]) {
      expect((await rm(name, body)).status).toBe(400);
    }
    expect((await rm(name, { everything: true }, "developer")).status).toBe(403);
    expect((await rm(name, { everything: true }, "stranger")).status).toBe(404);
    expect((await rm(`${name}-none`, { everything: true })).status).toBe(404);
    expect(await status(name, "v1")).toBe(200);
    expect((await rm(name, { everything: true }, "maintainer")).body).toMatchObject({ units: 1 });
    expect((await trashOf(name)).map(({ kind }) => kind)).toEqual(["repository"]);
  });
});
