import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  describeContent,
  digestOf,
  makeImage,
  makeIndex,
  makeReferrer,
  types,
} from "../support/images.ts";
import {
  createOciClient,
  expectError,
  expectStatus,
  type OciClient,
} from "../support/oci-client.ts";
import { startTestApp, type TestApp } from "../support/test-app.ts";

const repository = "team/app";
const image = makeImage("manifests");

let app: TestApp;
let client: OciClient;

beforeAll(async () => {
  app = await startTestApp();
  client = createOciClient(app.fetch);
  await client.pushImage(repository, image, "v1");
  await client.pushBlob(repository, "{}");
});

afterAll(async () => {
  await app.remove();
  expect(app.logged).toEqual([]);
});

const pathOf = (reference: string, name = repository) => `/v2/${name}/manifests/${reference}`;

function put(
  reference: string,
  body: string,
  headers: Record<string, string> = { "content-type": types.image },
): Promise<Response> {
  return client.fetch(pathOf(reference), { method: "PUT", headers, body });
}

describe("pulls", () => {
  test("GET and HEAD by tag and by digest have the same headers, and the bytes as they were pushed", async () => {
    for (const reference of ["v1", image.digest]) {
      for (const method of ["GET", "HEAD"]) {
        const response = await client.fetch(pathOf(reference), { method });
        await expectStatus(response, 200);
        expect(response.headers.get("content-type")).toBe(types.image);
        expect(response.headers.get("content-length")).toBe(String(image.manifest.length));
        expect(response.headers.get("docker-content-digest")).toBe(image.digest);
        expect(response.headers.get("etag")).toBe(`"${image.digest}"`);
        expect(response.headers.get("docker-distribution-api-version")).toBe("registry/2.0");
        expect(response.headers.get("x-content-type-options")).toBe("nosniff");
        expect(await response.text()).toBe(method === "GET" ? image.manifest : "");
      }
    }
  });

  test("If-None-Match: 304 with the digest", async () => {
    for (const reference of ["v1", image.digest]) {
      for (const tag of [`"${image.digest}"`, `W/"${image.digest}"`, "*"]) {
        const response = await client.fetch(pathOf(reference), {
          headers: { "if-none-match": tag },
        });
        expect(response.status).toBe(304);
        expect(response.headers.get("docker-content-digest")).toBe(image.digest);
      }
    }
  });

  test("Accept: whatever clients send, except what leaves the type out", async () => {
    for (const accept of [
      types.image,
      `${types.index}, ${types.image}`,
      "*/*",
      "application/*",
      "application/json",
      `${types.dockerImage}, application/json`,
    ]) {
      const response = await client.fetch(pathOf("v1"), { headers: { accept } });
      await expectStatus(response, 200);
      await response.text();
    }
    const refused = await client.fetch(pathOf("v1"), { headers: { accept: types.dockerList } });
    const { detail } = await expectError(refused, 406, "UNSUPPORTED");
    expect(detail).toEqual({ digest: image.digest, mediaType: types.image });
  });

  test("what is not there: 404 by name", async () => {
    const absent = digestOf("absent");
    for (const reference of ["nope", absent]) {
      const missing = await client.fetch(pathOf(reference));
      const { detail } = await expectError(missing, 404, "MANIFEST_UNKNOWN");
      expect(detail).toEqual({ repository, reference });
    }
    const nowhere = await client.fetch(pathOf("v1", "team/none"));
    const { detail } = await expectError(nowhere, 404, "NAME_UNKNOWN");
    expect(detail).toEqual({ repository: "team/none" });
  });
});

