/**
 * Goal: what was deleted comes back as it was, or the answer says what is in its way; and nobody sees it
 * meanwhile. Method: through the door, as administrator, owner, maintainer, developer and stranger.
 */
import { describe, expect, test } from "bun:test";
import type { ApiAnswer, ApiClient } from "../support/api-client.ts";
import { digestOf, type Json, makeImage, makeIndex } from "../support/images.ts";
import { queryStore } from "../support/test-database.ts";
import { trashWorld, type Unit } from "./world.ts";

const {
  clientOf,
  as,
  newRepository,
  trashOf,
  restore,
  restoreOnly,
  remove,
  status,
  referrers,
  path,
  pushGraph,
  server,
  client,
} = trashWorld();

/** What the list of tags says of each. */
async function pushesOf(name: string): Promise<string[]> {
  const items = (await as("owner").get(`${path(name)}/tags`)).body["items"] as Json[];
  return items.map(({ name: tag, moved_at, moved_by }) => `${tag} ${moved_at} ${moved_by}`);
}

describe("a manifest", () => {
  test("comes back with its children, referrers and tags", async () => {
    const name = await newRepository();
    const graph = await pushGraph(name, ["v1", "latest"]);
    await remove(name, graph.digest);
    for (const digest of graph.digests) expect(await status(name, digest)).toBe(404);
    expect(await trashOf(name)).toMatchObject([
      {
        kind: "manifest",
        name: `${name}@${graph.digest}`,
        tags: ["latest", "v1"],
        manifests: graph.digests.length,
      },
    ]);

    expect(await restoreOnly(name)).toMatchObject({
      restored: true,
      manifests: graph.digests.length,
      tags: ["latest", "v1"],
      taken: [],
    });
    for (const digest of [...graph.digests, "v1", "latest"]) {
      expect(await status(name, digest)).toBe(200);
    }
    expect(await referrers(name, graph.digest)).toEqual([digestOf(graph.signature)]);
    for (const { layers } of graph.images) {
      for (const layer of layers) {
        expect(await client().status(`/v2/${name}/blobs/${digestOf(layer)}`)).toBe(200);
      }
    }
    expect(await trashOf(name)).toEqual([]);
    const history = await queryStore(
      server().folder,
      `select h.version, h.cause from tag_history h join repositories r on r.id = h.repository_id
        where r.name = ? and h.tag = 'v1' order by h.version`,
      name,
    );
    expect(history.map(({ version, cause }) => `${version} ${cause}`)).toEqual([
      "1 push",
      "2 delete",
      "3 restore",
    ]);
  });

  test("comes back as it was pushed, also twice: only the history says who brought it back", async () => {
    const name = await newRepository();
    const image = makeImage(name);
    await client().pushImage(name, image, "v1");
    await client().pushManifest(name, "v2", image.manifest);
    const pushes = await pushesOf(name);
    for (const reference of [image.digest, "v1", image.digest]) {
      await remove(name, reference);
      const [unit] = await trashOf(name);
      await restore([unit?.id ?? ""], "maintainer");
      expect(await pushesOf(name)).toEqual(pushes);
    }
    const { body } = await as("owner").get(`${path(name)}/tags/v1/history`);
    const moves = body["items"] as Json[];
    expect(moves.map(({ cause, moved_by }) => `${cause} ${moved_by}`)).toEqual([
      ...["restore maintainer", "delete admin", "restore maintainer", "delete admin"],
      ...["restore maintainer", "delete admin", "push admin"],
    ]);
    const times = moves.map(({ moved_at }) => String(moved_at));
    expect(times).toEqual([...new Set(times)].sort().reverse());
    const recent = (await as("owner").get("/recent/pushes")).body["items"] as Json[];
    const listed = recent.filter(({ repository }) => repository === name);
    expect(listed.map(({ tag, pushed_by }) => `${tag} ${pushed_by}`)).toEqual([
      "v2 admin",
      "v1 admin",
    ]);
  });

  test("leaves tags where they point by now, and names them", async () => {
    const name = await newRepository();
    const graph = await pushGraph(name, ["v1", "v2"]);
    await remove(name, graph.digest);
    const other = makeImage(`${name} other`);
    await client().pushImage(name, other, "v2");
    expect(await restoreOnly(name)).toMatchObject({
      restored: true,
      tags: ["v1"],
      taken: [{ tag: "v2", digest: other.digest }],
    });
    const { headers } = await client().fetch(`/v2/${name}/manifests/v2`);
    expect(headers.get("docker-content-digest")).toBe(other.digest);
  });

  test("that was pushed again is let go of, and the rest comes back", async () => {
    const name = await newRepository();
    const graph = await pushGraph(name, ["v1"]);
    await remove(name, graph.digest);
    for (const image of graph.images) await client().pushImage(name, image);
    await client().pushManifest(name, "again", graph.index);
    expect(await referrers(name, graph.digest)).toEqual([]);
    expect(await restoreOnly(name)).toMatchObject({ restored: true, manifests: 3, tags: ["v1"] });
    expect(await referrers(name, graph.digest)).toEqual([digestOf(graph.signature)]);
    expect(await status(name, "v1")).toBe(200);
  });

  test("comes with a child that went to the trash with another index", async () => {
    const name = await newRepository();
    const shared = makeImage(`${name} shared`);
    await client().pushImage(name, shared);
    const one = makeIndex([shared.descriptor]);
    const other = makeIndex([shared.descriptor], { annotations: { other: "yes" } });
    await client().pushManifest(name, "one", one);
    await client().pushManifest(name, "other", other);
    await remove(name, digestOf(one));
    await remove(name, digestOf(other));
    const first = (await trashOf(name)).find((unit) => unit.name.endsWith(digestOf(one)));
    expect((await restore([first?.id ?? ""]))[0]).toMatchObject({ restored: true, manifests: 2 });
    expect(await status(name, shared.digest)).toBe(200);
    expect((await trashOf(name)).map(({ name: unit }) => unit)).toEqual([
      `${name}@${digestOf(other)}`,
    ]);
    expect(await restoreOnly(name)).toMatchObject({
      restored: true,
      manifests: 1,
      tags: ["other"],
    });
  });

  test("whose blob was deleted meanwhile has it again", async () => {
    const name = await newRepository();
    const image = makeImage(name);
    await client().pushImage(name, image, "v1");
    await remove(name, image.digest);
    const layer = `/v2/${name}/blobs/${digestOf(image.layers[0] ?? "")}`;
    expect(await client().status(layer, "DELETE")).toBe(202);
    const [unit] = (await trashOf(name)).filter(({ kind }) => kind === "manifest");
    expect((await restore([unit?.id ?? ""]))[0]?.restored).toBe(true);
    expect(await client().status(layer)).toBe(200);
  });

  test("and a blob of its own", async () => {
    const name = await newRepository();
    const digest = await client().pushBlob(name, `blob of ${name}`);
    expect(await client().status(`/v2/${name}/blobs/${digest}`, "DELETE")).toBe(202);
    expect(await restoreOnly(name)).toMatchObject({ restored: true });
    expect(await client().status(`/v2/${name}/blobs/${digest}`)).toBe(200);
  });
});

