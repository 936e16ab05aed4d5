import { copyFile, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { administrator, management, startBerth } from "../clients/berth.ts";
import { hostsFile, startDockerd } from "../clients/dockerd.ts";
import { makeCertificates } from "../clients/proxy.ts";
import { containerSettings } from "../clients/storage.ts";
import { folder, freePort, once, type RunOptions, run, tool } from "../clients/support.ts";

/** Where blocks of the pages are run: beside a Berth with TLS and a dockerd, as `anna`. */
export interface PageWorld {
  /** Runs lines of a shell in a folder and a home of the page's own, and gives what they said. */
  run(page: string, script: string): Promise<{ readonly said: string; readonly exitCode: number }>;
}

const projectFolder = join(import.meta.dir, "..", "..");
const anna = { name: "anna", password: "correct horse battery" };

/** Hosts of the pages, each of which is the registry of this test. */
const hosts = /\b(registry|harbor|old)\.example\.com\b|\bdocker\.io(?=\/)/g;

export const pageWorld = once(async (): Promise<PageWorld> => {
  const host = `registry.test:${freePort()}`;
  const home = await folder("pages");
  await makeCertificates(home);
  await writeFile(join(home, "hosts"), hostsFile);
  const token = await startRegistry(host, home);
  const caFile = join(home, "ca.pem");
  const docker = await startDockerd("pages-dockerd", { registry: host, caFile });
  const bin = await makePrograms(home);
  const environment = {
    ...(await containerSettings()),
    DOCKER_HOST: docker,
    SSL_CERT_FILE: caFile,
    CURL_CA_BUNDLE: caFile,
    PATH: `${bin}:${process.env["PATH"]}:/usr/sbin:/sbin`,
  };
  const prepare = `mount --bind ${home}/hosts /etc/hosts && exec bash -euc "$0"`;
  const inShell = (lines: string, options: RunOptions) =>
    run(["unshare", "--mount", "sh", "-c", prepare, lines], {
      timeoutSeconds: 170,
      ...options,
      env: { ...environment, ...options.env },
    });
  await makeImages(host, token, inShell);
  return {
    async run(page, script) {
      const own = await folder(`pages/${page}`);
      await writeFile(join(own, "report.json"), "{}");
      const certificates = join(own, ".docker", "certs.d", host);
      await mkdir(certificates, { recursive: true });
      await copyFile(caFile, join(certificates, "ca.crt"));
      const isTyped = /^read -rs TOKEN$/m.test(script);
      const env = {
        ...{ HOME: own, REGISTRY_AUTH_FILE: join(own, "auth.json") },
        ...{ HARBOR_PASSWORD: administrator.password, OLD_PASSWORD: token },
        ...(isTyped ? {} : { TOKEN: token }),
      };
      const options = { cwd: own, env, mayFail: true, ...(isTyped ? { stdin: `${token}\n` } : {}) };
      const { stdout, stderr, exitCode } = await inShell(script.replace(hosts, host), options);
      return { said: `${stdout}\n${stderr}`, exitCode };
    },
  };
});

/** With the administrator `anna`, whose token is returned. */
async function startRegistry(host: string, home: string): Promise<string> {
  const port = host.split(":")[1] ?? "";
  await startBerth("pages-berth", {
    BERTH_LISTEN: `[::1]:${port}`,
    BERTH_DATA: await folder("pages-data"),
    BERTH_URL: `https://${host}`,
    BERTH_TLS_CERT: join(home, "server.pem"),
    BERTH_TLS_KEY: join(home, "server.key"),
  });
  const ask = management(`https://[::1]:${port}`, await readFile(join(home, "ca.pem"), "utf8"));
  await ask(administrator, "POST", "/api/v1/users", { ...anna, administrator: true });
  await ask(anna, "POST", "/api/v1/projects", { name: "team" });
  const { token } = await ask(anna, "POST", "/api/v1/account/tokens", {});
  return String(token);
}

/** Programs by the names that pages call them. */
async function makePrograms(home: string): Promise<string> {
  const bin = join(home, "bin");
  await mkdir(bin);
  const start = `exec "${process.execPath}" --no-env-file "${projectFolder}/src/main.ts" "$@"`;
  await writeFile(join(bin, "berth"), `#!/bin/sh\n${start}\n`, { mode: 0o755 });
  for (const name of ["crane", "regctl", "helm"]) await link(name, join(bin, name));
  await link("cosign-v2", join(bin, "cosign"));
  return bin;
}

async function link(name: string, path: string): Promise<void> {
  const program = tool(name);
  if (program !== null) await symlink(program, path);
}

/** What a reader has: an image `app:v1` in docker, and images in the registries that they come from. */
async function makeImages(
  host: string,
  token: string,
  inShell: (lines: string, options: RunOptions) => Promise<unknown>,
): Promise<void> {
  const own = await folder("pages/images");
  const lines = `
    echo text > file
    tar -c file | docker import - app:v1
    printf %s "$TOKEN" | docker login ${host} -u anna --password-stdin
    for name in team/app library/app; do
      docker tag app:v1 ${host}/$name:v1
      docker push ${host}/$name:v1
      docker rmi ${host}/$name:v1
    done`;
  await inShell(lines, { cwd: own, env: { HOME: own, TOKEN: token } });
}
