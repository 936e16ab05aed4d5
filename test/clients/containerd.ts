import { describe, expect } from "bun:test";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { registry } from "./berth.ts";
import {
  debianImage,
  hugeImage,
  type Image,
  type ImageIndex,
  layoutTar,
  multiPlatform,
  seed,
  seedMoves,
  smallImage,
} from "./content.ts";
import { door } from "./door.ts";
import { proxy } from "./proxy.ts";
import { refusedCell } from "./sign-in.ts";
import { cell, daemon, folder, NotRun, once, type RunOptions, run } from "./support.ts";

interface Containerd {
  readonly socket: string;
  /** What `ctr --hosts-dir` wants: one folder for each registry. */
  readonly hostsFolder: string;
}

const containerd = once(async (): Promise<Containerd> => {
  if (process.getuid?.() !== 0) throw new NotRun("containerd needs root");
  const home = await folder("containerd");
  const socket = join(home, "containerd.sock");
  const configFile = join(home, "config.toml");
  await writeFile(
    configFile,
    `version = 2
root = "${home}/root"
state = "${home}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "${socket}"
[ttrpc]
  address = "${socket}.ttrpc"
`,
  );
  const { host } = await registry();
  const { plainHost, tlsPort, caFile } = await proxy();
  const hostsFolder = await folder("containerd/hosts");
  await writeHosts(hostsFolder, host, `server = "http://${host}"\n`);
  await writeHosts(hostsFolder, plainHost, `server = "http://${plainHost}"\n`);
  const tlsHost = `127.0.0.1:${tlsPort}`;
  const trust = `[host."https://${tlsHost}"]\n  ca = "${caFile}"\n`;
  await writeHosts(hostsFolder, tlsHost, `server = "https://${tlsHost}"\n${trust}`);
  const answers = async () => {
    await run(["ctr", "--address", socket, "version"]);
    return true;
  };
  await daemon("containerd", ["containerd", "--config", configFile], answers);
  return { socket, hostsFolder };
});

async function writeHosts(hostsFolder: string, host: string, text: string): Promise<void> {
  await mkdir(join(hostsFolder, host), { recursive: true });
  await writeFile(join(hostsFolder, host, "hosts.toml"), text);
}

async function images(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const { socket } = await containerd();
  return (await run(["ctr", "--address", socket, "images", ...argv], options)).stdout;
}

const needs = ["containerd", "ctr", "nginx", "openssl"];
const snapshots = ["--snapshotter", "native"];

async function imported(repository: string, tag: string, content: Image | ImageIndex) {
  const tar = await layoutTar(`containerd-${Bun.randomUUIDv7()}`, tag, content);
  await images(["import", "--all-platforms", "--no-unpack", "--base-name", repository, tar]);
  return `${repository}:${tag}`;
}

/** ctr keeps no credentials: they come with each command. */
async function remoteFlags(): Promise<string[]> {
  const { hostsFolder } = await containerd();
  const { account } = await registry();
  const user = account === null ? [] : ["--user", `${account.name}:${account.password}`];
  return ["--hosts-dir", hostsFolder, ...user];
}

async function push(reference: string): Promise<void> {
  await images(["push", ...(await remoteFlags()), reference]);
}

/** Pulls, and compares the digest that containerd keeps with the content's own. */
async function pull(reference: string, content: Image | ImageIndex, ...more: string[]) {
  await images(["pull", ...(await remoteFlags()), ...snapshots, ...more, reference]);
  const listed = (await images(["list", `name==${reference}`])).split("\n")[1] ?? "";
  expect(listed).toContain(content.descriptor.digest);
  const checked = await images(["check", ...snapshots, `name==${reference}`]);
  expect(checked).toContain("complete");
}

async function readBack(repository: string, content: Image | ImageIndex): Promise<void> {
  const { host } = await registry();
  const stored = await door(host).readBack(repository, "1");
  expect(stored.text).toBe(content.text);
}

async function pushed(target: string, repository: string, content: Image | ImageIndex) {
  await push(await imported(`${target}/${repository}`, "1", content));
  await readBack(repository, content);
}

async function pulled(
  target: string,
  repository: string,
  content: Image | ImageIndex,
  ...more: string[]
) {
  const { host } = await registry();
  await seed(door(host), repository, "1", content);
  await pull(`${target}/${repository}:1`, content, ...more);
}

async function copied(target: string, from: string, to: string): Promise<void> {
  const { host } = await registry();
  const image = smallImage();
  await seed(door(host), from, "1", image);
  await pull(`${target}/${from}:1`, image);
  await images(["tag", `${target}/${from}:1`, `${target}/${to}:1`]);
  await push(`${target}/${to}:1`);
  await readBack(to, image);
}

function containerdCells(client: string, prefix: string, target: () => Promise<string>): void {
  cell(client, "push", { needs }, async () => {
    await pushed(await target(), `${prefix}/pushed`, await debianImage());
  });
  cell(client, "pull", { needs }, async () => {
    await pulled(await target(), `${prefix}/pulled`, await debianImage());
  });
  cell(client, "multi-arch", { needs }, async () => {
    await pushed(await target(), `${prefix}/index-pushed`, multiPlatform());
    await pulled(await target(), `${prefix}/index-pulled`, multiPlatform(), "--all-platforms");
  });
  cell(client, "past", { needs }, async () => {
    const { host } = await registry();
    for (const { image, past } of await seedMoves(door(host), `${prefix}/moves`)) {
      await pull(`${await target()}/${past}/${prefix}/moves:moved`, image);
    }
  });
  cell(client, "copy", { needs }, async () => {
    await copied(await target(), `${prefix}/original`, `${prefix}/copy`);
  });
}

describe("containerd", () => {
  containerdCells("containerd", "ctr", async () => (await registry()).host);

  refusedCell(
    "containerd",
    { needs },
    {
      async pull(repository) {
        const { socket, hostsFolder } = await containerd();
        const pull = ["images", "pull", "--hosts-dir", hostsFolder, `${repository}:1`];
        return ["ctr", "--address", socket, ...pull];
      },
      env: async () => ({}),
      says: /authorization failed|401 Unauthorized/,
    },
  );

  cell("containerd", "mount", { needs }, async () => {
    const { plainHost, mounted } = await proxy();
    await copied(plainHost, "ctr/mount-from", "ctr/mount-to");
    expect(await mounted("ctr/mount-to")).toBeGreaterThan(0);
  });
});

// nginx ends TLS there.
describe("containerd, TLS", () => {
  containerdCells("containerd, TLS", "ctr-tls", tlsHost);

  cell("containerd, TLS", "mount", { needs }, async () => {
    await copied(await tlsHost(), "ctr-tls/mount-from", "ctr-tls/mount-to");
    expect(await (await proxy()).mounted("ctr-tls/mount-to")).toBeGreaterThan(0);
  });

  cell("containerd, TLS", "pull and push over 1 GB", { needs }, async () => {
    const { host } = await registry();
    const image = await hugeImage();
    const source = `${await tlsHost()}/ctr-tls/huge-pulled:1`;
    await pulled(await tlsHost(), "ctr-tls/huge-pulled", image);
    // Another host for containerd, so that it sends everything.
    await images(["tag", source, `${host}/ctr/huge-pushed:1`]);
    await push(`${host}/ctr/huge-pushed:1`);
    await readBack("ctr/huge-pushed", image);
    await images(["rm", "--sync", source, `${host}/ctr/huge-pushed:1`]);
  });
});

async function tlsHost(): Promise<string> {
  return `127.0.0.1:${(await proxy()).tlsPort}`;
}