describe("a tag", () => {
  test("comes back", async () => {
    const name = await newRepository();
    await client().pushImage(name, makeImage(name), "v1");
    await remove(name, "v1");
    expect(await status(name, "v1")).toBe(404);
    expect(await restoreOnly(name)).toMatchObject({ restored: true, tags: ["v1"] });
    expect(await status(name, "v1")).toBe(200);
  });

  test("that is taken stays in the trash, and the answer says what to do", async () => {
    const name = await newRepository();
    await client().pushImage(name, makeImage(name), "v1");
    await remove(name, "v1");
    const other = makeImage(`${name} other`);
    await client().pushImage(name, other, "v1");
    const answer = await restoreOnly(name);
    expect(answer.restored).toBe(false);
    expect(answer.problem).toContain(`v1 of ${name} points to ${other.digest} by now: delete it`);
    expect(await trashOf(name)).toHaveLength(1);
  });

  test("whose manifest was deleted after it names the unit to restore first; both at once will do", async () => {
    const name = await newRepository();
    const image = makeImage(name);
    await client().pushImage(name, image, "v1");
    await remove(name, "v1");
    await remove(name, image.digest);
    const units = await trashOf(name);
    const [manifest, tag] = ["manifest", "tag"].map((kind) => units.find((u) => u.kind === kind));
    const [refused] = await restore([tag?.id ?? ""]);
    expect(refused?.problem).toContain(`in the trash as ${manifest?.id}`);
    const both = await restore([tag?.id ?? "", manifest?.id ?? ""]);
    expect(both.map(({ restored }) => restored)).toEqual([true, true]);
    expect(await status(name, "v1")).toBe(200);
  });
});

