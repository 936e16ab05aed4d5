/**
 * Goal: files of layers are listed and shown to whoever may pull them, and two images are compared as the
 * unpacked trees would be. Method: images of archives, through the door.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Glob } from "bun";
import { type ApiClient, type ApiServer, openApi } from "../../test/support/api-client.ts";
import { describeContent, digestOf, type Json, types } from "../../test/support/images.ts";
import { createOciClient, type OciClient } from "../../test/support/oci-client.ts";
import { type TarPart, tarOf } from "../../test/support/tar.ts";
import { parseDigest } from "../oci/digest.ts";
import type { LayerFile } from "./layer-file.ts";
import { mergedTree } from "./merged-tree.ts";

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

async function push(
  repository: string,
  tag: string,
  config: Json,
  layers: readonly (readonly TarPart[])[],
): Promise<string[]> {
  const packed = layers.map((parts) => Bun.gzipSync(tarOf(parts)));
  const text = JSON.stringify({ os: "linux", architecture: "amd64", ...config });
  for (const blob of [text, ...packed]) await oci.pushBlob(repository, blob);
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: types.image,
    config: describeContent(text, types.config),
    layers: packed.map((layer) => describeContent(layer, types.layer)),
  });
  await oci.pushManifest(repository, tag, manifest);
  return packed.map((layer) => digestOf(layer));
}

const base: readonly TarPart[] = [
  { name: "etc/", type: "5" },
  { name: "etc/motd", body: "hello\n" },
  { name: "etc/motd.link", type: "2", link: "motd" },
  { name: "etc/motd.hard", type: "1", link: "etc/motd" },
  { name: "usr/share/doc/a", body: "a" },
  { name: "usr/share/doc/b", body: "b" },
  { name: "big", body: "x".repeat(300_000) },
  { name: "binary", body: new Uint8Array([0, 1, 2, 255]) },
  ...Array.from({ length: 60 }, (_, k) => ({ name: `many/f${String(k).padStart(2, "0")}` })),
];

describe("the files of a layer", () => {
  let layer: string;
  const path = () => `/repositories/team%2Ffiles/layers/${encodeURIComponent(layer)}`;
  const ask = async (rest: string, client = reader) => {
    const { status, body } = await client.get(`${path()}${rest}`);
    return { status, body };
  };

  beforeAll(async () => {
    [layer = ""] = await push("team/files", "v1", {}, [base]);
  });

  test("are listed directory by directory, page by page", async () => {
    const { body } = await ask("/files");
    expect((body["items"] as Json[]).map(({ name, kind }) => `${name} ${kind}`)).toEqual([
      ...["big file", "binary file", "etc directory", "many directory", "usr directory"],
    ]);
    const { body: etc } = await ask("/files?path=/etc/");
    expect(etc["items"]).toMatchObject([
      { name: "motd", kind: "file", size: 6, mode: "0644", link: null },
      { name: "motd.hard", kind: "hardlink", link: "etc/motd" },
      { name: "motd.link", kind: "symlink", link: "motd" },
    ]);
    const names: string[] = [];
    for (let after = ""; ; ) {
      const page = (await ask(`/files?path=many&limit=25&after=${after}`)).body;
      names.push(...(page["items"] as Json[]).map(({ name }) => String(name)));
      if (page["next"] === null) break;
      after = String(page["next"]);
    }
    expect(names).toEqual(Array.from({ length: 60 }, (_, k) => `f${String(k).padStart(2, "0")}`));
  });

  test("are shown where they are small", async () => {
    const motd = { size: 6, encoding: "utf-8", content: "hello\n" };
    expect((await ask("/file?path=etc/motd")).body).toEqual({ path: "etc/motd", ...motd });
    expect((await ask("/file?path=etc/motd.hard")).body).toEqual({
      path: "etc/motd.hard",
      ...motd,
    });
    expect((await ask("/file?path=binary")).body).toMatchObject({
      encoding: "base64",
      content: "AAEC/w==",
    });
    expect((await ask("/file?path=many/f00")).body).toMatchObject({ size: 0, content: "" });
    const refused: [string, number, string][] = [
      ["/file?path=big", 422, "has 300000 bytes, files of at most 262144 are shown"],
      ["/file?path=etc", 422, "etc is a directory"],
      ["/file?path=etc/motd.link", 422, "is a symlink to motd"],
      ["/file?path=etc/nothing", 404, "there is no file etc/nothing"],
      ["/file?path=../etc/motd", 400, "must not have .."],
      ["/files?path=big", 404, "there is no directory big"],
    ];
    for (const [rest, status, text] of refused) {
      const answer = await ask(rest);
      expect(answer.status).toBe(status);
      expect(String(answer.body["detail"])).toContain(text);
    }
  });

  test.each([
    ["was cut", (bytes: Buffer) => bytes.subarray(0, 100)],
    ["is empty", (bytes: Buffer) => bytes.subarray(0, 0)],
    ["has zeros where its bytes were", (bytes: Buffer) => Buffer.alloc(bytes.length)],
  ])("are listed anew where the file that has the list %s", async (_what, spoil) => {
    const before = await ask("/files");
    expect(before.status).toBe(200);
    const hex = layer.slice("sha256:".length);
    const spoiled: string[] = [];
    // Each of several servers has its own.
    for await (const name of new Glob(`**/layer-files/sha256-${hex}.*`).scan(server.folder)) {
      const file = join(server.folder, name);
      writeFileSync(file, spoil(readFileSync(file)));
      spoiled.push(file);
    }
    expect(spoiled).not.toBeEmpty();
    expect(await ask("/files")).toEqual(before);
  });

  test("are those of the repository alone", async () => {
    const [secret = ""] = await push("other/secret", "v1", {}, [[{ name: "key", body: "k" }]]);
    const at = (repository: string) =>
      `/repositories/${encodeURIComponent(repository)}/layers/${encodeURIComponent(secret)}/files`;
    expect((await server.admin.get(at("other/secret"))).status).toBe(200);
    expect((await reader.get(at("other/secret"))).status).toBe(404);
    expect((await reader.get(at("team/files"))).status).toBe(404);
  });

  test("are not told by a comparison of manifests that name layers of others", async () => {
    const foreign = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
    const config = JSON.stringify({ os: "linux" });
    await oci.pushBlob("team/thief", config);
    for (const tag of ["v1", "v2"]) {
      const packed = Bun.gzipSync(tarOf([{ name: `secret-${tag}`, body: tag }]));
      await push("other/vault", tag, {}, [[{ name: `secret-${tag}`, body: tag }]]);
      const manifest = JSON.stringify({
        schemaVersion: 2,
        mediaType: types.image,
        config: describeContent(config, types.config),
        layers: [describeContent(packed, foreign)],
      });
      await oci.pushManifest("team/thief", tag, manifest);
    }
    await push("team/thief", "own", {}, [base]);
    const compare = (repository: string, query: string) =>
      `/repositories/${encodeURIComponent(repository)}/images/v1/compare/files?with=${query}`;
    // Indexes and the comparison itself are there from then on.
    expect((await server.admin.get(compare("other/vault", "v2"))).body["items"]).toHaveLength(2);
    for (const other of ["v2", "own"]) {
      const { status, body } = await reader.get(compare("team/thief", other));
      expect(status).toBe(404);
      expect(String(body["detail"])).toContain("the repository has no layer sha256:");
    }
  });

  test("that is no archive cannot be listed, and the reason is told", async () => {
    const text = "no archive at all".repeat(60);
    await oci.pushBlob("team/files", text);
    const digest = encodeURIComponent(digestOf(text));
    const { status, body } = await reader.get(`/repositories/team%2Ffiles/layers/${digest}/files`);
    expect(status).toBe(422);
    expect(String(body["detail"])).toContain("cannot be listed: a header has a wrong checksum");
  });
});

describe("two images", () => {
  const compare = "/repositories/team%2Fapp/images/v1/compare";

  beforeAll(async () => {
    await push(
      "team/app",
      "v1",
      { config: { Env: ["A=1", "B=2"], Labels: { one: "1" }, User: "root" } },
      [base],
    );
    await push(
      "team/app",
      "v2",
      { config: { Env: ["A=1", "B=3", "C=4"], Labels: { two: "2" }, User: "app" } },
      [
        base,
        [
          { name: "etc/motd", body: "changed\n" },
          { name: "usr/share/doc/.wh..wh..opq" },
          { name: "usr/share/doc/c", body: "c" },
          { name: ".wh.many" },
          { name: "new/deep/file", body: "n" },
          { name: "binary", type: "2", link: "etc/motd" },
          { name: "usr", type: "5", mode: 0o700 },
        ],
      ],
    );
  });

  test("differ in configuration, environment, labels, layers", async () => {
    const { status, body } = await reader.get(`${compare}?with=v2`);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      same_layers: 1,
      removed_layers: [],
      added_layers: [{ digest: expect.any(String) }],
      config: [{ name: "user", from: "root", to: "app" }],
      env: [
        { name: "B", from: "2", to: "3" },
        { name: "C", from: null, to: "4" },
      ],
      labels: [
        { name: "one", from: "1", to: null },
        { name: "two", from: null, to: "2" },
      ],
    });
  });

  test("differ in files as the unpacked trees do", async () => {
    const { body } = await reader.get(`${compare}/files?with=v2`);
    expect((body["items"] as Json[]).map(({ path, change }) => `${change} ${path}`)).toEqual([
      "changed binary",
      "changed etc/motd",
      "removed many",
      "added new",
      "removed usr/share/doc/a",
      "removed usr/share/doc/b",
      "added usr/share/doc/c",
    ]);
    const same = await reader.get(`${compare}/files?with=v1`);
    expect(same.body).toEqual({ items: [], next: null });
  });

  test("in repositories of which one is hidden are not compared", async () => {
    await push("other/hidden", "v1", {}, [base]);
    const query = (name: string) => `with=v1&with_repository=${encodeURIComponent(name)}`;
    const hidden = await reader.get(`${compare}?${query("other/hidden")}`);
    const missing = await reader.get(`${compare}?${query("other/nothing")}`);
    expect(hidden.status).toBe(404);
    expect(String(hidden.body["detail"]).replace("hidden", "nothing")).toBe(
      String(missing.body["detail"]),
    );
    expect((await server.admin.get(`${compare}?${query("other/hidden")}`)).status).toBe(200);
  });
});

describe("the tree of an image", () => {
  const layer = parseDigest(`sha256:${"0".repeat(64)}`);
  const fileOf = (name: string, link: string | null = null): LayerFile => ({
    ...{ parent: "", name, kind: link === null ? "file" : "symlink", size: 0, mode: 0o644 },
    ...{ uid: 0, gid: 0, mtime: 0, link, hash: null, offset: 0 },
  });
  const treeOf = (all: () => Generator<LayerFile>) =>
    mergedTree([layer], async () => ({
      facts: { refused: null, entries: 0, bytes: 0 },
      list: () => [],
      find: () => null,
      all,
      close: () => {},
    }));

  test("is laid with pauses, and holds no whole layer beside it", async () => {
    let [since, longest] = [0, 0];
    let isOver = false;
    const others = (): void => {
      since = 0;
      if (!isOver) setImmediate(others);
    };
    setImmediate(others);
    const tree = await treeOf(function* () {
      for (let at = 0; at < 20_000; at++) {
        longest = Math.max(longest, ++since);
        yield fileOf(`f${at}`);
      }
    });
    isOver = true;
    expect(tree.size).toBe(20_000);
    expect(longest).toBeLessThan(10_001);
  });

  test("whose paths and links are too long together is refused", async () => {
    const link = "l".repeat(16 * 1024 ** 2);
    const work = treeOf(function* () {
      for (let at = 0; at < 20; at++) yield fileOf(`f${at}`, link);
    });
    await expect(work).rejects.toThrow(
      "the paths of the image have more than 268435456 characters",
    );
  });
});
