/**
 * Goal: a view of the past shows what was there then, to whoever may see what is there now. Method: the
 * registry at times that the test sets, and requests as clients make them.
 */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { digestOf, makeImage, makeIndex, makeReferrer } from "../../test/support/images.ts";
import { createOciClient, expectError, type OciClient } from "../../test/support/oci-client.ts";
import { openTestRegistry, type TestRegistry } from "../../test/support/test-registry.ts";
import { formatPastTime } from "../oci/past-name.ts";

const second = 1_000;
const day = 24 * 60 * 60 * second;
let world: TestRegistry;
let client: OciClient;

beforeEach(async () => {
  world = await openTestRegistry();
  client = createOciClient(world.fetch);
});
afterEach(() => world.remove());

const [first, other] = [makeImage("first"), makeImage("other")];

/** What a name begins with to mean the state of now, once it has passed. */
function mark(): string {
  const at = formatPastTime(world.registry.clock.now());
  world.advance(second);
  return `asof/${at}`;
}

async function remove(path: string): Promise<void> {
  expect((await world.fetch(`/v2/${path}`, { method: "DELETE" })).status).toBe(202);
  world.advance(second);
}

async function digestAt(name: string, reference: string): Promise<string | null> {
  const response = await world.fetch(`/v2/${name}/manifests/${reference}`);
  if (response.status === 404) return null;
  const digest = digestOf(new Uint8Array(await response.arrayBuffer()));
  expect(response.headers.get("docker-content-digest")).toBe(digest);
  return digest;
}

