import { describe, expect } from "bun:test";
import { registry } from "./berth.ts";
import {
  debianImage,
  debianTar,
  hugeImage,
  hugeTar,
  multiPlatform,
  seed,
  seedMoves,
  smallImage,
} from "./content.ts";
import { dockerdNeeds, startDockerd } from "./dockerd.ts";
import { door, type Manifest, mediaTypes } from "./door.ts";
import { proxy } from "./proxy.ts";
import { dockerEnvironment, refusedCell, signsIn } from "./sign-in.ts";
import { cell, once, type RunOptions, run } from "./support.ts";

const dockerd = once(async (): Promise<string> => {
  const { publicName } = await registry();
  const { caFile } = await proxy();
  return await startDockerd("dockerd", { registry: publicName, caFile });
});

const signIn = signsIn("docker", {
  environment: dockerEnvironment,
  async login(host, account, env) {
    const docker = ["docker", "--host", await dockerd()];
    const login = ["login", "--username", account.name, "--password-stdin", host];
    const { stdout } = await run([...docker, ...login], { env, stdin: account.password });
    expect(stdout).toContain("Login Succeeded");
  },
});

async function docker(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const socket = await dockerd();
  const env = await signIn.at(argv);
  return (await run(["docker", "--host", socket, ...argv], { ...options, env })).stdout;
}

const needs = [...dockerdNeeds, "nginx", "openssl"];
const dockerArchitecture = "amd64";

/** What docker says it pushed: `TAG: digest: sha256:... size: N`. */
function pushedDigest(output: string): string {
  const found = /digest: (sha256:[0-9a-f]{64}) size: \d+/.exec(output);
  if (found?.[1] === undefined) throw new Error(`docker push printed no digest:\n${output}`);
  return found[1];
}

async function imageId(reference: string): Promise<string> {
  return (await docker(["image", "inspect", "--format", "{{.Id}}", reference])).trim();
}

/** Compares what docker pushed with what the registry has, byte by byte. */
async function expectSame(repository: string, tag: string, output: string, id: string) {
  const { host } = await registry();
  const stored = await door(host).readBack(repository, tag);
  expect(stored.digest).toBe(pushedDigest(output));
  expect(stored.manifest.config?.digest).toBe(id);
}

async function importAndPush(target: string, repository: string, tag: string, tar: string) {
  const reference = `${target}/${repository}:${tag}`;
  const id = (await docker(["import", tar, reference])).trim();
  const output = await docker(["push", reference], { timeoutSeconds: 280 });
  await expectSame(repository, tag, output, id);
  return { reference, id, output };
}

/** An image that exists nowhere yet, in the daemon under `reference`. */
async function newImage(reference: string): Promise<void> {
  const { host } = await registry();
  const repository = `docker/base-${Bun.randomUUIDv7()}`;
  await seed(door(host), repository, "1", smallImage(dockerArchitecture));
  await docker(["pull", `${host}/${repository}:1`]);
  await docker(["tag", `${host}/${repository}:1`, reference]);
}

async function pullDebian(target: string, repository: string): Promise<void> {
  const { host } = await registry();
  const image = await debianImage();
  await seed(door(host), repository, "debian", image);
  const reference = `${target}/${repository}:debian`;
  const output = await docker(["pull", reference]);
  expect(output).toContain(`Digest: ${image.descriptor.digest}`);
  expect(await imageId(reference)).toBe(image.config.descriptor.digest);
  const layers = await docker(
    ["image", "inspect", "--format", "{{json .RootFS.Layers}}"].concat(reference),
  );
  expect(JSON.parse(layers)).toEqual(image.layers.map(({ diffId }) => diffId));
  // Or the next pull of it would find its layers here.
  await docker(["rmi", reference]);
}

async function pullPlatforms(target: string, repository: string): Promise<void> {
  const { host } = await registry();
  const index = multiPlatform();
  await seed(door(host), repository, "1", index);
  const reference = `${target}/${repository}:1`;
  for (const image of index.images) {
    const architecture = image.descriptor.platform?.architecture;
    const output = await docker(["pull", "--platform", `linux/${architecture}`, reference]);
    expect(output).toContain(`Digest: ${index.descriptor.digest}`);
    expect(await imageId(reference)).toBe(image.config.descriptor.digest);
  }
}

/** What was pulled from the past is pushed, which docker tries to mount from there. */
async function pullMoves(target: string, repository: string): Promise<void> {
  const { host } = await registry();
  for (const { image, past } of await seedMoves(door(host), repository)) {
    const reference = `${target}/${past}/${repository}:moved`;
    const output = await docker(["pull", reference]);
    expect(output).toContain(`Digest: ${image.descriptor.digest}`);
    expect(await imageId(reference)).toBe(image.config.descriptor.digest);
    const copy = `${target}/${repository}-again:1`;
    await docker(["tag", reference, copy]);
    await expectSame(
      `${repository}-again`,
      "1",
      await docker(["push", copy]),
      image.config.descriptor.digest,
    );
    const { stderr, exitCode } = await refusedPush(reference);
    expect(exitCode).toBe(1);
    expect(stderr).toContain("is read only");
    await docker(["rmi", reference, copy]);
  }
}

async function refusedPush(reference: string) {
  const argv = ["push", reference];
  const env = await signIn.at(argv);
  return await run(["docker", "--host", await dockerd(), ...argv], { env, mayFail: true });
}

