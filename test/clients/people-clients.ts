import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Account } from "./berth.ts";
import { layoutTar, smallImage, tarOf } from "./content.ts";
import { company } from "./people-world.ts";
import { containerSettings } from "./storage.ts";
import { daemon, folder, once, type RunOptions, run, workspace } from "./support.ts";

/** A command line with what it needs around it. */
export interface Command {
  readonly argv: readonly string[];
  readonly options: RunOptions;
}

/** What people do with a registry, in the words of one client. */
export interface PeoplesClient {
  readonly name: string;
  readonly needs: readonly string[];
  /** Whether it shows the registry's words, not only the status. */
  readonly quotes: boolean;
  /** Null for a client that keeps no credentials: they come with each command. */
  login: ((as: Account, home: string) => Promise<Command>) | null;
  logout: ((home: string) => Promise<Command>) | null;
  /** Pushes what nobody has seen before to a tag of a repository. */
  push(as: Account, home: string, repository: string, tag: string): Promise<Command>;
  /** Pulls a tag, of which nothing is left from before. */
  pull(as: Account, home: string, repository: string, tag: string): Promise<Command>;
}

const small = { "etc/motd": "" };

/** A tar of a small root file system that no registry has seen. */
async function newTar(): Promise<string> {
  const path = join(await folder("people"), `${Bun.randomUUIDv7()}.tar`);
  await writeFile(path, tarOf({ ...small, "etc/motd": Bun.randomUUIDv7() }));
  return path;
}

const docker: PeoplesClient = {
  name: "docker",
  needs: ["docker", "dockerd", "unshare", "openssl"],
  quotes: true,
  async login(as, home) {
    const { name } = await company();
    const login = ["login", "--username", as.name, "--password-stdin", name];
    return dockerCommand(home, login, as.password);
  },
  async logout(home) {
    return dockerCommand(home, ["logout", (await company()).name]);
  },
  async push(_as, home, repository, tag) {
    const reference = `${(await company()).name}/${repository}:${tag}`;
    await runCommand(await dockerCommand(home, ["import", await newTar(), reference]));
    return dockerCommand(home, ["push", reference]);
  },
  async pull(_as, home, repository, tag) {
    const reference = `${(await company()).name}/${repository}:${tag}`;
    const remove = await dockerCommand(home, ["rmi", reference]);
    await run(remove.argv, { ...remove.options, mayFail: true });
    return dockerCommand(home, ["pull", reference]);
  },
};

export async function dockerCommand(
  home: string,
  argv: readonly string[],
  stdin?: string,
): Promise<Command> {
  const { dockerd } = await company();
  const input = stdin === undefined ? {} : { stdin };
  const options = { env: { DOCKER_CONFIG: home }, ...input };
  return { argv: ["docker", "--host", dockerd, ...argv], options };
}

const podman: PeoplesClient = {
  name: "podman",
  needs: ["podman", "unshare", "openssl"],
  quotes: true,
  async login(as, home) {
    const { name } = await company();
    const login = ["login", "--username", as.name, "--password-stdin"];
    return podmanCommand(home, [...login, ...(await trust()), name], as.password);
  },
  async logout(home) {
    return podmanCommand(home, ["logout", (await company()).name]);
  },
  async push(_as, home, repository, tag) {
    const reference = `${(await company()).name}/${repository}:${tag}`;
    await runCommand(await podmanCommand(home, ["import", await newTar(), reference]));
    return podmanCommand(home, ["push", ...(await trust()), reference]);
  },
  async pull(_as, home, repository, tag) {
    const reference = `${(await company()).name}/${repository}:${tag}`;
    const remove = await podmanCommand(home, ["rmi", reference]);
    await run(remove.argv, { ...remove.options, mayFail: true });
    return podmanCommand(home, ["pull", ...(await trust()), reference]);
  },
};

async function trust(): Promise<string[]> {
  return ["--cert-dir", (await company()).certsFolder];
}

async function podmanCommand(
  home: string,
  argv: readonly string[],
  stdin?: string,
): Promise<Command> {
  const { inNames } = await company();
  const authFile = join(home, "auth.json");
  if (!existsSync(authFile)) await writeFile(authFile, "{}");
  const env = { ...(await containerSettings()), REGISTRY_AUTH_FILE: authFile };
  const input = stdin === undefined ? {} : { stdin };
  return { argv: inNames(["podman", ...argv]), options: { env, ...input } };
}