describe("a view of the past", () => {
  test("shows where a tag pointed, each time it moved", async () => {
    const images = Array.from({ length: 5 }, (_, at) => makeImage(`move ${at}`));
    const marks: string[] = [];
    for (const image of images) {
      await client.pushImage("team/app", image, "v1");
      marks.push(mark());
    }
    await remove("team/app/manifests/v1");
    for (const [at, image] of images.entries()) {
      expect(await digestAt(`${marks[at]}/team/app`, "v1")).toBe(image.digest);
    }
    expect(await digestAt("team/app", "v1")).toBeNull();
    expect(await digestAt(`${mark()}/team/app`, "v1")).toBeNull();
  });

  test("has the manifests, blobs, tags and referrers of its moment, and no others", async () => {
    await client.pushImage("team/app", first, "v1");
    const early = `${mark()}/team/app`;
    await client.pushImage("team/app", other, "v2");
    const sbom = makeReferrer(first.descriptor, "sbom");
    await client.pushBlob("team/app", "{}");
    await client.pushManifest("team/app", digestOf(sbom), sbom);
    const late = `${mark()}/team/app`;
    await remove(`team/app/manifests/${first.digest}`);

    expect(await client.json(`/v2/${early}/tags/list`)).toEqual({ name: early, tags: ["v1"] });
    expect(await client.json(`/v2/${late}/tags/list`)).toEqual({ name: late, tags: ["v1", "v2"] });
    expect(await client.json("/v2/team/app/tags/list")).toMatchObject({ tags: ["v2"] });
    const page = await world.fetch(`/v2/${late}/tags/list?n=1`);
    expect(page.headers.get("link")).toStartWith(`</v2/${late}/tags/list?`);

    expect(await digestAt(late, other.digest)).toBe(other.digest);
    expect(await digestAt(early, other.digest)).toBeNull();
    expect(await digestAt(late, first.digest)).toBe(first.digest);
    const referrersOf = async (name: string) =>
      (await client.json(`/v2/${name}/referrers/${first.digest}`))["manifests"];
    expect(await referrersOf(early)).toEqual([]);
    expect(await referrersOf(late)).toMatchObject([{ digest: digestOf(sbom) }]);
    expect(await referrersOf("team/app")).toEqual([]);

    for (const method of ["GET", "HEAD"]) {
      const layer = `/blobs/${digestOf(other.layers[0] ?? "")}`;
      expect(await client.status(`/v2/${early}${layer}`, method)).toBe(404);
      expect(await client.status(`/v2/${late}${layer}`, method)).toBe(200);
      const config = `/blobs/${digestOf(first.config)}`;
      expect(await client.status(`/v2/${early}${config}`, method)).toBe(200);
    }
    const part = await world.fetch(`/v2/${early}/blobs/${digestOf(first.config)}`, {
      headers: { range: "bytes=0-3" },
    });
    expect([part.status, await part.text()]).toEqual([206, first.config.slice(0, 4)]);
  });

  test("knows when a manifest lay in the trash that was pushed again", async () => {
    await client.pushImage("team/app", first, "v1");
    const before = mark();
    await remove(`team/app/manifests/${first.digest}`);
    const between = mark();
    await client.pushImage("team/app", first, "v1");
    const after = mark();
    await remove(`team/app/manifests/${first.digest}`);
    const end = mark();
    for (const reference of ["v1", first.digest]) {
      expect(await digestAt(`${before}/team/app`, reference)).toBe(first.digest);
      expect(await digestAt(`${between}/team/app`, reference)).toBeNull();
      expect(await digestAt(`${after}/team/app`, reference)).toBe(first.digest);
      expect(await digestAt(`${end}/team/app`, reference)).toBeNull();
    }
  });

  test("takes along what went with an index", async () => {
    await client.pushImage("team/app", first);
    const index = makeIndex([first.descriptor]);
    await client.pushManifest("team/app", "all", index);
    const early = mark();
    await remove(`team/app/manifests/${digestOf(index)}`);
    expect(await digestAt(`${early}/team/app`, "all")).toBe(digestOf(index));
    expect(await digestAt(`${early}/team/app`, first.digest)).toBe(first.digest);
  });

  test("has the repository that had the name then, and none before or after it", async () => {
    const before = mark();
    await client.pushImage("team/app", first, "v1");
    const early = mark();
    const { db, clock } = world.registry;
    const trash = () =>
      db.transaction((tx) =>
        tx
          .updateTable("repositories")
          .set({ state: "trashed", trashed_at: clock.now() })
          .where("state", "=", "live")
          .execute(),
      );
    await trash();
    const between = mark();
    await client.pushImage("team/app", other, "v1");
    const late = mark();
    expect(await digestAt(`${early}/team/app`, "v1")).toBe(first.digest);
    expect(await digestAt(`${late}/team/app`, "v1")).toBe(other.digest);
    expect(await client.status(`/v2/${late}/team/app/manifests/${first.digest}`)).toBe(404);
    for (const none of [before, between]) {
      for (const path of ["manifests/v1", "tags/list", `blobs/${digestOf(first.config)}`]) {
        await expectError(await world.fetch(`/v2/${none}/team/app/${path}`), 404, "NAME_UNKNOWN");
      }
      const referrers = await client.json(`/v2/${none}/team/app/referrers/${first.digest}`);
      expect(referrers["manifests"]).toEqual([]);
    }
  });

  test("is of the last millisecond of a second, or of the one that is named", async () => {
    await client.pushImage("team/app", first, "v1");
    world.advance(400);
    await client.pushImage("team/app", other, "v1");
    world.advance(1_000);
    expect(await digestAt("asof/20260101t000000z/team/app", "v1")).toBe(other.digest);
    expect(await digestAt("asof/20260101t000000399z/team/app", "v1")).toBe(first.digest);
    expect(await digestAt("asof/20260101t000000400z/team/app", "v1")).toBe(other.digest);
  });

  test("is read only", async () => {
    await client.pushImage("team/app", first, "v1");
    const name = `${mark()}/team/app`;
    for (const [method, path] of [
      ["PUT", "manifests/v1"],
      ["DELETE", "manifests/v1"],
      ["DELETE", `blobs/${digestOf(first.config)}`],
      ["POST", "blobs/uploads/"],
      ["GET", "blobs/uploads/x"],
      ["PATCH", "blobs/uploads/x"],
    ] as const) {
      const response = await world.fetch(`/v2/${name}/${path}`, { method });
      expect(response.headers.get("allow")).toBe("GET, HEAD");
      const { message } = await expectError(response, 405, "UNSUPPORTED");
      expect(message).toBe(`${name} is read only: push to team/app`);
    }
  });

  test("is mounted from as the repository is, or uploaded", async () => {
    await client.pushImage("team/app", first, "v1");
    const from = `${mark()}/team/app`;
    const mount = async (digest: string) => {
      const query = `?mount=${digest}&from=${from}`;
      return client.status(`/v2/team/copy/blobs/uploads/${query}`, "POST");
    };
    expect(await mount(digestOf(first.config))).toBe(201);
    expect(await mount(digestOf(other.config))).toBe(202);
  });

  test("is refused for a time that is none, has not passed, or is not kept", async () => {
    await client.pushImage("team/app", first, "v1");
    mark();
    const refused = async (time: string, status: number, code: string) =>
      (await expectError(await world.fetch(`/v2/asof/${time}/team/app/manifests/v1`), status, code))
        .message;
    for (const time of ["yesterday", "20260101", "20260231t000000z", "20260101t250000z"]) {
      expect(await refused(time, 400, "NAME_INVALID")).toContain(`asof/${time}/team/app`);
    }
    expect(await refused("20260101t000001z", 400, "NAME_INVALID")).toContain("must be before now");
    world.advance(8 * day);
    expect(await refused("20260101t000000z", 404, "NAME_UNKNOWN")).toContain(
      "what was is kept for 7 days, from 2026-01-02T00:00:01.000Z on",
    );
  });
});
