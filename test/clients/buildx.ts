import { describe, expect } from "bun:test";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { registry } from "./berth.ts";
import { debianImage, multiPlatform, seed } from "./content.ts";
import { door } from "./door.ts";
import { proxy } from "./proxy.ts";
import { dockerEnvironment, refusedCell, signsIn, writeDockerConfig } from "./sign-in.ts";
import { cell, daemon, folder, NotRun, once, run } from "./support.ts";

const needs = ["buildx", "buildkitd", "runc", "nginx", "openssl"];
const builderName = "berth";

const buildkitd = once(async (): Promise<void> => {
  if (process.getuid?.() !== 0) throw new NotRun("buildkitd needs root");
  const home = await folder("buildkit");
  const { host } = await registry();
  const { plainHost } = await proxy();
  const hosts = [host, plainHost].map((name) => `[registry."${name}"]\n  http = true\n`);
  await writeFile(join(home, "buildkitd.toml"), hosts.join(""));
  const address = `unix://${home}/buildkitd.sock`;
  const flags = ["--addr", address, "--root", join(home, "root")].concat(
    ["--config", join(home, "buildkitd.toml"), "--containerd-worker=false"],
    ["--oci-worker-snapshotter=native", "--oci-worker-binary=runc", "--oci-worker-net=host"],
  );
  const answers = async () => await Bun.file(join(home, "root", "buildkitd.lock")).exists();
  await daemon("buildkitd", ["buildkitd", ...flags], answers);
  await buildxAlone("create", "--name", builderName, "--driver", "remote", address);
  await buildxAlone("inspect", "--bootstrap", builderName);
});

// buildkitd has no credentials: it asks for buildx's.
const signIn = signsIn("buildx", { environment: dockerEnvironment, login: writeDockerConfig });

async function buildxAlone(...argv: string[]): Promise<string> {
  const env = { BUILDX_CONFIG: await folder("buildx-config"), ...(await signIn.at(argv)) };
  const { stdout, stderr } = await run(["buildx", ...argv], { env, cwd: await folder("buildx") });
  return stdout + stderr;
}

async function buildx(...argv: string[]): Promise<string> {
  await buildkitd();
  return buildxAlone("--builder", builderName, ...argv);
}

/** Where the Dockerfiles find their base: Debian, of which only linux/amd64 exists. */
const base = once(async (): Promise<string> => {
  const { host } = await registry();
  await seed(door(host), "buildx/debian", "1", await debianImage());
  return `${host}/buildx/debian:1`;
});

interface Built {
  readonly output: string;
  readonly digest: string;
}

/** Builds in a folder of its own with `dockerfile`, and gives the digest that buildx wrote down. */
async function build(name: string, dockerfile: string, ...flags: string[]): Promise<Built> {
  const context = await folder(`buildx/${name}`);
  await writeFile(join(context, "Dockerfile"), dockerfile);
  const metadata = join(await folder("buildx"), `${name}.json`);
  const always = ["build", "--progress=plain", "--metadata-file", metadata];
  const output = await buildx(...always, ...flags, context);
  const written = JSON.parse(await readFile(metadata, "utf8")) as Record<string, string>;
  return { output, digest: written["containerimage.digest"] ?? "" };
}

/** What is built runs here, so only its result is for another platform. */
async function crossBuilt(): Promise<string> {
  return `FROM --platform=linux/amd64 ${await base()} AS tools
ARG TARGETARCH
RUN echo "for $TARGETARCH" >/greeting
FROM scratch
COPY --from=tools /greeting /greeting
`;
}

