import { describe, expect } from "bun:test";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { registry } from "./berth.ts";
import {
  debianImage,
  hugeImage,
  layoutOf,
  multiPlatform,
  seed,
  seedMoves,
  smallImage,
} from "./content.ts";
import { door, type Manifest } from "./door.ts";
import { proxy } from "./proxy.ts";
import { refusedCell } from "./sign-in.ts";
import { containers, nobody } from "./storage.ts";
import { cell, workspace } from "./support.ts";

const needs = ["skopeo"];
const from = "--src-tls-verify=false";
const to = "--dest-tls-verify=false";

function skopeo(...argv: string[]): Promise<string> {
  return containers(["skopeo", "--insecure-policy", ...argv]);
}

describe("skopeo", () => {
  cell("skopeo", "push", { needs }, async () => {
    const { host } = await registry();
    const image = await debianImage();
    const layout = await layoutOf("skopeo-pushed", "1", image);
    // Without this flag skopeo puts another compression of the same layer in the manifest, if it has
    // seen one in this registry.
    const flags = ["--preserve-digests", to];
    await skopeo("copy", ...flags, `oci:${layout}:1`, `docker://${host}/skopeo/pushed:1`);
    expect((await door(host).readBack("skopeo/pushed", "1")).text).toBe(image.text);
  });

  cell("skopeo", "pull", { needs }, async () => {
    const { host } = await registry();
    const image = await debianImage();
    await seed(door(host), "skopeo/pulled", "1", image);
    const layout = join(workspace, "skopeo-pulled");
    await skopeo("copy", from, `docker://${host}/skopeo/pulled:1`, `oci:${layout}:1`);
    const index = JSON.parse(await readFile(join(layout, "index.json"), "utf8")) as Manifest;
    expect(index.manifests?.[0]?.digest).toBe(image.descriptor.digest);
  });

  refusedCell(
    "skopeo",
    { needs },
    {
      pull: (repository) => ["skopeo", "inspect", "--tls-verify=false", `docker://${repository}:1`],
      env: () => nobody("skopeo"),
      says: /authentication required|unauthorized/,
    },
  );

  cell("skopeo", "multi-arch", { needs }, async () => {
    const { host } = await registry();
    const index = multiPlatform();
    const layout = await layoutOf("skopeo-index", "1", index);
    await skopeo("copy", "--all", to, `oci:${layout}:1`, `docker://${host}/skopeo/index:1`);
    expect((await door(host).readBack("skopeo/index", "1")).text).toBe(index.text);
    const raw = await skopeo(
      "inspect",
      "--raw",
      "--tls-verify=false",
      `docker://${host}/skopeo/index:1`,
    );
    expect(raw).toBe(index.text);
  });

  cell("skopeo", "past", { needs }, async () => {
    const { host } = await registry();
    for (const { image, past } of await seedMoves(door(host), "skopeo/moves")) {
      const reference = `docker://${host}/${past}/skopeo/moves:moved`;
      const layout = join(workspace, `skopeo-${Bun.randomUUIDv7()}`);
      await skopeo("copy", from, reference, `oci:${layout}:1`);
      const index = JSON.parse(await readFile(join(layout, "index.json"), "utf8")) as Manifest;
      expect(index.manifests?.[0]?.digest).toBe(image.descriptor.digest);
    }
  });

  cell("skopeo", "copy", { needs }, async () => {
    const { host } = await registry();
    const index = multiPlatform();
    await seed(door(host), "skopeo/original", "1", index);
    const source = `docker://${host}/skopeo/original:1`;
    await skopeo("copy", "--all", from, to, source, `docker://${host}/skopeo/copy:1`);
    expect((await door(host).readBack("skopeo/copy", "1")).text).toBe(index.text);
  });

  cell("skopeo", "mount", { needs: [...needs, "nginx", "openssl"] }, async () => {
    const { host } = await registry();
    const { plainHost, mounted } = await proxy();
    const image = smallImage();
    await seed(door(host), "skopeo/mount-from", "1", image);
    const source = `docker://${plainHost}/skopeo/mount-from:1`;
    // skopeo mounts from where it has read a blob before.
    await skopeo("copy", from, source, `dir:${join(workspace, "skopeo-mount")}`);
    await skopeo("copy", from, to, source, `docker://${plainHost}/skopeo/mount-to:1`);
    expect(await mounted("skopeo/mount-to")).toBe(2);
    expect((await door(host).readBack("skopeo/mount-to", "1")).text).toBe(image.text);
  });

  cell("skopeo", "list", { needs }, async () => {
    const { host } = await registry();
    const image = smallImage();
    for (const tag of ["b", "a", "c"]) await seed(door(host), "skopeo/listed", tag, image);
    const listed = await skopeo(
      "list-tags",
      "--tls-verify=false",
      `docker://${host}/skopeo/listed`,
    );
    expect((JSON.parse(listed) as { Tags: string[] }).Tags).toEqual(["a", "b", "c"]);
  });

  cell("skopeo", "delete", { needs }, async () => {
    const { host } = await registry();
    const image = smallImage();
    await seed(door(host), "skopeo/deleted", "1", image);
    await skopeo("delete", "--tls-verify=false", `docker://${host}/skopeo/deleted:1`);
    for (const reference of ["1", image.descriptor.digest]) {
      expect(await door(host).manifestStatus("skopeo/deleted", reference)).toBe(404);
    }
  });

  cell("skopeo", "push and pull over 1 GB", { needs }, async () => {
    const { host } = await registry();
    const image = await hugeImage();
    const layout = await layoutOf("skopeo-huge", "1", image);
    const remote = `docker://${host}/skopeo/huge:1`;
    await skopeo("copy", "--preserve-digests", to, `oci:${layout}:1`, remote);
    expect((await door(host).readBack("skopeo/huge", "1")).text).toBe(image.text);
    const pulled = join(workspace, "skopeo-huge");
    const keep = "--dest-oci-accept-uncompressed-layers";
    await skopeo("copy", "--preserve-digests", keep, from, remote, `oci:${pulled}:1`);
    const index = JSON.parse(await readFile(join(pulled, "index.json"), "utf8")) as Manifest;
    expect(index.manifests?.[0]?.digest).toBe(image.descriptor.digest);
  });
});