describe("a repository", () => {
  test("comes back with all that is in it, in its name's place alone", async () => {
    const name = await newRepository();
    const image = makeImage(name);
    await client().pushImage(name, image, "v1");
    expect((await server().admin.patch(path(name), { description: "kept" })).status).toBe(200);
    expect(await status(name, "v1")).toBe(200);
    expect((await server().admin.delete(path(name))).status).toBe(204);
    expect(await status(name, "v1")).toBe(404);
    expect(await client().status(`/v2/${name}/blobs/${digestOf(image.config)}`)).toBe(404);

    await client().pushImage(name, makeImage("another"), "v1");
    const [unit] = await trashOf(name);
    const [refused] = await restore([unit?.id ?? ""]);
    expect(refused?.problem).toContain(`there is another repository ${name} by now: delete it`);
    expect((await server().admin.delete(path(name))).status).toBe(204);
    expect((await restore([unit?.id ?? ""]))[0]?.restored).toBe(true);
    const { headers } = await client().fetch(`/v2/${name}/manifests/v1`);
    expect(headers.get("docker-content-digest")).toBe(image.digest);
    expect((await server().admin.get(path(name))).body["description"]).toBe("kept");
  });
});

describe("a project", () => {
  test("comes back with members, robots, rules and rights", async () => {
    const { admin } = server();
    await admin.post("/projects", { name: "crew" });
    await admin.put("/projects/crew/members/owner", { role: "owner" });
    await admin.put("/projects/crew/members/developer", { role: "developer" });
    await admin.post("/projects/crew/tag-rules", { tags: ["v*"] });
    const made = await admin.post("/projects/crew/robots", { name: "ci", role: "ci" });
    const robot = admin.as(String(made.body["name"]), String(made.body["secret"]));
    const name = await newRepository("crew");
    await client().pushImage(name, makeImage(name), "v1");
    // What an immutable tag keeps is kept from this as well.
    expect((await as("owner").delete("/projects/crew")).status).toBe(403);
    await client().pushImage(name, makeImage(name), "dev");
    const [rule] = (await admin.get("/projects/crew/tag-rules")).body["items"] as { id: string }[];
    await admin.patch(`/projects/crew/tag-rules/${rule?.id}`, { tags: ["w*"] });
    const pull = (who: ApiClient) => clientOf(who).status(`/v2/${name}/manifests/v1`);
    expect([await pull(robot), await pull(as("developer"))]).toEqual([200, 200]);

    expect((await as("owner").delete("/projects/crew")).status).toBe(204);
    expect([await pull(robot), await pull(as("developer"))]).toEqual([401, 404]);
    expect((await as("owner").get("/projects/crew")).status).toBe(404);
    const unitFor = async (who: string) =>
      ((await as(who).get("/trash?project=crew")).body["items"] as Unit[]).map(({ kind }) => kind);
    expect(await unitFor("owner")).toEqual(["project"]);
    expect(await unitFor("developer")).toEqual([]);

    // The name is free, for what inherits nothing.
    await admin.post("/projects", { name: "crew" });
    const other = await admin.post("/projects/crew/robots", {
      name: "ci",
      role: "ci",
      reuse_name: true,
    });
    expect(other.status).toBe(201);
    expect(await pull(as("developer"))).toBe(404);
    const [unit] = (await as("owner").get("/trash?project=crew")).body["items"] as Unit[];
    const [refused] = await restore([unit?.id ?? ""], "owner");
    expect(refused?.problem).toContain("there is another project crew by now: delete it");
    expect((await admin.delete("/projects/crew")).status).toBe(204);
    expect((await restore([unit?.id ?? ""], "owner"))[0]?.restored).toBe(true);

    expect([await pull(robot), await pull(as("developer"))]).toEqual([200, 200]);
    const secretOfOther = admin.as("robot.crew.ci", String(other.body["secret"]));
    expect(await pull(secretOfOther)).toBe(401);
    expect((await admin.get("/projects/crew/tag-rules")).body["items"]).toHaveLength(1);
    expect((await as("owner").get("/projects/crew")).status).toBe(200);
  });
});

