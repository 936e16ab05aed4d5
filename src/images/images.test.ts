/**
 * Goal: lists and images are shown as people see them, to whom they may be shown. Method: images as docker,
 * BuildKit and cosign push them, through the door.
 */
import { afterAll, beforeAll, describe, expect, spyOn, test } from "bun:test";
import { type CompiledQuery, DefaultQueryExecutor, type QueryResult } from "kysely";
import { type ApiClient, type ApiServer, openApi } from "../../test/support/api-client.ts";
import {
  describeContent,
  digestOf,
  type Json,
  makeIndex,
  makeReferrer,
  types,
} from "../../test/support/images.ts";
import { createOciClient, type OciClient } from "../../test/support/oci-client.ts";
import { queryStore } from "../../test/support/test-database.ts";

let server: ApiServer;
let reader: ApiClient;
let oci: OciClient;

beforeAll(async () => {
  server = await openApi();
  oci = createOciClient((path, init = {}) => server.admin.raw(init.method ?? "GET", path, init));
  for (const name of ["team", "other"]) await server.admin.post("/projects", { name });
  reader = await server.user("rita");
  await server.admin.put("/projects/team/members/rita", { role: "reader" });
});
afterAll(() => server.stop());

async function pushBlobs(repository: string, blobs: readonly string[]): Promise<void> {
  for (const blob of blobs) await oci.pushBlob(repository, blob);
}

async function pushImage(
  repository: string,
  reference: string,
  config: Json,
  layers: readonly string[],
): Promise<{ text: string; digest: string }> {
  const text = JSON.stringify(config);
  await pushBlobs(repository, [text, ...layers]);
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: types.image,
    config: describeContent(text, types.config),
    layers: layers.map((layer) => describeContent(layer, types.layer)),
  });
  const digest = digestOf(manifest);
  await oci.pushManifest(repository, reference === "" ? digest : reference, manifest);
  return { text: manifest, digest };
}

async function pages(path: string): Promise<Json[]> {
  const items: Json[] = [];
  for (let after = ""; ; ) {
    const { status, body } = await reader.get(`${path}&limit=2&after=${encodeURIComponent(after)}`);
    expect(status).toBe(200);
    items.push(...(body["items"] as Json[]));
    if (body["next"] === null) return items;
    after = String(body["next"]);
  }
}
const names = (items: readonly Json[]) => items.map(({ name }) => String(name));

describe("tags", () => {
  const versions = ["v1.9", "v1.10", "v1.9.1", "latest", "V2", "v1.100"];
  const list = "/repositories/team%2Ftags/tags?";

  beforeAll(async () => {
    for (const [at, tag] of versions.entries()) {
      await pushImage("team/tags", tag, { os: "linux", architecture: "arm64", variant: "v8", at }, [
        "x".repeat(100 * (at + 1)),
      ]);
    }
  });

  test("come in the order of versions, of sizes and of pushes, page by page", async () => {
    const byName = ["V2", "latest", "v1.9", "v1.9.1", "v1.10", "v1.100"];
    expect(names(await pages(`${list}sort=name`))).toEqual(byName);
    expect(names(await pages(`${list}sort=-name`))).toEqual(byName.toReversed());
    for (const sort of ["pushed", "size"]) {
      expect(names(await pages(`${list}sort=${sort}`))).toEqual(versions);
      expect(names(await pages(`${list}sort=-${sort}`))).toEqual(versions.toReversed());
    }
  });

  test("are filtered by a part of their names", async () => {
    expect(names(await pages(`${list}filter=1.10`))).toEqual(["v1.10", "v1.100"]);
    expect(names(await pages(`${list}filter=v2`))).toEqual(["V2"]);
    expect(names(await pages(`${list}filter=%25`))).toEqual([]);
  });

  test("have what they point to", async () => {
    const { body } = await reader.get(`${list}filter=latest`);
    const config = JSON.stringify({ os: "linux", architecture: "arm64", variant: "v8", at: 3 });
    expect(body["items"]).toEqual([
      expect.objectContaining({
        ...{ name: "latest", kind: "image", platforms: ["linux/arm64/v8"], attached: [] },
        ...{ size: 400 + config.length, moved_by: "admin", pulled_at: null },
      }),
    ]);
  });

  test("that an earlier release took are listed, though this one would not take them", async () => {
    const odd = await pushImage("team/earlier", "odd", { os: "linux" }, ["odd"]);
    await pushImage("team/earlier", "even", { os: "linux", architecture: "amd64" }, ["even"]);
    await queryStore(
      server.folder,
      "update manifests set media_type = ?, bytes = ? where digest = ?",
      ...["application/vnd.example+json", Buffer.from('{"layers":[]}'), odd.digest],
    );
    await queryStore(server.folder, "delete from images where digest = ?", odd.digest);
    const { status, body } = await reader.get("/repositories/team%2Fearlier/tags?");
    expect(status).toBe(200);
    expect(names(body["items"] as Json[])).toEqual(["even", "odd"]);
    expect((await reader.get("/repositories/team%2Fearlier/images/odd")).status).toBe(200);
  });

  test("say when they were last pulled", async () => {
    await oci.fetch("/v2/team/tags/manifests/V2");
    const pulledAt = async () => {
      const { body } = await reader.get(`${list}filter=V2`);
      return (body["items"] as Json[])[0]?.["pulled_at"];
    };
    while ((await pulledAt()) === null) await Bun.sleep(50);
    expect(Date.parse(String(await pulledAt()))).toBeGreaterThan(0);
  });

  test("go on behind an entry of the same order alone", async () => {
    const { status, body } = await reader.get(`${list}sort=size&after=v1.9`);
    expect(status).toBe(400);
    expect(String(body["detail"])).toContain("begin the list again");
  });

  test("with which clients keep what is attached are no images", async () => {
    const { digest } = await pushImage("team/signed", "v1", { os: "linux" }, ["signed"]);
    const base = digest.replace(":", "-");
    for (const suffix of ["sig", "att", "sbom"]) {
      await pushImage("team/signed", `${base}.${suffix}`, { suffix }, [suffix]);
    }
    const path = "/repositories/team%2Fsigned/tags?";
    const [image, ...more] = await pages(path);
    expect(more).toEqual([]);
    expect(image).toMatchObject({
      name: "v1",
      attached: ["signature", "attestation", "sbom"].map((kind) => ({ kind, count: 1 })),
    });
    expect(await pages(`${path}show=attached`)).toHaveLength(3);
  });

  test("keep their sizes when they come back from the trash", async () => {
    const { digest } = await pushImage("team/back", "v1", { os: "linux" }, ["back".repeat(50)]);
    const [before] = await pages("/repositories/team%2Fback/tags?");
    await oci.fetch(`/v2/team/back/manifests/${digest}`, { method: "DELETE" });
    const { body } = await server.admin.get("/trash?repository=team%2Fback");
    const [unit] = body["items"] as Json[];
    expect((await server.admin.post("/trash/restore", { units: [unit?.["id"]] })).status).toBe(200);
    const [after] = await pages("/repositories/team%2Fback/tags?");
    expect(after).toMatchObject({ size: before?.["size"], platforms: before?.["platforms"] });
  });
});

