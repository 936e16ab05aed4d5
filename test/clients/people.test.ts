import { afterAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Account, administrator } from "./berth.ts";
import { notRun, notRunMax } from "./matrix.ts";
import {
  type Command,
  clients,
  deleteCommand,
  dockerCommand,
  type PeoplesClient,
  runCommand,
} from "./people-clients.ts";
import {
  company,
  developer,
  endToken,
  newRobot,
  project,
  readOnly,
  withToken,
} from "./people-world.ts";
import { cell, endAll, folder, runRefused } from "./support.ts";

afterAll(endAll);

/** Within this long, what was revoked or has ended lets nobody in. */
const revokedWithinMs = 5_000;
const nobody: Account = { name: "", password: "" };

/** One client in the hands of one person, whose credentials are in a folder of their own. */
interface Hands {
  readonly home: string;
  login(): Promise<void>;
  push(repository: string, tag: string): Promise<string>;
  pull(repository: string, tag: string): Promise<string>;
  /** All that the client says when it is refused. */
  refusedPush(repository: string, tag: string): Promise<string>;
  refusedPull(repository: string, tag: string): Promise<string>;
}

async function handsOf(client: PeoplesClient, as: Account): Promise<Hands> {
  const home = await folder(`people/${Bun.randomUUIDv7()}`);
  return {
    home,
    async login() {
      if (client.login !== null) await runCommand(await client.login(as, home));
    },
    push: async (...to) => runCommand(await client.push(as, home, ...to)),
    pull: async (...from) => runCommand(await client.pull(as, home, ...from)),
    refusedPush: async (...to) => refused(await client.push(as, home, ...to)),
    refusedPull: async (...from) => refused(await client.pull(as, home, ...from)),
  };
}

async function signedIn(client: PeoplesClient, as: Account): Promise<Hands> {
  const hands = await handsOf(client, as);
  await hands.login();
  return hands;
}

function refused({ argv, options }: Command): Promise<string> {
  return runRefused(argv, options);
}

const [docker, podman] = clients as [PeoplesClient, PeoplesClient];

for (const client of clients) {
  const { name, needs } = client;
  const denial = (message: string) => (client.quotes ? message : "403 Forbidden");
  const options = { needs: [...needs, "skopeo", "podman"] };
  const chart = `${project}/${name}/app`;

  describe(name, () => {
    cell(name, "an administrator pushes, pulls and deletes", options, async () => {
      for (const as of [administrator, await withToken(administrator)]) {
        const admin = await signedIn(client, as);
        await admin.push(chart, "0.1.0");
        await admin.pull(chart, "0.1.0");
        const { home } = await signedIn(podman, as);
        await runCommand(await deleteCommand(home, chart, "0.1.0"));
        expect(await admin.refusedPull(chart, "0.1.0")).toMatch(/not found|manifest unknown/i);
      }
    });

    cell(name, "a developer pushes and pulls, but does not delete", options, async () => {
      for (const as of [developer, await withToken(developer)]) {
        const hands = await signedIn(client, as);
        await hands.push(chart, "0.2.0");
        await hands.pull(chart, "0.2.0");
        const { home } = await signedIn(podman, as);
        const said = await refused(await deleteCommand(home, chart, "0.2.0"));
        expect(said).toContain(`no grant gives repository:delete on ${chart}`);
        expect(await hands.refusedPush(`admin/${name}`, "0.2.0")).toContain(
          denial(`denied: ${as.name} may not push to admin/${name}`),
        );
      }
    });

    cell(name, "a robot pushes where its pattern lets it", options, async () => {
      const robot = await newRobot();
      const hands = await signedIn(client, robot);
      await hands.push(`${project}/ci/${name}`, "0.3.0");
      await hands.pull(`${project}/ci/${name}`, "0.3.0");
      const other = `${project}/else/${name}`;
      expect(await hands.refusedPush(other, "0.3.0")).toContain(
        denial(`denied: ${robot.name} may not push to ${other}`),
      );
      const admin = await signedIn(client, administrator);
      await admin.push(other, "0.3.1");
      expect(await hands.refusedPull(other, "0.3.1")).toMatch(/not found|name unknown/);
    });

    cell(name, "who may only read pulls", options, async () => {
      const admin = await signedIn(client, administrator);
      await admin.push(chart, "0.4.0");
      for (const as of [readOnly, await withToken(readOnly)]) {
        const hands = await signedIn(client, as);
        await hands.pull(chart, "0.4.0");
        expect(await hands.refusedPush(chart, "0.4.1")).toContain(
          denial(`denied: no grant gives repository:push on ${chart}`),
        );
      }
    });

    cell(name, "a wrong password is refused", options, async () => {
      const wrong = { name: readOnly.name, password: `${readOnly.password}!` };
      const hands = await handsOf(client, wrong);
      const said =
        client.login === null
          ? await hands.refusedPull(chart, "0.4.0")
          : await refused(await client.login(wrong, hands.home));
      expect(said).toMatch(/the credentials are wrong|401 Unauthorized|invalid username\/password/);
    });

    cell(name, "what was revoked or has ended is refused", options, async () => {
      const { ask } = await company();
      const admin = await signedIn(client, administrator);
      const repository = `${project}/ci/revoked/${name}`;
      await admin.push(repository, "0.5.0");
      const robot = await newRobot();
      const revoked = await withToken(developer);
      const ended = await withToken(developer);
      const holders: Hands[] = [];
      for (const as of [revoked, ended, robot]) holders.push(await signedIn(client, as));
      for (const hands of holders) await hands.pull(repository, "0.5.0");
      await ask(developer, "DELETE", `/api/v1/account/tokens/${revoked.id}`);
      await ask(administrator, "PATCH", robot.path, { disabled: true });
      await endToken(ended.id, 1_000);
      await Bun.sleep(revokedWithinMs);
      for (const hands of holders) {
        const said = await hands.refusedPull(repository, "0.5.0");
        expect(said).toMatch(/unauthorized: the .+ wrong, expired|401 Unauthorized/);
      }
    });

    cell(name, "a tag that is immutable does not move", options, async () => {
      const hands = await signedIn(client, developer);
      await hands.push(chart, "v1.0.0");
      expect(await hands.refusedPush(chart, "v1.0.0")).toContain(
        denial(`denied: the tag v1.0.0 of ${chart} is immutable by the rule "v*" except "v*-dev"`),
      );
      for (const _ of [1, 2]) await hands.push(chart, "v1.0.0-dev");
    });

    const { logout } = client;
    if (logout === null) return;
    cell(name, "after a logout nothing is pulled", options, async () => {
      const hands = await signedIn(client, developer);
      await hands.push(chart, "0.6.0");
      await hands.pull(chart, "0.6.0");
      await runCommand(await logout(hands.home));
      const said = await hands.refusedPull(chart, "0.6.0");
      expect(said).toContain("unauthorized: authentication required");
    });
  });
}

