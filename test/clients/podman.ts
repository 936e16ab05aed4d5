import { describe, expect } from "bun:test";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { registry } from "./berth.ts";
import { debianImage, debianTar, multiPlatform, seed, smallImage } from "./content.ts";
import { door } from "./door.ts";
import { proxy } from "./proxy.ts";
import { refusedCell } from "./sign-in.ts";
import { containers, nobody } from "./storage.ts";
import { cell, workspace } from "./support.ts";

interface Target {
  readonly host: string;
  /** How the client is told to talk to it. */
  readonly flags: readonly string[];
}

const needs = ["podman"];
const needsProxy = ["podman", "nginx", "openssl"];

function podman(...argv: string[]): Promise<string> {
  return containers(["podman", ...argv]);
}

/** Pushes; gives the digest that podman wrote down. */
async function push({ host, flags }: Target, repository: string, tag: string): Promise<string> {
  const digestFile = join(workspace, `podman-${Bun.randomUUIDv7()}`);
  await podman("push", ...flags, "--digestfile", digestFile, `${host}/${repository}:${tag}`);
  return (await readFile(digestFile, "utf8")).trim();
}

async function identity(reference: string): Promise<{ id: string; digest: string }> {
  const text = await podman("image", "inspect", "--format", "{{.Id}} {{.Digest}}", reference);
  const [id = "", digest = ""] = text.trim().split(" ");
  return { id: `sha256:${id}`, digest };
}

async function pushDebian(target: Target, repository: string): Promise<void> {
  const { host } = await registry();
  const reference = `${target.host}/${repository}:debian`;
  await podman("import", debianTar(), reference);
  const digest = await push(target, repository, "debian");
  const stored = await door(host).readBack(repository, "debian");
  expect(stored.digest).toBe(digest);
  expect(stored.manifest.config?.digest).toBe((await identity(reference)).id);
}

async function pullDebian(target: Target, repository: string): Promise<void> {
  const { host } = await registry();
  const image = await debianImage();
  await seed(door(host), repository, "1", image);
  const reference = `${target.host}/${repository}:1`;
  await podman("pull", ...target.flags, reference);
  const { digest } = image.descriptor;
  expect(await identity(reference)).toEqual({ id: image.config.descriptor.digest, digest });
  await podman("rmi", reference);
}

async function platforms(target: Target, repository: string): Promise<void> {
  const { host } = await registry();
  const index = multiPlatform();
  await seed(door(host), repository, "1", index);
  const reference = `${target.host}/${repository}:1`;
  for (const image of index.images) {
    const architecture = image.descriptor.platform?.architecture ?? "";
    await podman("pull", ...target.flags, "--arch", architecture, reference);
    expect((await identity(reference)).id).toBe(image.config.descriptor.digest);
  }
  const list = `podman-list-${Bun.randomUUIDv7()}`;
  await podman("manifest", "create", list);
  await podman("manifest", "add", "--all", ...target.flags, list, `docker://${reference}`);
  const digestFile = join(workspace, list);
  const to = `docker://${target.host}/${repository}-copy:1`;
  await podman("manifest", "push", "--all", ...target.flags, "--digestfile", digestFile, list, to);
  const stored = await door(host).readBack(`${repository}-copy`, "1");
  expect(stored.digest).toBe((await readFile(digestFile, "utf8")).trim());
  expect(stored.manifest.manifests?.map(({ digest }) => digest).sort()).toEqual(
    index.images.map(({ descriptor }) => descriptor.digest).sort(),
  );
}

async function copied(target: Target, from: string, to: string): Promise<void> {
  const { host } = await registry();
  const image = smallImage();
  await seed(door(host), from, "1", image);
  await podman("pull", ...target.flags, `${target.host}/${from}:1`);
  await podman("tag", `${target.host}/${from}:1`, `${target.host}/${to}:1`);
  const digest = await push(target, to, "1");
  const stored = await door(host).readBack(to, "1");
  expect(stored.digest).toBe(digest);
  expect(stored.manifest.config?.digest).toBe(image.config.descriptor.digest);
}

async function direct(): Promise<Target> {
  return { host: (await registry()).host, flags: ["--tls-verify=false"] };
}

async function throughTls(): Promise<Target> {
  const { tlsPort, certsFolder } = await proxy();
  return {
    host: `127.0.0.1:${tlsPort}`,
    flags: ["--tls-verify=true", "--cert-dir", certsFolder],
  };
}

describe("podman", () => {
  cell("podman", "push", { needs }, async () => pushDebian(await direct(), "podman/pushed"));
  cell("podman", "pull", { needs }, async () => pullDebian(await direct(), "podman/pulled"));
  refusedCell(
    "podman",
    { needs },
    {
      pull: (repository) => ["podman", "pull", "--tls-verify=false", `${repository}:1`],
      env: () => nobody("podman"),
      says: /authentication required|unauthorized/,
    },
  );

  cell("podman", "multi-arch", { needs }, async () =>
    platforms(await direct(), "podman/platforms"),
  );
  cell("podman", "copy", { needs }, async () =>
    copied(await direct(), "podman/original", "podman/copy"),
  );
  cell("podman", "mount", { needs: needsProxy }, async () => {
    const { plainHost, mounted } = await proxy();
    const target = { host: plainHost, flags: ["--tls-verify=false"] };
    await copied(target, "podman/mount-from", "podman/mount-to");
    expect(await mounted("podman/mount-to")).toBeGreaterThan(0);
  });
  cell("podman", "list", { needs }, async () => {
    const { host, flags } = await direct();
    const image = smallImage();
    for (const tag of ["b", "a", "c"]) await seed(door(host), "podman/listed", tag, image);
    const listed = `${host}/podman/listed`;
    const limit = ["--limit", "100"];
    const text = await podman("search", "--list-tags", ...flags, ...limit, listed);
    const tags = text.trim().split("\n").slice(1);
    expect(tags.map((line) => line.split(/\s+/)[1])).toEqual(["a", "b", "c"]);
  });
});

// nginx ends TLS there.
describe("podman, TLS", () => {
  const options = { needs: needsProxy };
  cell("podman, TLS", "push", options, async () =>
    pushDebian(await throughTls(), "podman-tls/pushed"),
  );
  cell("podman, TLS", "pull", options, async () =>
    pullDebian(await throughTls(), "podman-tls/pulled"),
  );
  cell("podman, TLS", "multi-arch", options, async () =>
    platforms(await throughTls(), "podman-tls/platforms"),
  );
  cell("podman, TLS", "copy", options, async () =>
    copied(await throughTls(), "podman-tls/base", "podman-tls/copy"),
  );
  cell("podman, TLS", "mount", options, async () => {
    await copied(await throughTls(), "podman-tls/original", "podman-tls/mounted");
    expect(await (await proxy()).mounted("podman-tls/mounted")).toBeGreaterThan(0);
  });
});
