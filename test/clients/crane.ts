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
  tarOf,
} from "./content.ts";
import { digestOf, door, type Manifest } from "./door.ts";
import { proxy } from "./proxy.ts";
import { dockerEnvironment, loginWith, refusedCell, signsIn } from "./sign-in.ts";
import { cell, run, workspace } from "./support.ts";

const needs = ["crane"];

const signIn = signsIn("crane", {
  environment: dockerEnvironment,
  login: loginWith((host, name) => [
    "crane",
    "auth",
    "login",
    "--insecure",
    host,
    "--username",
    name,
    "--password-stdin",
  ]),
});

export async function crane(...argv: string[]): Promise<string> {
  const env = await signIn.at(argv);
  return (await run(["crane", "--insecure", ...argv], { env })).stdout.trim();
}

/** Digest in the layout that crane wrote. */
async function pulledDigest(layout: string): Promise<string | undefined> {
  const index = JSON.parse(await readFile(join(layout, "index.json"), "utf8")) as Manifest;
  return index.manifests?.[0]?.digest;
}

describe("crane", () => {
  cell("crane", "push", { needs }, async () => {
    const { host } = await registry();
    const image = await debianImage();
    const layout = await layoutOf("crane-pushed", "1", image);
    const printed = await crane("push", layout, `${host}/crane/pushed:1`);
    expect(printed).toBe(`${host}/crane/pushed@${image.descriptor.digest}`);
    expect((await door(host).readBack("crane/pushed", "1")).text).toBe(image.text);
  });

  cell("crane", "append", { needs }, async () => {
    const { host } = await registry();
    const target = `${host}/crane/appended:1`;
    await seed(door(host), "crane/appended", "base", await debianImage());
    const base = ["--base", `${host}/crane/appended:base`];
    const layer = join(workspace, "crane-layer.tar");
    await Bun.write(layer, tarOf({ greeting: "hello\n" }));
    const printed = await crane("append", ...base, "--new_layer", layer, "--new_tag", target);
    const stored = await door(host).readBack("crane/appended", "1");
    expect(printed).toEndWith(stored.digest);
    expect(await crane("validate", "--remote", target)).toContain("PASS");
  });

  cell("crane", "pull", { needs }, async () => {
    const { host } = await registry();
    const image = await debianImage();
    await seed(door(host), "crane/pulled", "1", image);
    const layout = join(workspace, "crane-pulled");
    await crane("pull", "--format", "oci", `${host}/crane/pulled:1`, layout);
    expect(await pulledDigest(layout)).toBe(image.descriptor.digest);
    expect(await crane("digest", `${host}/crane/pulled:1`)).toBe(image.descriptor.digest);
  });

  refusedCell(
    "crane",
    { needs },
    {
      pull: (repository) => ["crane", "--insecure", "manifest", `${repository}:1`],
      env: signIn.nowhere,
      says: /UNAUTHORIZED: authentication required/,
    },
  );

  cell("crane", "multi-arch", { needs }, async () => {
    const { host } = await registry();
    const index = multiPlatform();
    const layout = await layoutOf("crane-index", "1", index);
    await crane("push", "--index", layout, `${host}/crane/index:1`);
    const stored = await door(host).readBack("crane/index", "1");
    expect(stored.digest).toBe(digestOf(await readFile(join(layout, "index.json"))));
    await seed(door(host), "crane/platforms", "1", index);
    const filter = ["index", "filter", "--platform", "linux/arm64"];
    await crane(...filter, `${host}/crane/platforms:1`, "-t", `${host}/crane/platforms:arm`);
    const { manifest } = await door(host).readBack("crane/platforms", "arm");
    expect(manifest.manifests?.[0]?.digest).toBe(index.images[1]?.descriptor.digest ?? "");
  });

  cell("crane", "past", { needs }, async () => {
    const { host } = await registry();
    for (const { image, past } of await seedMoves(door(host), "crane/moves")) {
      const reference = `${host}/${past}/crane/moves`;
      expect(await crane("digest", `${reference}:moved`)).toBe(image.descriptor.digest);
      expect(await crane("ls", reference)).toBe("moved");
      expect(await crane("validate", "--remote", `${reference}:moved`)).toContain("PASS");
    }
  });

  cell("crane", "copy", { needs }, async () => {
    const { host } = await registry();
    const index = multiPlatform();
    await seed(door(host), "crane/original", "1", index);
    await crane("copy", `${host}/crane/original:1`, `${host}/crane/copy:1`);
    await crane("tag", `${host}/crane/copy:1`, "2");
    for (const tag of ["1", "2"]) {
      expect((await door(host).readBack("crane/copy", tag)).text).toBe(index.text);
    }
  });

  cell("crane", "mount", { needs: [...needs, "nginx", "openssl"] }, async () => {
    const { plainHost, mounted } = await proxy();
    const direct = door((await registry()).host);
    const image = smallImage();
    await seed(direct, "crane/mount-from", "1", image);
    await crane("copy", `${plainHost}/crane/mount-from:1`, `${plainHost}/crane/mount-to:1`);
    expect(await mounted("crane/mount-to")).toBe(3);
    expect((await direct.readBack("crane/mount-to", "1")).text).toBe(image.text);
  });

  cell("crane", "list", { needs }, async () => {
    const { host } = await registry();
    const image = smallImage();
    for (const tag of ["b", "a", "c"]) await seed(door(host), "crane/listed", tag, image);
    expect((await crane("ls", `${host}/crane/listed`)).split("\n")).toEqual(["a", "b", "c"]);
    expect((await crane("catalog", host)).split("\n")).toContain("crane/listed");
  });

  cell("crane", "delete", { needs }, async () => {
    const { host } = await registry();
    const image = smallImage();
    for (const tag of ["1", "2"]) await seed(door(host), "crane/deleted", tag, image);
    await crane("delete", `${host}/crane/deleted@${image.descriptor.digest}`);
    for (const reference of ["1", "2", image.descriptor.digest]) {
      expect(await door(host).manifestStatus("crane/deleted", reference)).toBe(404);
    }
  });

  cell("crane", "push and pull over 1 GB", { needs }, async () => {
    const { host } = await registry();
    const image = await hugeImage();
    await crane("push", await layoutOf("crane-huge", "1", image), `${host}/crane/huge:1`);
    expect((await door(host).readBack("crane/huge", "1")).text).toBe(image.text);
    const layout = join(workspace, "crane-huge");
    await crane("pull", "--format", "oci", `${host}/crane/huge:1`, layout);
    expect(await pulledDigest(layout)).toBe(image.descriptor.digest);
  });
});