describe("an image", () => {
  const base = "base layer";
  let index: { digest: string };
  let platforms: { digest: string }[];
  let attestation: string;
  let sbom: string;

  beforeAll(async () => {
    const config = (architecture: string) => ({
      ...{ os: "linux", architecture, created: "2026-01-02T03:04:05Z" },
      config: {
        Entrypoint: ["/app"],
        Cmd: ["serve"],
        Env: ["PATH=/bin", "MODE=quick"],
        ExposedPorts: { "8080/tcp": {} },
        Labels: { team: "blue" },
        User: "1000",
      },
      history: [
        { created_by: "ADD rootfs.tar /", created: "2026-01-01T00:00:00Z" },
        { created_by: "ENV MODE=quick", empty_layer: true, created: "0001-01-01T00:00:00Z" },
        { created_by: "COPY app /", comment: "buildkit" },
      ],
    });
    platforms = [];
    for (const architecture of ["amd64", "arm64"]) {
      platforms.push(
        await pushImage("team/app", "", config(architecture), [base, `app for ${architecture}`]),
      );
    }
    const [amd, arm] = platforms as [
      { text: string; digest: string },
      { text: string; digest: string },
    ];
    const statement = '{"_type":"https://in-toto.io/Statement/v0.1"}';
    const empty = JSON.stringify({ architecture: "unknown", os: "unknown" });
    await pushBlobs("team/app", [statement, empty, "{}"]);
    const attested = JSON.stringify({
      schemaVersion: 2,
      mediaType: types.image,
      config: describeContent(empty, types.config),
      layers: [
        describeContent(statement, "application/vnd.in-toto+json", {
          annotations: { "in-toto.io/predicate-type": "https://slsa.dev/provenance/v0.2" },
        }),
      ],
    });
    attestation = digestOf(attested);
    await oci.pushManifest("team/app", attestation, attested);
    const text = makeIndex([
      describeContent(amd.text, types.image, { platform: { os: "linux", architecture: "amd64" } }),
      describeContent(arm.text, types.image, { platform: { os: "linux", architecture: "arm64" } }),
      describeContent(attested, types.image, {
        platform: { os: "unknown", architecture: "unknown" },
        annotations: {
          "vnd.docker.reference.type": "attestation-manifest",
          "vnd.docker.reference.digest": amd.digest,
        },
      }),
    ]);
    index = { digest: digestOf(text) };
    await oci.pushManifest("team/app", "v1", text);
    const referrer = makeReferrer(describeContent(text, types.index), "one", {
      artifactType: "application/spdx+json",
    });
    sbom = digestOf(referrer);
    await oci.pushManifest("team/app", sbom, referrer);
    await pushImage("team/app", `${arm.digest.replace(":", "-")}.sig`, {}, ["a signature"]);
    await pushImage("team/derived", "v1", { os: "linux" }, [base]);
    await pushImage("other/secret", "v1", { os: "linux" }, [base]);
  });

  const path = "/repositories/team%2Fapp/images";

  test("has its platforms, and what is attached to it and to them", async () => {
    const { status, body } = await reader.get(`${path}/v1`);
    expect(status).toBe(200);
    const [amd, arm] = platforms as [{ digest: string }, { digest: string }];
    expect(body).toMatchObject({
      ...{ repository: "team/app", digest: index.digest, kind: "index", tags: ["v1"] },
      platforms: [
        { platform: "linux/amd64", digest: amd.digest },
        { platform: "linux/arm64", digest: arm.digest },
      ],
      shown: amd.digest,
    });
    const attached = (body["attached"] as Json[]).toSorted((a, b) =>
      String(a["kind"]).localeCompare(String(b["kind"])),
    );
    expect(attached).toMatchObject([
      {
        ...{ kind: "attestation", digest: attestation, by: "index", platform: "linux/amd64" },
        predicates: ["https://slsa.dev/provenance/v0.2"],
      },
      { kind: "sbom", digest: sbom, by: "subject", of: index.digest, platform: null },
      { kind: "signature", by: "tag", of: arm.digest, platform: "linux/arm64" },
    ]);
    const { body: list } = await reader.get("/repositories/team%2Fapp/tags");
    expect(list["items"]).toMatchObject([
      {
        ...{ name: "v1", kind: "index", platforms: ["linux/amd64", "linux/arm64"] },
        size: body["size"],
        attached: [
          { kind: "attestation", count: 1 },
          { kind: "sbom", count: 1 },
        ],
      },
    ]);
  });

  test("has its configuration, and its layers with the lines that made them", async () => {
    const { body } = await reader.get(`${path}/v1?platform=linux/arm64`);
    expect(body).toMatchObject({
      shown: platforms[1]?.digest,
      config: {
        ...{ platform: "linux/arm64", entrypoint: ["/app"], cmd: ["serve"], user: "1000" },
        ...{ env: ["PATH=/bin", "MODE=quick"], ports: ["8080/tcp"], labels: { team: "blue" } },
      },
      layers: [
        { digest: digestOf(base), size: base.length, created_by: "ADD rootfs.tar /" },
        { digest: null, size: 0, created_by: "ENV MODE=quick", created: null },
        { digest: digestOf("app for arm64"), created_by: "COPY app /", comment: "buildkit" },
      ],
    });
  });

  test("is shared with what the caller may see", async () => {
    const shared = async (client: ApiClient) =>
      (await client.get(`${path}/v1`)).body["shared_with"];
    const sharer = (repository: string) => ({ repository, layers: 1, size: base.length });
    expect(await shared(reader)).toEqual([sharer("team/derived")]);
    expect(await shared(server.admin)).toEqual([sharer("other/secret"), sharer("team/derived")]);
  });

  test("is found by its digest, and what is not there is named", async () => {
    const of = async (rest: string) => (await reader.get(`${path}/${rest}`)).body;
    expect((await of(encodeURIComponent(sbom)))["kind"]).toBe("artifact");
    expect((await of("v2"))["detail"]).toBe("there is no tag v2 in team/app");
    expect((await of("v1?platform=linux/s390x"))["detail"]).toBe(
      "there is no platform linux/s390x: there are linux/amd64, linux/arm64",
    );
  });
});

