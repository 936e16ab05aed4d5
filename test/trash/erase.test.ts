import { describe, expect, test } from "bun:test";
import { digestOf, makeImage } from "../support/images.ts";
import { queryStore } from "../support/test-database.ts";
import { trashWorld, type Unit } from "./world.ts";

const { as, trashOf, restore, remove, path, server, client } = trashWorld();

describe("what is erased", () => {
  const erase = async (ids: readonly string[], who = "administrator") => {
    const { status: got, body } = await as(who).post("/trash/erase", { units: ids });
    expect(got).toBe(200);
    return body["units"] as { erased: boolean; problem: string | null; blobs: number }[];
  };
  const count = async (sql: string, ...params: string[]) =>
    Number(
      (await queryStore(server().folder, `select count(*) as n from ${sql}`, ...params))[0]?.["n"],
    );
  const blobsOf = (image: ReturnType<typeof makeImage>) =>
    [image.config, ...image.layers].map((blob) => digestOf(blob));
  /** Rows go at once, and the bytes behind them within seconds. */
  const expectGone = async (digests: readonly string[]) => {
    const list = digests.map((digest) => `'${digest}'`).join(", ");
    expect(await count(`blobs where digest in (${list})`)).toBe(0);
    for (
      let waited = 0;
      (await count(`blob_deletions where digest in (${list})`)) > 0;
      waited += 100
    ) {
      expect(waited).toBeLessThan(30_000);
      await Bun.sleep(100);
    }
  };

  test("does not come back; only who manages the project may", async () => {
    const name = "team/erased";
    const image = makeImage(name);
    const shared = makeImage(`${name} shared`);
    await client().pushImage(name, image, "v1");
    await client().pushImage(name, shared, "v2");
    await client().pushImage("team/shares", shared, "v2");
    for (const { digest } of [image, shared]) await remove(name, digest);
    const ids = (await trashOf(name)).map(({ id }) => id);
    for (const who of ["stranger", "developer", "maintainer"]) {
      expect((await erase(ids, who)).map(({ erased }) => erased)).toEqual([false, false]);
    }
    expect((await erase(ids, "maintainer"))[0]?.problem).toContain("only who manages");
    expect((await erase(ids, "stranger"))[0]?.problem).toContain("there is no");
    expect((await erase(ids, "owner")).map(({ erased }) => erased)).toEqual([true, true]);
    expect(await trashOf(name)).toEqual([]);
    expect((await restore(ids)).map(({ restored }) => restored)).toEqual([false, false]);
    await expectGone(blobsOf(image));
    for (const blob of blobsOf(shared)) {
      expect(await client().status(`/v2/team/shares/blobs/${blob}`)).toBe(200);
    }
    expect(
      await count("audit where action = 'manifest.erased' and resource like ?", `${name}@%`),
    ).toBe(2);
    await client().pushImage(name, image, "v1");
    expect(await client().status(`/v2/${name}/blobs/${blobsOf(image)[0]}`)).toBe(200);
  });

  test("may be a repository, with all that was in it", async () => {
    const name = "team/whole";
    const image = makeImage(name);
    await client().pushImage(name, image, "v1");
    await client().pushImage(name, makeImage(`${name} 2`), "v2");
    await remove(name, "v2");
    expect((await server().admin.delete(path(name))).status).toBe(204);
    const [unit] = await trashOf(name);
    expect((await erase([unit?.id ?? ""]))[0]?.erased).toBe(true);
    expect(await count("repositories where name = ?", name)).toBe(0);
    await expectGone(blobsOf(image));
  });

  test("may be a project, with its robots", async () => {
    const { admin } = server();
    await admin.post("/projects", { name: "ended" });
    const robot = await admin.post("/projects/ended/robots", { name: "ci", role: "ci" });
    await admin.post("/projects/ended/tag-rules", { tags: ["w*"] });
    await admin.put("/projects/ended/members/developer", { role: "developer" });
    const images = ["ended/a", "ended/b"].map((name) => ({ name, image: makeImage(name) }));
    for (const { name, image } of images) await client().pushImage(name, image, "v1");
    expect((await admin.delete(path("ended/a"))).status).toBe(204);
    const projectId = await queryStore(
      server().folder,
      "select id from projects where name = 'ended'",
    );
    const id = String(projectId[0]?.["id"]);
    expect((await admin.delete("/projects/ended")).status).toBe(204);
    const [unit] = (await admin.get("/trash?project=ended")).body["items"] as Unit[];
    expect((await erase([unit?.id ?? ""], "maintainer"))[0]?.erased).toBe(false);
    expect((await erase([unit?.id ?? ""]))[0]?.erased).toBe(true);
    for (const table of ["projects where id = ?", "repositories where project_id = ?"]) {
      expect([table, await count(table, id)]).toEqual([table, 0]);
    }
    for (const table of ["grants", "tag_rules", "trash"]) {
      expect([table, await count(`${table} where project_id = ?`, id)]).toEqual([table, 0]);
    }
    expect(
      await count(
        "credentials c join principals p on p.id = c.principal_id where p.name = ?",
        String(robot.body["name"]),
      ),
    ).toBe(0);
    await expectGone(images.flatMap(({ image }) => blobsOf(image)));
  });
});