describe("who may", () => {
  test("see and restore is whoever may delete; the others are told that there is no such thing", async () => {
    const name = await newRepository();
    const image = makeImage(name);
    for (const who of ["developer", "stranger", "maintainer"]) {
      await client().pushImage(name, image, "v1");
      await remove(name, image.digest);
      const [unit] = await trashOf(name);
      const may = who === "maintainer";
      expect(await trashOf(name, who)).toHaveLength(may ? 1 : 0);
      const [answer] = await restore([unit?.id ?? ""], who);
      expect(answer?.restored).toBe(may);
      const [unknown] = await restore(["01980000-0000-7000-8000-000000000000"], who);
      if (!may)
        expect(answer?.problem?.replace(unit?.id ?? "", "")).toBe(
          unknown?.problem?.replace("01980000-0000-7000-8000-000000000000", "") ?? "",
        );
    }
  });

  test("empty it is who manages the project", async () => {
    const name = await newRepository();
    await client().pushImage(name, makeImage(name), "v1");
    await remove(name, "v1");
    for (const [who, wanted] of Object.entries({
      developer: 403,
      maintainer: 403,
      stranger: 404,
    })) {
      expect((await as(who).delete(`${path(name)}/trash`)).status).toBe(wanted);
      expect((await as(who).delete("/projects/team/trash")).status).toBe(wanted);
      expect((await as(who).delete("/trash")).status).toBe(403);
    }
    const [unit] = await trashOf(name);
    const emptied = await as("owner").delete(`${path(name)}/trash`);
    expect(emptied).toMatchObject({ status: 200, body: { units: 1 } });
    expect(await trashOf(name)).toEqual([]);
    expect((await restore([unit?.id ?? ""]))[0]?.restored).toBe(false);
  });
});

describe("the project's times", () => {
  test("say how long things can be restored", async () => {
    const { admin } = server();
    await admin.post("/projects", { name: "brief" });
    const set = (days: unknown): Promise<ApiAnswer> =>
      admin.patch("/projects/brief", { trash_days: days });
    for (const days of [-1, 91, 1.5, "7"]) {
      const { status: refused, body } = await set(days);
      expect([refused, JSON.stringify(body)]).toEqual([400, expect.stringContaining("trash_days")]);
    }
    const untilOf = async (days: number) => {
      expect((await set(days)).body["trash_days"]).toBe(days);
      const name = await newRepository("brief");
      await client().pushImage(name, makeImage(name), "v1");
      await remove(name, "v1");
      const [row] = await queryStore(
        server().folder,
        `select t.until - t.deleted_at as kept from trash t join repositories r on r.id = t.repository_id
          where r.name = ?`,
        name,
      );
      return [Number(row?.["kept"]) / 86_400_000, (await trashOf(name)).length];
    };
    expect(await untilOf(7)).toEqual([7, 1]);
    expect(await untilOf(90)).toEqual([90, 1]);
    expect(await untilOf(0)).toEqual([0, 0]);
    const { body } = await admin.patch("/projects/brief", { untagged_days: 30 });
    expect(body["untagged_days"]).toBe(30);
    expect((await admin.patch("/projects/brief", { untagged_days: 0 })).status).toBe(400);
    expect((await admin.patch("/projects/brief", { untagged_days: null })).body).toMatchObject({
      untagged_days: null,
      trash_days: 0,
    });
  });
});