test("few manifests are held at once, however many an image has", async () => {
  const children: ReturnType<typeof describeContent>[] = [];
  for (let at = 0; at < 20; at++) {
    const { text } = await pushImage("team/wide", `v${at}`, { os: "linux", at }, ["wide"]);
    const platform = { os: "linux", architecture: `a${at}` };
    children.push(describeContent(text, types.image, { platform }));
  }
  const text = makeIndex(children);
  await oci.pushManifest("team/wide", "all", text);
  const list: typeof children = [];
  await pushBlobs("team/wide", ["{}"]);
  for (let at = 0; at < 20; at++) {
    const referrer = makeReferrer(describeContent(text, types.index), `referrer ${at}`, {
      artifactType: "application/spdx+json",
    });
    await oci.pushManifest("team/wide", digestOf(referrer), referrer);
    list.push(describeContent(referrer, types.image));
  }
  await oci.pushManifest("team/wide", digestOf(text).replace(":", "-"), makeIndex(list));
  // Nothing is seen of a server in another process.
  const held: number[] = [];
  const { executeQuery } = DefaultQueryExecutor.prototype;
  const spy = spyOn(DefaultQueryExecutor.prototype, "executeQuery").mockImplementation(
    async function <R>(this: DefaultQueryExecutor, query: CompiledQuery) {
      const result = (await executeQuery.call(this, query)) as QueryResult<R>;
      held.push((result.rows as Json[]).filter(({ bytes }) => bytes !== undefined).length);
      return result;
    },
  );
  try {
    const path = "/repositories/team%2Fwide";
    const { body } = await reader.get(`${path}/images/all?platform=linux/a7`);
    expect(body).toMatchObject({ kind: "index", shown: children[7]?.digest });
    expect(body["platforms"]).toHaveLength(20);
    expect(body["attached"]).toHaveLength(20);
    const { body: tags } = await reader.get(`${path}/tags?limit=100`);
    expect((tags["items"] as Json[]).filter(({ platforms }) => platforms !== null)).toHaveLength(
      21,
    );
    const both = "with=all&platform=linux/a3&with_platform=linux/a5";
    const compared = await reader.get(`${path}/images/all/compare?${both}`);
    expect(compared.body).toMatchObject({ same_layers: 1, config: [] });
  } finally {
    spy.mockRestore();
  }
  expect(Math.max(...held)).toBeLessThanOrEqual(8);
});