describe("pushes", () => {
  test("201 with a relative location, the digest and no tags of its own", async () => {
    const response = await put("v2", image.manifest);
    await expectStatus(response, 201);
    expect(response.headers.get("location")).toBe(pathOf("v2"));
    expect(response.headers.get("docker-content-digest")).toBe(image.digest);
    expect(response.headers.get("oci-tag")).toBeNull();
    expect(response.headers.get("oci-subject")).toBeNull();
  });

  test("every byte is kept: spacing, order, unknown fields, escapes, a line break at the end", async () => {
    const odd = `${JSON.stringify(JSON.parse(image.manifest), null, 3).replace("{", '{ "b\\u00e9rth":[1.50, 1e2, {"Deep":null}],\r\n\t "ü":"🐳",')}\n\n`;
    await expectStatus(await put("odd", odd), 201);
    for (const reference of ["odd", digestOf(odd)]) {
      const response = await client.fetch(pathOf(reference));
      expect(Buffer.from(await response.arrayBuffer()).equals(Buffer.from(odd))).toBe(true);
    }
  });

  test("they are kept across a restart", async () => {
    const first = await startTestApp();
    await createOciClient(first.fetch).pushImage(repository, image, "v1");
    await first.stop();
    const second = await startTestApp({ folder: first.folder });
    try {
      const response = await second.fetch(pathOf("v1"));
      expect(response.headers.get("content-type")).toBe(types.image);
      expect(await response.text()).toBe(image.manifest);
    } finally {
      await second.remove();
    }
  });

  test("by sha512", async () => {
    const digest = digestOf(image.manifest, "sha512");
    const response = await put(digest, image.manifest);
    await expectStatus(response, 201);
    expect(response.headers.get("docker-content-digest")).toBe(digest);
    const pulled = await client.fetch(pathOf(digest));
    expect(pulled.headers.get("docker-content-digest")).toBe(digest);
    expect(await pulled.text()).toBe(image.manifest);
  });

  test("without mediaType in the body, and without a Content-Type", async () => {
    const old = JSON.stringify({ ...JSON.parse(image.manifest), mediaType: undefined });
    await expectStatus(await put("old", old), 201);
    await expectStatus(await put("old", old, {}), 201);
    expect((await client.fetch(pathOf("old"))).headers.get("content-type")).toBe(types.image);
  });

  test("a Content-Type with parameters is stored without", async () => {
    await expectStatus(
      await put("params", image.manifest, { "content-type": `${types.image}; charset=utf-8` }),
      201,
    );
    expect((await client.fetch(pathOf("params"))).headers.get("content-type")).toBe(types.image);
  });

  test("Docker schema 2 and manifest lists", async () => {
    const docker = JSON.stringify({
      schemaVersion: 2,
      mediaType: types.dockerImage,
      config: describeContent(image.config, types.dockerConfig),
      layers: image.layers.map((layer) => describeContent(layer, types.dockerLayer)),
    });
    await client.pushManifest(repository, "docker", docker);
    const list = JSON.stringify({
      schemaVersion: 2,
      mediaType: types.dockerList,
      manifests: [
        describeContent(docker, types.dockerImage, {
          platform: { architecture: "amd64", os: "linux" },
        }),
      ],
    });
    await client.pushManifest(repository, "docker-list", list);
    const response = await client.fetch(pathOf("docker-list"));
    expect(response.headers.get("content-type")).toBe(types.dockerList);
    expect(await response.text()).toBe(list);
  });

  test("indexes, nested indexes, and an index of nothing", async () => {
    const index = makeIndex([
      { ...image.descriptor, platform: { architecture: "arm64", os: "linux" } },
    ]);
    await client.pushManifest(repository, "index", index);
    const nested = makeIndex([describeContent(index, types.index), image.descriptor]);
    await client.pushManifest(repository, "nested", nested);
    const deeper = makeIndex([describeContent(nested, types.index)]);
    await client.pushManifest(repository, "deeper", deeper);
    await client.pushManifest(repository, "nothing", makeIndex([]));
    expect(await (await client.fetch(pathOf("deeper"))).text()).toBe(deeper);
  });

  test("an index may list blobs, as build caches do", async () => {
    const cache = makeIndex([
      describeContent(image.layers[0] ?? "", types.layer),
      describeContent(image.config, "application/vnd.buildkit.cacheconfig.v0"),
    ]);
    await client.pushManifest(repository, "cache", cache);
    const refused = await client.fetch(
      `/v2/${repository}/blobs/${digestOf(image.layers[0] ?? "")}`,
      { method: "DELETE" },
    );
    const { detail } = await expectError(refused, 405, "DENIED");
    expect((detail as { referrers: string[] }).referrers).toContain(digestOf(cache));
  });

  test("any media type, any artifactType, artifact manifests, empty layers", async () => {
    const ours = "application/vnd.example.recipe.v1+json";
    await expectStatus(await put("recipe", '{"anything":["goes"]}', { "content-type": ours }), 201);
    expect((await client.fetch(pathOf("recipe"))).headers.get("content-type")).toBe(ours);
    const artifact = JSON.stringify({
      mediaType: types.artifact,
      artifactType: "application/vnd.example.thing",
      blobs: [describeContent(image.config, "text/plain")],
    });
    await client.pushManifest(repository, "artifact", artifact);
    const empty = JSON.stringify({
      schemaVersion: 2,
      mediaType: types.image,
      artifactType: "application/vnd.example.nothing",
      config: describeContent("{}", types.empty),
      layers: [],
    });
    await client.pushManifest(repository, "empty", empty);
  });

  test("data fields, and layers that are not distributed", async () => {
    const manifest = JSON.stringify({
      schemaVersion: 2,
      mediaType: types.image,
      config: describeContent("{}", types.empty, { data: "e30=" }),
      layers: [
        describeContent(
          "only elsewhere",
          "application/vnd.oci.image.layer.nondistributable.v1.tar",
          {
            urls: ["https://layers.example/1"],
          },
        ),
      ],
    });
    await client.pushManifest(repository, "foreign", manifest);
  });

  test("schema 1 is refused by name", async () => {
    const response = await put("one", '{"schemaVersion":1,"fsLayers":[]}', {
      "content-type": types.schema1Signed,
    });
    const { message } = await expectError(response, 400, "MANIFEST_INVALID");
    expect(message).toContain("Docker schema 1");
  });

  test("a manifest over 4 MiB is 413 in the envelope", async () => {
    const large = image.manifest.replace("{", `{"x":"${"a".repeat(4 * 1024 * 1024)}",`);
    const { detail } = await expectError(await put("large", large), 413, "MANIFEST_INVALID");
    expect(detail).toEqual({ bytes: large.length, max: 4 * 1024 * 1024 });
  });
});

