import { describe, expect } from "bun:test";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { registry } from "./berth.ts";
import { digestOf, door } from "./door.ts";
import { loginWith, refusedCell, signsIn } from "./sign-in.ts";
import { cell, folder, once, run } from "./support.ts";

const needs = ["helm"];
const plain = "--plain-http";

const signIn = signsIn("helm", {
  environment: (home) => ({
    HELM_REGISTRY_CONFIG: join(home, "registry.json"),
    DOCKER_CONFIG: home,
  }),
  login: loginWith((host, name) => [
    "helm",
    "registry",
    "login",
    plain,
    host,
    "--username",
    name,
    "--password-stdin",
  ]),
});

async function helm(...argv: string[]): Promise<string> {
  const env = await signIn.at(argv);
  const { stdout, stderr } = await run(["helm", ...argv], { cwd: await folder("helm"), env });
  return stdout + stderr;
}

/** Paths of the packed chart in three versions, by version. */
const charts = once(async (): Promise<ReadonlyMap<string, string>> => {
  const home = await folder("helm");
  await helm("create", "harbour");
  const packed = new Map<string, string>();
  for (const version of ["0.1.0", "0.2.0", "0.2.1+build.7"]) {
    await helm("package", "--version", version, "harbour");
    packed.set(version, join(home, `harbour-${version}.tgz`));
  }
  return packed;
});

const pushed = once(async (): Promise<string> => {
  const { host } = await registry();
  for (const [version, path] of await charts()) {
    const output = await helm("push", plain, path, `oci://${host}/helm`);
    // A tag cannot hold a plus sign: helm writes an underscore.
    const stored = await door(host).readBack("helm/harbour", version.replace("+", "_"));
    expect(output).toContain(`Digest: ${stored.digest}`);
    expect(stored.manifest.layers?.[0]?.digest).toBe(digestOf(await readFile(path)));
  }
  return `oci://${host}/helm/harbour`;
});

describe("helm", () => {
  cell("helm", "push", { needs }, async () => {
    await pushed();
  });

  cell("helm", "pull", { needs }, async () => {
    const target = await folder("helm/pulled");
    for (const [version, path] of await charts()) {
      await helm("pull", plain, await pushed(), "--version", version, "--destination", target);
      const pulled = await readFile(join(target, `harbour-${version}.tgz`));
      expect(digestOf(pulled)).toBe(digestOf(await readFile(path)));
    }
    const shown = await helm("template", plain, "release", await pushed(), "--version", "0.1.0");
    expect(shown).toContain("kind: Deployment");
  });

  refusedCell(
    "helm",
    { needs },
    {
      pull: (repository) => ["helm", "pull", plain, `oci://${repository}`, "--version", "1"],
      env: signIn.nowhere,
      says: /unauthorized|authentication required/i,
    },
  );

  cell("helm", "list", { needs }, async () => {
    // helm reads the list of tags to find the newest version in a range.
    const shown = await helm("show", "chart", plain, await pushed(), "--version", "^0.2.0");
    expect(shown).toContain("version: 0.2.1+build.7");
  });
});
