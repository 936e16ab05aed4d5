import { describe, expect } from "bun:test";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { registry } from "./berth.ts";
import { debianImage, multiPlatform, seed, smallImage } from "./content.ts";
import { door } from "./door.ts";
import { proxy } from "./proxy.ts";
import { refusedCell } from "./sign-in.ts";
import { containers, nobody } from "./storage.ts";
import { cell, workspace } from "./support.ts";

const needs = ["buildah"];
const plain = "--tls-verify=false";

function buildah(...argv: string[]): Promise<string> {
  return containers(["buildah", ...argv]);
}

/** Pushes with `push` or `manifest push`; gives the digest that buildah wrote down. */
async function push(command: readonly string[], image: string, target: string): Promise<string> {
  const digestFile = join(workspace, `buildah-${Bun.randomUUIDv7()}`);
  await buildah(...command, plain, "--digestfile", digestFile, image, `docker://${target}`);
  return (await readFile(digestFile, "utf8")).trim();
}

async function copied(host: string, from: string, to: string): Promise<void> {
  const direct = door((await registry()).host);
  const image = smallImage();
  await seed(direct, from, "1", image);
  const id = (await buildah("pull", "--quiet", plain, `${host}/${from}:1`)).trim();
  const digest = await push(["push"], id, `${host}/${to}:1`);
  const stored = await direct.readBack(to, "1");
  expect(stored.digest).toBe(digest);
  expect(stored.manifest.config?.digest).toBe(image.config.descriptor.digest);
}

describe("buildah", () => {
  cell("buildah", "push", { needs }, async () => {
    const { host } = await registry();
    const image = await debianImage();
    await seed(door(host), "buildah/base", "debian", image);
    const from = ["from", plain, "--pull", `${host}/buildah/base:debian`];
    const container = (await buildah(...from)).trim();
    await writeFile(join(workspace, "greeting"), "hello\n");
    await buildah("copy", container, join(workspace, "greeting"), "/greeting");
    await buildah("config", "--entrypoint", '["/bin/cat", "/greeting"]', container);
    const id = (await buildah("commit", "--quiet", container)).trim();
    const digest = await push(["push"], id, `${host}/buildah/built:1`);
    const stored = await door(host).readBack("buildah/built", "1");
    expect(stored.digest).toBe(digest);
    expect(stored.manifest.config?.digest).toBe(`sha256:${id}`);
  });

  cell("buildah", "pull", { needs }, async () => {
    const { host } = await registry();
    const image = await debianImage();
    await seed(door(host), "buildah/pulled", "1", image);
    const id = (await buildah("pull", "--quiet", plain, `${host}/buildah/pulled:1`)).trim();
    expect(`sha256:${id}`).toBe(image.config.descriptor.digest);
    const digest = await buildah(
      "inspect",
      "--type",
      "image",
      "--format",
      "{{.FromImageDigest}}",
      id,
    );
    expect(digest.trim()).toBe(image.descriptor.digest);
  });

  refusedCell(
    "buildah",
    { needs },
    {
      pull: (repository) => ["buildah", "pull", "--tls-verify=false", `${repository}:1`],
      env: () => nobody("buildah"),
      says: /authentication required|unauthorized/,
    },
  );

  cell("buildah", "multi-arch", { needs }, async () => {
    const { host } = await registry();
    const index = multiPlatform();
    await seed(door(host), "buildah/platforms", "1", index);
    await buildah("manifest", "create", "buildah-list");
    const source = `docker://${host}/buildah/platforms:1`;
    await buildah("manifest", "add", "--all", plain, "buildah-list", source);
    const target = `${host}/buildah/list:1`;
    const digest = await push(["manifest", "push", "--all"], "buildah-list", target);
    const stored = await door(host).readBack("buildah/list", "1");
    expect(stored.digest).toBe(digest);
    expect(stored.manifest.manifests?.map((child) => child.digest).sort()).toEqual(
      index.images.map(({ descriptor }) => descriptor.digest).sort(),
    );
  });

  cell("buildah", "copy", { needs }, async () => {
    await copied((await registry()).host, "buildah/original", "buildah/copy");
  });

  cell("buildah", "mount", { needs: [...needs, "nginx", "openssl"] }, async () => {
    const { plainHost, mounted } = await proxy();
    await copied(plainHost, "buildah/mount-from", "buildah/mount-to");
    expect(await mounted("buildah/mount-to")).toBeGreaterThan(0);
  });
});
