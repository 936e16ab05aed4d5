/**
 * Goal: what was deleted comes back as it was, or the answer says what is in its way; and nobody sees it
 * meanwhile. Method: through the door, as administrator, owner, maintainer, developer and stranger.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type ApiAnswer, type ApiClient, type ApiServer, openApi } from "../support/api-client.ts";
import {
  describeContent,
  digestOf,
  type Json,
  makeImage,
  makeIndex,
  makeReferrer,
  types,
} from "../support/images.ts";
import { createOciClient, type OciClient } from "../support/oci-client.ts";
import { queryStore } from "../support/test-database.ts";

let server: ApiServer;
let client: OciClient;
const people = new Map<string, ApiClient>();
let count = 0;

beforeAll(async () => {
  server = await openApi();
  const { admin } = server;
  client = clientOf(admin);
  await admin.post("/projects", { name: "team" });
  for (const role of ["owner", "maintainer", "developer"]) {
    people.set(role, await server.user(role));
    expect((await admin.put(`/projects/team/members/${role}`, { role })).status).toBe(200);
  }
  people.set("stranger", await server.user("stranger"));
  people.set("administrator", admin);
});

afterAll(() => server.stop());

function clientOf(api: ApiClient): OciClient {
  return createOciClient((path, init = {}) => api.raw(init.method ?? "GET", path, init));
}

function as(who: string): ApiClient {
  const found = people.get(who);
  if (found === undefined) throw new Error(`nobody is ${who}`);
  return found;
}

/** A repository of its own, with the empty blob that referrers need. */
async function newRepository(project = "team"): Promise<string> {
  count += 1;
  const name = `${project}/r${count}`;
  await client.pushBlob(name, "{}");
  return name;
}

interface Unit {
  readonly id: string;
  readonly kind: string;
  readonly name: string;
  readonly tags: readonly string[];
  readonly manifests: number;
}

async function trashOf(repository: string, who = "administrator"): Promise<Unit[]> {
  const { status, body } = await as(who).get(`/trash?repository=${encodeURIComponent(repository)}`);
  expect(status).toBe(200);
  return body["items"] as Unit[];
}

interface Restored {
  readonly restored: boolean;
  readonly problem: string | null;
  readonly manifests: number;
  readonly tags: readonly string[];
  readonly taken: readonly Json[];
}

async function restore(ids: readonly string[], who = "administrator"): Promise<Restored[]> {
  const { status, body } = await as(who).post("/trash/restore", { units: ids });
  expect(`${status} ${JSON.stringify(body)}`).toStartWith("200 ");
  return body["units"] as Restored[];
}

async function restoreOnly(repository: string): Promise<Restored> {
  const units = await trashOf(repository);
  expect(units).toHaveLength(1);
  const [restored] = await restore(units.map(({ id }) => id));
  if (restored === undefined) throw new Error("no answer");
  return restored;
}

const remove = async (name: string, reference: string) =>
  expect(await client.status(`/v2/${name}/manifests/${reference}`, "DELETE")).toBe(202);
const status = (name: string, reference: string) =>
  client.status(`/v2/${name}/manifests/${reference}`);
const referrers = async (name: string, subject: string) => {
  const list = await client.json(`/v2/${name}/referrers/${subject}`);
  return (list["manifests"] as { digest: string }[]).map(({ digest }) => digest);
};
const path = (repository: string) => `/repositories/${encodeURIComponent(repository)}`;