async function copyToOtherRepository(target: string, from: string, to: string): Promise<void> {
  await newImage(`${target}/${from}:1`);
  const first = await docker(["push", `${target}/${from}:1`]);
  await docker(["rmi", `${target}/${from}:1`]);
  await docker(["pull", `${target}/${from}:1`]);
  await docker(["tag", `${target}/${from}:1`, `${target}/${to}:copied`]);
  const output = await docker(["push", `${target}/${to}:copied`]);
  expect(pushedDigest(output)).toBe(pushedDigest(first));
  await expectSame(to, "copied", output, await imageId(`${target}/${to}:copied`));
}

async function mountFromOtherRepository(target: string, from: string, to: string): Promise<void> {
  await newImage(`${target}/${from}:1`);
  await docker(["push", `${target}/${from}:1`]);
  await docker(["tag", `${target}/${from}:1`, `${target}/${to}:1`]);
  const output = await docker(["push", `${target}/${to}:1`]);
  await expectSame(to, "1", output, await imageId(`${target}/${to}:1`));
  expect(await (await proxy()).mounted(to)).toBe(2);
}

function dockerCells(client: string, prefix: string, target: () => Promise<string>): void {
  cell(client, "push", { needs }, async () => {
    await importAndPush(await target(), `${prefix}/pushed`, "debian", debianTar());
  });
  cell(client, "pull", { needs }, async () => {
    await pullDebian(await target(), `${prefix}/pulled`);
  });
  cell(client, "multi-arch", { needs }, async () => {
    await pullPlatforms(await target(), `${prefix}/platforms`);
  });
  cell(client, "past", { needs }, async () => {
    await pullMoves(await target(), `${prefix}/moves`);
  });
  cell(client, "copy", { needs }, async () => {
    await copyToOtherRepository(await target(), `${prefix}/original`, `${prefix}/copy`);
  });
}

describe("docker", () => {
  dockerCells("docker", "docker", async () => (await registry()).host);

  refusedCell(
    "docker",
    { needs },
    {
      pull: async (repository) => ["docker", "--host", await dockerd(), "pull", `${repository}:1`],
      env: signIn.nowhere,
      says: /pull access denied|unauthorized/,
    },
  );

  cell("docker", "mount", { needs }, async () => {
    const { plainHost } = await proxy();
    await mountFromOtherRepository(plainHost, "docker/mount-from", "docker/mount-to");
  });

  cell("docker", "push --all-tags", { needs }, async () => {
    const { host } = await registry();
    const tags = ["1", "1.0", "latest"];
    for (const tag of tags) await newImage(`${host}/docker/tags:${tag}`);
    const output = await docker(["push", "--all-tags", `${host}/docker/tags`]);
    expect(await door(host).tags("docker/tags")).toEqual(tags);
    for (const tag of tags) {
      const stored = await door(host).readBack("docker/tags", tag);
      expect(output).toContain(`${tag}: digest: ${stored.digest}`);
    }
  });

  cell("docker", "manifest inspect", { needs }, async () => {
    const { host } = await registry();
    const index = multiPlatform();
    await seed(door(host), "docker/inspected", "1", index);
    const shown = await docker(["manifest", "inspect", "--insecure", `${host}/docker/inspected:1`]);
    const digests = (JSON.parse(shown) as Manifest).manifests?.map(({ digest }) => digest);
    expect(digests).toEqual(index.images.map(({ descriptor }) => descriptor.digest));
  });

  cell("docker", "manifest push", { needs }, async () => {
    const { host } = await registry();
    const list = `${host}/docker/list:1`;
    const members = [`${host}/docker/list:amd64`, `${host}/docker/list:arm64`];
    for (const member of members) {
      await newImage(member);
      await docker(["push", member]);
    }
    await docker(["manifest", "create", "--insecure", list, ...members]);
    await docker(["manifest", "annotate", "--arch", "arm64", list, members[1] ?? ""]);
    const digest = (await docker(["manifest", "push", "--insecure", list])).trim();
    const stored = await door(host).readBack("docker/list", "1");
    expect(stored.digest).toBe(digest);
    expect(stored.mediaType).toBe(mediaTypes.dockerList);
  });

  cell("docker", "push over 1 GB", { needs, timeoutSeconds: 300 }, async () => {
    const { host } = await registry();
    await importAndPush(host, "docker/huge-pushed", "1", await hugeTar());
    await docker(["rmi", `${host}/docker/huge-pushed:1`]);
  });

  cell("docker", "pull over 1 GB", { needs, timeoutSeconds: 300 }, async () => {
    const { host } = await registry();
    const image = await hugeImage();
    await seed(door(host), "docker/huge-pulled", "1", image);
    const reference = `${host}/docker/huge-pulled:1`;
    const output = await docker(["pull", reference], { timeoutSeconds: 280 });
    expect(output).toContain(`Digest: ${image.descriptor.digest}`);
    expect(await imageId(reference)).toBe(image.config.descriptor.digest);
    await docker(["rmi", reference]);
  });
});

// nginx ends TLS there.
describe("docker, TLS", () => {
  dockerCells("docker, TLS", "docker-tls", async () => (await registry()).publicName);

  cell("docker, TLS", "mount", { needs }, async () => {
    const { publicName } = await registry();
    await mountFromOtherRepository(publicName, "docker-tls/mount-from", "docker-tls/mount-to");
  });
});
