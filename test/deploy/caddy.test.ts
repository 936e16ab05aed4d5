import { afterAll, expect } from "bun:test";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { projectFolder } from "../../scripts/groups.ts";
import { administrator, startBerth } from "../clients/berth.ts";
import { dockerdNeeds, startDockerd } from "../clients/dockerd.ts";
import { daemon, endAll, folder, freePort, run } from "../clients/support.ts";
import { testWith } from "./support.ts";

afterAll(endAll);

testWith(
  ["caddy", "root", ...dockerdNeeds],
  "docker signs in, pushes and pulls through Caddy as OPERATING.md sets it up",
  async () => {
    const host = `127.0.0.1:${freePort()}`;
    const tlsPort = freePort();
    const publicName = `registry.test:${tlsPort}`;
    await startBerth("berth-behind-caddy", {
      BERTH_LISTEN: host,
      BERTH_DATA: await folder("berth-behind-caddy"),
      BERTH_URL: `https://${publicName}`,
      BERTH_TRUSTED_PROXIES: "127.0.0.1",
    });
    const caFile = await startCaddy(publicName, host);
    const socket = await startDockerd("dockerd-behind-caddy", { registry: publicName, caFile });
    const env = { DOCKER_CONFIG: await folder("docker-behind-caddy") };
    const docker = async (...words: string[]) =>
      (await run(["docker", "--host", socket, ...words], { env })).stdout;

    const { name, password } = administrator;
    const login = ["login", "--username", name, "--password-stdin", publicName];
    const signedIn = await run(["docker", "--host", socket, ...login], { env, stdin: password });
    expect(signedIn.stdout).toContain("Login Succeeded");
    const image = `${publicName}/demo/caddy:1`;
    const id = (await docker("import", await layerFile(), image)).trim();
    await docker("push", image);
    await docker("rmi", image);
    await docker("pull", image);
    expect((await docker("image", "inspect", "--format", "{{.Id}}", image)).trim()).toBe(id);
  },
  120,
);

/** The two lines of the handbook, with a name and an authority of this machine. Gives the authority's file. */
async function startCaddy(publicName: string, host: string): Promise<string> {
  const home = await folder("caddy");
  const handbook = await readFile(join(projectFolder, "docs", "OPERATING.md"), "utf8");
  const section = handbook.slice(handbook.indexOf("## Free TLS: Caddy"));
  const [, name = "", proxy = ""] = /\n {4}(\S+)\n {4}(reverse_proxy \S+)\n\n/.exec(section) ?? [];
  expect(name).toBe("registry.example.com");
  const here = [
    "{",
    "admin off",
    "local_certs",
    "skip_install_trust",
    "auto_https disable_redirects",
    "}",
    `${name.replace("registry.example.com", publicName)} {`,
    proxy.replace("127.0.0.1:5000", host),
    "}",
  ];
  const file = join(home, "Caddyfile");
  await writeFile(file, `${here.join("\n")}\n`);
  const caFile = join(home, "caddy", "pki", "authorities", "local", "root.crt");
  const env = { XDG_DATA_HOME: home, XDG_CONFIG_HOME: home };
  const answers = async () => {
    const ca = await readFile(caFile, "utf8");
    const [serverName = "", port = ""] = publicName.split(":");
    const response = await fetch(`https://127.0.0.1:${port}/readyz`, {
      headers: { host: publicName },
      tls: { ca, serverName },
    });
    return response.status === 200;
  };
  await daemon("caddy", ["caddy", "run", "--config", file, "--adapter", "caddyfile"], answers, {
    env,
  });
  return caFile;
}

/** A layer of a few megabytes, in an archive as `docker import` takes it. */
async function layerFile(): Promise<string> {
  const home = await folder("layer");
  const bytes = crypto.getRandomValues(new Uint8Array(64 * 1024));
  await writeFile(join(home, "file"), Buffer.concat(Array.from({ length: 256 }, () => bytes)));
  const tar = join(await folder("layer-archive"), "layer.tar");
  await run(["tar", "-C", home, "-cf", tar, "file"]);
  return tar;
}