/** An index of two images, signed, each with an SBOM. */
async function pushGraph(name: string, tags: readonly string[]) {
  const images = [makeImage(`${name} amd64`), makeImage(`${name} arm64`)];
  for (const image of images) await client.pushImage(name, image);
  const index = makeIndex(images.map(({ descriptor }) => descriptor));
  for (const tag of tags) await client.pushManifest(name, tag, index);
  const signature = makeReferrer(describeContent(index, types.index), "signature");
  const sboms = images.map(({ descriptor }) => makeReferrer(descriptor, "sbom"));
  for (const referrer of [signature, ...sboms]) {
    await client.pushManifest(name, digestOf(referrer), referrer);
  }
  const all = [index, signature, ...sboms, ...images.map(({ manifest }) => manifest)];
  return {
    index,
    images,
    signature,
    digest: digestOf(index),
    digests: all.map((m) => digestOf(m)),
  };
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
        expect(await client.status(`/v2/${name}/blobs/${digestOf(layer)}`)).toBe(200);
      }
    }
    expect(await trashOf(name)).toEqual([]);
    const history = await queryStore(
      server.folder,
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

  test("leaves tags where they point by now, and names them", async () => {
    const name = await newRepository();
    const graph = await pushGraph(name, ["v1", "v2"]);
    await remove(name, graph.digest);
    const other = makeImage(`${name} other`);
    await client.pushImage(name, other, "v2");
    expect(await restoreOnly(name)).toMatchObject({
      restored: true,
      tags: ["v1"],
      taken: [{ tag: "v2", digest: other.digest }],
    });
    const { headers } = await client.fetch(`/v2/${name}/manifests/v2`);
    expect(headers.get("docker-content-digest")).toBe(other.digest);
  });

  test("that was pushed again is let go of, and the rest comes back", async () => {
    const name = await newRepository();
    const graph = await pushGraph(name, ["v1"]);
    await remove(name, graph.digest);
    for (const image of graph.images) await client.pushImage(name, image);
    await client.pushManifest(name, "again", graph.index);
    expect(await referrers(name, graph.digest)).toEqual([]);
    expect(await restoreOnly(name)).toMatchObject({ restored: true, manifests: 3, tags: ["v1"] });
    expect(await referrers(name, graph.digest)).toEqual([digestOf(graph.signature)]);
    expect(await status(name, "v1")).toBe(200);
  });

  test("comes with a child that went to the trash with another index", async () => {
    const name = await newRepository();
    const shared = makeImage(`${name} shared`);
    await client.pushImage(name, shared);
    const one = makeIndex([shared.descriptor]);
    const other = makeIndex([shared.descriptor], { annotations: { other: "yes" } });
    await client.pushManifest(name, "one", one);
    await client.pushManifest(name, "other", other);
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
    await client.pushImage(name, image, "v1");
    await remove(name, image.digest);
    const layer = `/v2/${name}/blobs/${digestOf(image.layers[0] ?? "")}`;
    expect(await client.status(layer, "DELETE")).toBe(202);
    const [unit] = (await trashOf(name)).filter(({ kind }) => kind === "manifest");
    expect((await restore([unit?.id ?? ""]))[0]?.restored).toBe(true);
    expect(await client.status(layer)).toBe(200);
  });

  test("and a blob of its own", async () => {
    const name = await newRepository();
    const digest = await client.pushBlob(name, `blob of ${name}`);
    expect(await client.status(`/v2/${name}/blobs/${digest}`, "DELETE")).toBe(202);
    expect(await restoreOnly(name)).toMatchObject({ restored: true });
    expect(await client.status(`/v2/${name}/blobs/${digest}`)).toBe(200);
  });
});