describe("docker's credentials", () => {
  const { needs } = docker;
  const repository = `${project}/kept/app`;

  async function configOf(home: string): Promise<string> {
    return await readFile(join(home, "config.json"), "utf8");
  }

  cell("docker", "a login leaves a token to refresh, not the password", { needs }, async () => {
    for (const as of [developer, await withToken(developer)]) {
      const hands = await signedIn(docker, as);
      const { name } = await company();
      const { auths } = JSON.parse(await configOf(hands.home)) as {
        auths: Record<string, { auth: string; identitytoken?: string }>;
      };
      expect(auths[name]?.identitytoken).toStartWith("berth_refresh_");
      const kept = Buffer.from(auths[name]?.auth ?? "", "base64").toString();
      expect(kept).not.toContain(as.password);
      await hands.push(repository, "1");
      await hands.pull(repository, "1");
    }
  });

  cell("docker", "a helper keeps what the login gave", { needs }, async () => {
    const { name } = await company();
    const home = await folder(`people/${Bun.randomUUIDv7()}`);
    const helper = await makeHelper(home);
    await writeFile(join(home, "config.json"), JSON.stringify({ credsStore: "berthtest" }));
    const withHelper = ({ argv, options }: Command): Command => ({
      argv,
      options: { ...options, env: { ...options.env, PATH: helper.path } },
    });
    for (const as of [developer, await withToken(readOnly), await newRobot()]) {
      const login = await docker.login?.(as, home);
      if (login === undefined) throw new Error("docker has a login");
      await runCommand(withHelper(login));
      const config = await configOf(home);
      expect(config).not.toContain("berth_");
      expect(config).toContain('"credsStore": "berthtest"');
      const stored = JSON.parse(await readFile(helper.store, "utf8")) as Record<string, string>;
      expect(stored["ServerURL"]).toBe(name);
      const target = as.name.startsWith("robot.") ? `${project}/ci/kept` : repository;
      if (as.name === readOnly.name) {
        await runCommand(withHelper(await docker.pull(as, home, target, "1")));
      } else {
        await runCommand(withHelper(await docker.push(as, home, target, "1")));
      }
    }
    await runCommand(withHelper(await dockerCommand(home, ["logout", name])));
    expect(existsSync(helper.store)).toBe(false);
    const pull = withHelper(await docker.pull(nobody, home, repository, "1"));
    expect(await refused(pull)).toMatch(/unauthorized|access denied/);
  });

  cell("docker", "a password on the command line is taken as it is", { needs }, async () => {
    const { name } = await company();
    for (const as of [developer, readOnly]) {
      const home = await folder(`people/${Bun.randomUUIDv7()}`);
      const login = ["login", "--username", as.name, "--password", as.password, name];
      expect(await runCommand(await dockerCommand(home, login))).toContain("Login Succeeded");
    }
  });
});

test("nearly every cell was run, where nothing may be missing", () => {
  if (process.env["CI"] !== "true") return;
  expect(notRun().length).toBeLessThanOrEqual(notRunMax);
});

/** A docker-credential-berthtest that keeps one entry in a file. */
async function makeHelper(home: string): Promise<{ path: string; store: string }> {
  const store = join(home, "kept.json");
  const script = join(home, "docker-credential-berthtest");
  await writeFile(
    script,
    `#!/bin/sh
case "$1" in
  store) cat >'${store}' ;;
  get) if [ -e '${store}' ]; then cat '${store}'; else echo 'credentials not found in native keychain'; exit 1; fi ;;
  erase) rm -f '${store}' ;;
  list) echo '{}' ;;
esac
`,
  );
  await chmod(script, 0o755);
  return { store, path: `${home}:${process.env["PATH"] ?? ""}` };
}