describe("search", () => {
  beforeAll(async () => {
    await pushImage("team/needle", "v7.1", { os: "linux", search: 1 }, ["needle"]);
    await pushImage("other/needle", "v7.2", { os: "linux", search: 2 }, ["needle too"]);
    await server.admin.patch("/repositories/team%2Fapp", {
      description: "It holds a Needle too",
      labels: { owner: "haystack" },
    });
  });
  const find = async (query: string, client = reader) => {
    const { status, body } = await client.get(`/search?${query}`);
    expect(status).toBe(200);
    return (body["items"] as Json[]).map(({ kind, name }) => `${kind} ${name}`);
  };

  test("finds names, descriptions, labels, tags and digests, of what one may see", async () => {
    const team = ["repository team/app", "repository team/needle"];
    expect(await find("q=needle")).toEqual(team);
    expect(await find("q=haystack")).toEqual(["repository team/app"]);
    expect(await find("q=needle", server.admin)).toEqual(["repository other/needle", ...team]);
    expect(await find("q=v7.")).toEqual(["tag team/needle:v7.1"]);
    expect(await find("q=needle:v", server.admin)).toEqual([
      "tag other/needle:v7.2",
      "tag team/needle:v7.1",
    ]);
    expect(await find("q=tea")).toContain("project team");
    const { body } = await reader.get("/repositories/team%2Fneedle/images/v7.1");
    const digest = String(body["digest"]);
    const found = [`image team/needle@${digest}`];
    expect(await find(`q=${digest}`)).toEqual(found);
    expect(await find(`q=${digest.slice(7, 19)}`)).toEqual(found);
  });

  test("goes on page by page, from kind to kind", async () => {
    const all = await find("q=team");
    const paged = (await pages("/search?q=team")).map(({ kind, name }) => `${kind} ${name}`);
    expect(paged).toEqual(all);
    expect(new Set(all.map((text) => text.split(" ")[0]))).toEqual(
      new Set(["project", "repository"]),
    );
    expect(await find("q=team&kind=project")).toEqual(["project team"]);
  });

  test("is what docker and podman ask for", async () => {
    const ping = await server.nobody.raw("GET", "/v1/_ping");
    expect(ping.status).toBe(200);
    const found = await reader.raw("GET", "/v1/search?q=needle&n=25");
    expect(await found.json()).toEqual({
      query: "needle",
      num_results: 2,
      results: ["team/app", "team/needle"].map((name) => ({
        name,
        description: name === "team/app" ? "It holds a Needle too" : "",
        star_count: 0,
        is_official: false,
        is_automated: false,
      })),
    });
    // docker that is signed in asks for a token of its own first.
    const given = await reader.raw("GET", "/token?service=x&scope=registry:catalog:search");
    const { token } = (await given.json()) as { token: string };
    const headers = { authorization: `Bearer ${token}` };
    const asked = await server.nobody.raw("GET", "/v1/search?q=needle&n=25", { headers });
    expect(await asked.json()).toMatchObject({ num_results: 2 });
    const nobody = await server.nobody.raw("GET", "/v1/search?q=needle&n=25");
    expect(nobody.status).toBe(401);
    expect(nobody.headers.get("www-authenticate")).toStartWith("Basic ");
    expect((await reader.raw("GET", "/v1/search?q=needle&n=0")).status).toBe(400);
    expect((await reader.raw("GET", "/v1/repositories/team/app/images")).status).toBe(404);
  });
});