describe("tags set by parameters", () => {
  test("?tag= moves them all, and OCI-Tag names them", async () => {
    const tags = Array.from({ length: 100 }, (_, i) => `many-${i}`);
    const query = tags.map((tag) => `tag=${tag}`).join("&");
    const response = await put(`${image.digest}?${query}&tag=many-1`, image.manifest);
    await expectStatus(response, 201);
    expect(response.headers.get("oci-tag")).toBe(tags.join(", "));
    for (const tag of tags) {
      const pulled = await client.fetch(pathOf(tag), { method: "HEAD" });
      expect(pulled.headers.get("docker-content-digest")).toBe(image.digest);
    }
  });

  test("all or none: one bad tag, or a missing layer, and no tag is set", async () => {
    const bad = await put(`${image.digest}?tag=good&tag=-bad`, image.manifest);
    await expectError(bad, 400, "MANIFEST_INVALID");
    const other = makeImage("never pushed");
    const missing = await put(`${other.digest}?tag=good`, other.manifest);
    await expectError(missing, 404, "MANIFEST_BLOB_UNKNOWN");
    expect(await client.status(pathOf("good"))).toBe(404);
    expect(await client.status(pathOf(other.digest))).toBe(404);
  });

  test("If-None-Match: * and If-Match hold for all of them, or none moves", async () => {
    const moved = makeImage("moved");
    for (const blob of [moved.config, ...moved.layers]) await client.pushBlob(repository, blob);
    const type = { "content-type": types.image };
    const taken = await put(`${moved.digest}?tag=fresh&tag=v1`, moved.manifest, {
      ...type,
      "if-none-match": "*",
    });
    await expectError(taken, 412, "DENIED");
    expect(await client.status(pathOf("fresh"))).toBe(404);
    const matched = await put("v1", moved.manifest, { ...type, "if-match": `"${image.digest}"` });
    await expectStatus(matched, 201);
    const stale = await put("v1", image.manifest, { ...type, "if-match": `"${image.digest}"` });
    await expectError(stale, 412, "DENIED");
    await expectStatus(await put("v1", image.manifest), 201);
  });
});

describe("references", () => {
  test("what is missing is named, all of it", async () => {
    const other = makeImage("all missing");
    const response = await put("missing", other.manifest);
    const { detail } = await expectError(response, 404, "MANIFEST_BLOB_UNKNOWN");
    expect(detail).toEqual(
      [other.config, ...other.layers].map((blob) => ({ digest: digestOf(blob) })),
    );
    const index = makeIndex([other.descriptor, image.descriptor]);
    const listed = await put("missing", index, { "content-type": types.index });
    const named = await expectError(listed, 404, "MANIFEST_BLOB_UNKNOWN");
    expect(named.detail).toEqual([{ digest: other.digest }]);
  });

  test("a subject may be missing, and OCI-Subject names it", async () => {
    const absent = describeContent("a manifest to come", types.image);
    const response = await put("referrer", makeReferrer(absent, "early"));
    await expectStatus(response, 201);
    expect(response.headers.get("oci-subject")).toBe(absent.digest);
  });

  test('registry.sparse = "allow" takes what is missing, and still not wrong sizes', async () => {
    const sparse = await startTestApp({ env: { BERTH_REGISTRY_SPARSE: "allow" } });
    const sparseClient = createOciClient(sparse.fetch);
    try {
      const other = makeImage("sparse");
      await sparseClient.pushManifest(repository, "v1", other.manifest);
      await sparseClient.pushManifest(
        repository,
        "index",
        makeIndex([other.descriptor, describeContent("absent", types.image)]),
      );
      const wrong = await sparse.fetch(pathOf("wrong"), {
        method: "PUT",
        headers: { "content-type": types.index },
        body: makeIndex([{ ...other.descriptor, size: 1 }]),
      });
      await expectError(wrong, 400, "MANIFEST_INVALID");
    } finally {
      await sparse.remove();
    }
  });
});

test("the same bytes under another Content-Type hold what they refer to from then on", async () => {
  const name = "team/retyped";
  const config = "retyped config";
  await client.pushBlob(name, config);
  const manifest = JSON.stringify({
    schemaVersion: 2,
    config: describeContent(config, types.config),
    layers: null,
  });
  const digest = digestOf(manifest);
  await client.pushManifest(name, digest, manifest, "application/vnd.example.other+json");
  await client.pushManifest(name, digest, manifest, types.image);
  const blob = `/v2/${name}/blobs/${digestOf(config)}`;
  expect(await client.status(blob, "DELETE")).toBe(405);
  expect(await client.status(blob)).toBe(200);
});