describe("buildx", () => {
  refusedCell(
    "buildx",
    { needs },
    {
      async pull(repository) {
        await buildkitd();
        const context = await folder("buildx/refused");
        await writeFile(join(context, "Dockerfile"), `FROM ${repository}:1\n`);
        return ["buildx", "--builder", builderName, "build", "--progress=plain", context];
      },
      env: async () => ({
        ...(await signIn.nowhere()),
        BUILDX_CONFIG: await folder("buildx-config"),
      }),
      says: /authorization failed|401 Unauthorized|insufficient_scope/,
    },
  );

  cell("buildx", "push", { needs }, async () => {
    const { host } = await registry();
    const dockerfile = `FROM ${await base()}\nRUN echo hello >/greeting && cat /etc/debian_version\n`;
    const target = ["--provenance=false", "--push", "--tag", `${host}/buildx/pushed:1`];
    const { digest } = await build("pushed", dockerfile, ...target);
    const stored = await door(host).readBack("buildx/pushed", "1");
    expect(stored.digest).toBe(digest);
    expect(stored.manifest.layers).toHaveLength(2);
  });

  cell("buildx", "pull", { needs }, async () => {
    const { host } = await registry();
    const index = multiPlatform();
    await seed(door(host), "buildx/inspected", "1", index);
    await buildkitd();
    const raw = await buildx("imagetools", "inspect", "--raw", `${host}/buildx/inspected:1`);
    expect(raw).toBe(index.text);
  });

  cell("buildx", "multi-arch", { needs }, async () => {
    const { host } = await registry();
    const flags = ["--platform=linux/amd64,linux/arm64", "--provenance=mode=max", "--push"];
    const target = ["--tag", `${host}/buildx/platforms:1`];
    const { digest } = await build("platforms", await crossBuilt(), ...flags, ...target);
    const stored = await door(host).readBack("buildx/platforms", "1");
    expect(stored.digest).toBe(digest);
    const children = stored.manifest.manifests ?? [];
    const platforms = children.map(({ platform }) => `${platform?.os}/${platform?.architecture}`);
    expect(platforms.sort()).toEqual(
      ["linux/amd64", "linux/arm64", "unknown/unknown", "unknown/unknown"].sort(),
    );
    const shown = await buildx(
      ...["imagetools", "inspect", "--format", "{{json .Provenance}}"],
      `${host}/buildx/platforms:1`,
    );
    expect(Object.keys(JSON.parse(shown) as object).sort()).toEqual(["linux/amd64", "linux/arm64"]);
  });

  cell("buildx", "copy", { needs }, async () => {
    const { host } = await registry();
    const index = multiPlatform();
    await seed(door(host), "buildx/original", "1", index);
    const target = `${host}/buildx/copy:1`;
    await buildx("imagetools", "create", "--tag", target, `${host}/buildx/original:1`);
    expect((await door(host).readBack("buildx/copy", "1")).text).toBe(index.text);
  });

  cell("buildx", "mount", { needs }, async () => {
    const { host } = await registry();
    const { plainHost, mounted } = await proxy();
    const index = multiPlatform();
    await seed(door(host), "buildx/mount-from", "1", index);
    const target = `${plainHost}/buildx/mount-to:1`;
    await buildx("imagetools", "create", "--tag", target, `${plainHost}/buildx/mount-from:1`);
    expect((await door(host).readBack("buildx/mount-to", "1")).text).toBe(index.text);
    expect(await mounted("buildx/mount-to")).toBeGreaterThan(0);
  });

  cell("buildx", "cache", { needs }, async () => {
    const { host } = await registry();
    const cache = `type=registry,ref=${host}/buildx/cache:1`;
    const flags = [
      "--platform=linux/amd64,linux/arm64",
      "--push",
      "--tag",
      `${host}/buildx/cached:1`,
    ];
    const dockerfile = (await crossBuilt()).replace("echo", "sleep 1; echo");
    const first = await build("cached", dockerfile, ...flags, "--cache-to", `${cache},mode=max`);
    const reused = /tools 2\/2\] RUN .*\n#\d+ CACHED/;
    expect(first.output).not.toMatch(reused);
    await door(host).getManifest("buildx/cache", "1");
    await buildx("prune", "--all", "--force");
    const second = await build("cached", dockerfile, ...flags, "--cache-from", cache);
    expect(second.output).toMatch(/importing cache manifest from .*\/buildx\/cache:1/);
    expect(second.output).toMatch(reused);
  });
});
