import { expect } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Account, basic, registry } from "./berth.ts";
import { seed, smallImage } from "./content.ts";
import { door } from "./door.ts";
import { type CellOptions, cell, folder, NotRun, run, runRefused } from "./support.ts";

export interface SignIn {
  /** The environment with which a client keeps its credentials in a folder. */
  environment(home: string): Record<string, string>;
  /** Signs the client in at a host. */
  login(host: string, account: Account, env: Record<string, string>): Promise<unknown>;
}

export interface SignedIn {
  /** The client's environment, once it is signed in at each registry that a command names. */
  at(argv: readonly string[]): Promise<Record<string, string>>;
  /** Its environment where it never signed in anywhere. */
  nowhere(): Promise<Record<string, string>>;
}

const hostPattern = /(?:127\.0\.0\.1|localhost):\d+/g;

/** A client with credentials of its own, which signs in at each host before it first talks to it. */
export function signsIn(client: string, { environment, login }: SignIn): SignedIn {
  const logins = new Map<string, Promise<unknown>>();
  return {
    async at(argv) {
      const env = environment(await folder(`sign-in/${client}`));
      const { account } = await registry();
      if (account === null) return env;
      for (const [host] of argv.join(" ").matchAll(hostPattern)) {
        const done = logins.get(host) ?? login(host, account, env);
        logins.set(host, done);
        await done;
      }
      return env;
    },
    async nowhere() {
      return environment(await folder(`sign-in/${client}-nobody`));
    },
  };
}

/** Most clients look where docker keeps its credentials. */
export function dockerEnvironment(home: string): Record<string, string> {
  return { DOCKER_CONFIG: home };
}

/** A login command that reads the password from its standard input. */
export function loginWith(
  command: (host: string, name: string) => readonly string[],
): SignIn["login"] {
  return (host, account, env) => run(command(host, account.name), { env, stdin: account.password });
}

const written = new Map<string, Record<string, { auth: string }>>();

/** What `docker login` would write, for clients that have no such command but read docker's file. */
export const writeDockerConfig: SignIn["login"] = async (host, account, env) => {
  const home = env["DOCKER_CONFIG"] ?? "";
  const auths = written.get(home) ?? {};
  auths[host] = { auth: basic(account).slice("Basic ".length) };
  written.set(home, auths);
  await writeFile(join(home, "config.json"), JSON.stringify({ auths }));
};

/** One cell: what is private is not for a client that has not signed in, and it says so in its own words. */
export function refusedCell(
  client: string,
  options: CellOptions,
  { pull, env, says }: RefusedPull,
): void {
  cell(client, "pull without login", options, async () => {
    const { host, account } = await registry();
    if (account === null) throw new NotRun("the registry asks nobody who they are");
    const repository = `private/${client.replaceAll(/[^a-z0-9]+/g, "-")}`;
    const image = smallImage();
    await seed(door(host), repository, "1", image);
    const argv = await pull(`${host}/${repository}`, image.descriptor.digest);
    expect(await runRefused(argv, { env: await env() })).toMatch(says);
  });
}

export interface RefusedPull {
  /** A command line that reads the tag `1` of a repository, or the digest behind it. */
  pull(repository: string, digest: string): readonly string[] | Promise<readonly string[]>;
  env(): Promise<Record<string, string>>;
  readonly says: RegExp;
}