/** docker, podman and helm cannot delete: skopeo does it with what podman has signed in with. */
export async function deleteCommand(
  home: string,
  repository: string,
  tag: string,
): Promise<Command> {
  const { name, inNames } = await company();
  const { options } = await podmanCommand(home, []);
  const remote = `docker://${name}/${repository}:${tag}`;
  return { argv: inNames(["skopeo", "delete", ...(await trust()), remote]), options };
}

const containerd = once(async (): Promise<string> => {
  const home = await folder("company-containerd");
  const socket = join(home, "containerd.sock");
  const config = join(home, "config.toml");
  await writeFile(
    config,
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
  const answers = async () => {
    await run(["ctr", "--address", socket, "version"]);
    return true;
  };
  await daemon("company-containerd", ["containerd", "--config", config], answers);
  return socket;
});

const ctr: PeoplesClient = {
  name: "containerd",
  needs: ["containerd", "ctr", "unshare", "openssl"],
  quotes: false,
  login: null,
  logout: null,
  async push(as, _home, repository, tag) {
    const base = `${(await company()).name}/${repository}`;
    const tar = await layoutTar(`people-${Bun.randomUUIDv7()}`, tag, smallImage());
    await runCommand(await ctrCommand(["import", "--no-unpack", "--base-name", base, tar]));
    return ctrCommand(["push", ...(await ctrFlags(as)), `${base}:${tag}`]);
  },
  async pull(as, _home, repository, tag) {
    const reference = `${(await company()).name}/${repository}:${tag}`;
    await runCommand(await ctrCommand(["rm", "--sync", reference]));
    const flags = ["--snapshotter", "native", ...(await ctrFlags(as))];
    return ctrCommand(["pull", ...flags, reference]);
  },
};

async function ctrFlags({ name, password }: Account): Promise<string[]> {
  const { caFile } = await company();
  return ["--tlscacert", caFile, "--user", `${name}:${password}`];
}

async function ctrCommand(argv: readonly string[]): Promise<Command> {
  const { inNames } = await company();
  const socket = await containerd();
  return { argv: inNames(["ctr", "--address", socket, "images", ...argv]), options: {} };
}

const helm: PeoplesClient = {
  name: "helm",
  needs: ["helm", "unshare", "openssl"],
  quotes: true,
  async login(as, home) {
    const { name, caFile } = await company();
    const login = ["registry", "login", name, "--username", as.name, "--password-stdin"];
    return helmCommand(home, [...login, "--ca-file", caFile], as.password);
  },
  async logout(home) {
    return helmCommand(home, ["registry", "logout", (await company()).name]);
  },
  async push(_as, home, repository, tag) {
    const { name, caFile } = await company();
    const chart = await newChart(home, repository, tag);
    const parent = repository.slice(0, repository.lastIndexOf("/"));
    return helmCommand(home, ["push", "--ca-file", caFile, chart, `oci://${name}/${parent}`]);
  },
  async pull(_as, home, repository, tag) {
    const { name, caFile } = await company();
    const target = ["--destination", await folder(`people/${Bun.randomUUIDv7()}`)];
    const flags = ["--ca-file", caFile, "--version", tag, ...target];
    return helmCommand(home, ["pull", ...flags, `oci://${name}/${repository}`]);
  },
};

/** Path of a chart like no other, whose name ends the repository's, and whose version is the tag. */
async function newChart(home: string, repository: string, version: string): Promise<string> {
  const target = await folder(`people/${Bun.randomUUIDv7()}`);
  const chart = repository.split("/").at(-1) ?? "";
  await runCommand(await helmCommand(home, ["create", join(target, chart)]));
  // Else two charts of one second would be the same one.
  const unique = ["--app-version", Bun.randomUUIDv7()];
  const flags = ["--version", version, ...unique, "--destination", target];
  await runCommand(await helmCommand(home, ["package", ...flags, join(target, chart)]));
  return join(target, `${chart}-${version}.tgz`);
}

async function helmCommand(
  home: string,
  argv: readonly string[],
  stdin?: string,
): Promise<Command> {
  const { inNames } = await company();
  const env = { HELM_REGISTRY_CONFIG: join(home, "registry.json"), DOCKER_CONFIG: home };
  const input = stdin === undefined ? {} : { stdin };
  return { argv: inNames(["helm", ...argv]), options: { env, cwd: workspace, ...input } };
}

export async function runCommand({ argv, options }: Command): Promise<string> {
  const { stdout, stderr } = await run(argv, options);
  return stdout + stderr;
}

export const clients: readonly PeoplesClient[] = [docker, podman, ctr, helm];