describe("a tag", () => {
  test("comes back", async () => {
    const name = await newRepository();
    await client.pushImage(name, makeImage(name), "v1");
    await remove(name, "v1");
    expect(await status(name, "v1")).toBe(404);
    expect(await restoreOnly(name)).toMatchObject({ restored: true, tags: ["v1"] });
    expect(await status(name, "v1")).toBe(200);
  });

  test("that is taken stays in the trash, and the answer says what to do", async () => {
    const name = await newRepository();
    await client.pushImage(name, makeImage(name), "v1");
    await remove(name, "v1");
    const other = makeImage(`${name} other`);
    await client.pushImage(name, other, "v1");
    const answer = await restoreOnly(name);
    expect(answer.restored).toBe(false);
    expect(answer.problem).toContain(`v1 of ${name} points to ${other.digest} by now: delete it`);
    expect(await trashOf(name)).toHaveLength(1);
  });

  test("whose manifest was deleted after it names the unit to restore first; both at once will do", async () => {
    const name = await newRepository();
    const image = makeImage(name);
    await client.pushImage(name, image, "v1");
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
    await client.pushImage(name, image, "v1");
    expect((await server.admin.patch(path(name), { description: "kept" })).status).toBe(200);
    expect(await status(name, "v1")).toBe(200);
    expect((await server.admin.delete(path(name))).status).toBe(204);
    expect(await status(name, "v1")).toBe(404);
    expect(await client.status(`/v2/${name}/blobs/${digestOf(image.config)}`)).toBe(404);

    await client.pushImage(name, makeImage("another"), "v1");
    const [unit] = await trashOf(name);
    const [refused] = await restore([unit?.id ?? ""]);
    expect(refused?.problem).toContain(`there is another repository ${name} by now: delete it`);
    expect((await server.admin.delete(path(name))).status).toBe(204);
    expect((await restore([unit?.id ?? ""]))[0]?.restored).toBe(true);
    const { headers } = await client.fetch(`/v2/${name}/manifests/v1`);
    expect(headers.get("docker-content-digest")).toBe(image.digest);
    expect((await server.admin.get(path(name))).body["description"]).toBe("kept");
  });
});

describe("a project", () => {
  test("comes back with members, robots, rules and rights", async () => {
    const { admin } = server;
    await admin.post("/projects", { name: "crew" });
    await admin.put("/projects/crew/members/owner", { role: "owner" });
    await admin.put("/projects/crew/members/developer", { role: "developer" });
    await admin.post("/projects/crew/tag-rules", { tags: ["v*"] });
    const made = await admin.post("/projects/crew/robots", { name: "ci", role: "ci" });
    const robot = admin.as(String(made.body["name"]), String(made.body["secret"]));
    const name = await newRepository("crew");
    await client.pushImage(name, makeImage(name), "v1");
    // What an immutable tag keeps is kept from this as well.
    expect((await as("owner").delete("/projects/crew")).status).toBe(403);
    await client.pushImage(name, makeImage(name), "dev");
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
      await client.pushImage(name, image, "v1");
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
    await client.pushImage(name, makeImage(name), "v1");
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
    const { admin } = server;
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
      await client.pushImage(name, makeImage(name), "v1");
      await remove(name, "v1");
      const [row] = await queryStore(
        server.folder,
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
        server.folder,
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
    await client.pushImage(name, image, "v1");
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
    }
    expect(await status(name, "v1")).toBe(200);
    expect(await trashOf(name)).toEqual([]);
    const tagged = await rm(name, { tags: ["v1"], preview: true });
    expect(tagged.body).toMatchObject({ manifests: 0, tags: 1, bytes: 0 });
    const done = await rm(name, { tags: ["v1"] });
    expect(done.body).toMatchObject({ preview: false, units: 1, tags: 1 });
    expect([await status(name, "v1"), await status(name, image.digest)]).toEqual([404, 200]);
  });

  test("by time pushed takes what is old, and keeps what is held, tagged since, or protected", async () => {
    const name = await newRepository();
    const old = await pushGraph(name, ["old"]);
    const child = makeImage(`${name} child`);
    await client.pushImage(name, child);
    const [kept, tagged] = [makeImage(`${name} kept`), makeImage(`${name} tagged`)];
    await client.pushImage(name, kept, "kept");
    await client.pushImage(name, tagged, "t1");
    await age(name, 40);
    await client.pushManifest(name, "t2", tagged.manifest);
    await client.pushManifest(name, "holder", makeIndex([child.descriptor]));
    const late = makeReferrer(child.descriptor, "late");
    await client.pushManifest(name, digestOf(late), late);
    expect((await server.admin.put(`${path(name)}/tags/kept/lock`, {})).status).toBe(200);

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
  });

  test("a protected part keeps its whole, and nothing else", async () => {
    const name = await newRepository();
    const part = makeImage(`${name} part`);
    const [one, other] = [makeImage(`${name} 1`), makeImage(`${name} 2`)];
    await client.pushImage(name, part, "part");
    await client.pushManifest(name, "whole", makeIndex([part.descriptor]));
    await client.pushImage(name, one, "one");
    await client.pushImage(name, other, "other");
    await server.admin.put(`${path(name)}/tags/part/lock`, {});
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
    await client.pushImage(name, makeImage(`${name} next`), "moving");
    // It had a tag until now.
    expect((await rm(name, body)).body).toMatchObject({ units: 0, bytes: 0 });
    await age(name, 10);
    const answer = await rm(name, body);
    expect(answer.body).toMatchObject({ units: 1, manifests: graph.digests.length, tags: 0 });
    expect([await status(name, "moving"), await status(name, graph.digest)]).toEqual([200, 404]);
  });

  test("refuses what says nothing or too much, and who may not delete", async () => {
    const name = await newRepository();
    await client.pushImage(name, makeImage(name), "v1");
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

describe("what is erased", () => {
  const erase = async (ids: readonly string[], who = "administrator") => {
    const { status: got, body } = await as(who).post("/trash/erase", { units: ids });
    expect(got).toBe(200);
    return body["units"] as { erased: boolean; problem: string | null; blobs: number }[];
  };
  const count = async (sql: string, ...params: string[]) =>
    Number(
      (await queryStore(server.folder, `select count(*) as n from ${sql}`, ...params))[0]?.["n"],
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
    await client.pushImage(name, image, "v1");
    await client.pushImage(name, shared, "v2");
    await client.pushImage("team/shares", shared, "v2");
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
      expect(await client.status(`/v2/team/shares/blobs/${blob}`)).toBe(200);
    }
    expect(
      await count("audit where action = 'manifest.erased' and resource like ?", `${name}@%`),
    ).toBe(2);
    await client.pushImage(name, image, "v1");
    expect(await client.status(`/v2/${name}/blobs/${blobsOf(image)[0]}`)).toBe(200);
  });

  test("may be a repository, with all that was in it", async () => {
    const name = "team/whole";
    const image = makeImage(name);
    await client.pushImage(name, image, "v1");
    await client.pushImage(name, makeImage(`${name} 2`), "v2");
    await remove(name, "v2");
    expect((await server.admin.delete(path(name))).status).toBe(204);
    const [unit] = await trashOf(name);
    expect((await erase([unit?.id ?? ""]))[0]?.erased).toBe(true);
    expect(await count("repositories where name = ?", name)).toBe(0);
    await expectGone(blobsOf(image));
  });

  test("may be a project, with its robots", async () => {
    const { admin } = server;
    await admin.post("/projects", { name: "ended" });
    const robot = await admin.post("/projects/ended/robots", { name: "ci", role: "ci" });
    await admin.post("/projects/ended/tag-rules", { tags: ["w*"] });
    await admin.put("/projects/ended/members/developer", { role: "developer" });
    const images = ["ended/a", "ended/b"].map((name) => ({ name, image: makeImage(name) }));
    for (const { name, image } of images) await client.pushImage(name, image, "v1");
    expect((await admin.delete(path("ended/a"))).status).toBe(204);
    const projectId = await queryStore(
      server.folder,
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
        for (const image of graph.images) await client.pushImage(name, image);
        await client.pushManifest(name, "v1", graph.index);
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
        server.admin.delete(`${path(name)}/trash`),
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
      for (const image of images) await client.pushManifest(name, digestOf(image), image);
      const index = makeIndex(images.map((image) => describeContent(image, types.image)));
      await client.pushManifest(name, "v1", index);
      await remove(name, digestOf(index));
      const ids = (await trashOf(name)).map(({ id }) => id);
      const [[restored], erased] = await Promise.all([
        restore(ids),
        server.admin.post("/trash/erase", { units: ids }),
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
    server.folder,
    `select count(*) as n from manifests m join repositories r on r.id = m.repository_id
      where r.name = ? and m.state = 'trashed'`,
    repository,
  );
  return Number(row?.["n"]);
}
