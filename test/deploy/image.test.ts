import { afterAll, describe, expect } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { projectFolder } from "../../scripts/groups.ts";
import { administrator, basic, startBerth } from "../clients/berth.ts";
import { dockerdNeeds, startDockerd } from "../clients/dockerd.ts";
import { containerSettings } from "../clients/storage.ts";
import { atEnd, endAll, folder, freePort, once, run } from "../clients/support.ts";
import { launch, testWith } from "./support.ts";

const layout = join(projectFolder, "dist", "image");
const building = ["apt-get", "dpkg-deb", "node"];
const reference = () => registryOfImages().then(({ host }) => `${host}/images/berth:test`);

interface Built {
  readonly digest: string;
  readonly libc: string;
}

async function build(...args: string[]): Promise<Built> {
  const out = await launch("deploy/image/build.ts", ...args);
  const [, libc = "", digest = ""] = /libc6 (\S+), (sha256:[0-9a-f]{64})/.exec(out) ?? [];
  expect(digest).not.toBe("");
  return { digest, libc };
}

/** For both processors; the digest is that of amd64. */
const built = once(() => build("--target", "all"));

/** A Berth with the image of Berth in it. */
const registryOfImages = once(async () => {
  const { digest } = await built();
  const host = `127.0.0.1:${freePort()}`;
  await startBerth("berth-of-images", {
    BERTH_LISTEN: host,
    BERTH_DATA: await folder("berth-of-images"),
  });
  const env = { DOCKER_CONFIG: await folder("docker-config") };
  const { name, password } = administrator;
  const login = ["login", "--insecure", host, "--username", name, "--password-stdin"];
  await run(["crane", "auth", ...login], { env, stdin: password });
  const crane = async (command: string, ...words: string[]) =>
    (await run(["crane", command, "--insecure", ...words], { env })).stdout.trim();
  const image = `${host}/images/berth:test`;
  await crane("push", "--index", layout, image);
  expect(await crane("digest", "--platform", "linux/amd64", image)).toBe(digest);
  const platforms = JSON.parse(await crane("manifest", image)).manifests.map(
    ({ platform }: { platform: object }) => platform,
  );
  const linux = (architecture: string) => ({ architecture, os: "linux" });
  expect(platforms).toEqual([linux("amd64"), linux("arm64")]);
  return { host, env };
});

afterAll(endAll);

describe("the image", () => {
  testWith(
    building,
    "holds no secret, and is not run by root",
    async () => {
      await built();
      const config = configOf(layout);
      expect(config.config.User).toBe("65532:65532");
      expect(config.config.Env.filter((line) => /PASSWORD|SECRET|TOKEN|OPEN/.test(line))).toEqual(
        [],
      );
      const labels = Object.keys(config.config.Labels);
      expect(labels).toContain("org.opencontainers.image.version");
    },
    180,
  );

  testWith([...building, "crane"], "is one that clients find nothing wrong with", async () => {
    const { host, env } = await registryOfImages();
    await run(["crane", "validate", "--insecure", "--remote", `${host}/images/berth:test`], {
      env,
    });
  });
});

/** How a container is run with nothing but its volume to write to. */
const locked = ["--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"];

interface Runtime {
  /** The program with its flags. */
  readonly argv: readonly string[];
  /** Further flags of `run` on machines that keep to few limits. */
  readonly runFlags: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

describe("docker", () => {
  const docker = once(async (): Promise<Runtime> => {
    const { env } = await registryOfImages();
    const socket = await startDockerd("dockerd-of-images", null);
    return { argv: ["docker", "--host", socket], runFlags: ["--health-interval=1s"], env };
  });
  const needs = [...building, "crane", "root", ...dockerdNeeds];
  testWith(
    needs,
    "runs it",
    async () => {
      const runtime = await docker();
      await pullAndRun(runtime, ["pull"], async (name) => {
        const format = ["--format", "{{.State.Health.Status}}", name];
        let health = "";
        for (let tries = 0; tries < 100 && health !== "healthy"; tries++) {
          await Bun.sleep(100);
          health = (await run([...runtime.argv, "inspect", ...format], runtime)).stdout.trim();
        }
        expect(health).toBe("healthy");
      });
    },
    180,
  );
});

describe("podman", () => {
  testWith(
    [...building, "crane", "root", "podman"],
    "runs it",
    async () => {
      const { env } = await registryOfImages();
      const authFile = join(env.DOCKER_CONFIG, "config.json");
      const runtime: Runtime = {
        argv: ["podman"],
        // Its own limits are above those that a container may have here.
        runFlags: ["--read-only-tmpfs=false", "--ulimit=nofile=8192", "--ulimit=nproc=8192"],
        env: { ...(await containerSettings()), REGISTRY_AUTH_FILE: authFile },
      };
      await pullAndRun(runtime, ["pull", "--tls-verify=false"], async () => {});
    },
    180,
  );
});

describe("the image, built again", () => {
  // The last one: it overwrites what the others push.
  testWith(
    building,
    "has the same digest",
    async () => {
      const { digest, libc } = await built();
      expect(await build("--libc", libc)).toEqual({ digest, libc });
    },
    180,
  );
});

/** From the registry to a container that is closed until it is set up, keeps its data, and stops. */
async function pullAndRun(
  { argv, env, runFlags }: Runtime,
  pull: readonly string[],
  whileItRuns: (name: string) => Promise<void>,
): Promise<void> {
  const image = await reference();
  const call = async (...words: string[]) => (await run([...argv, ...words], { env })).stdout;
  await call(...pull, image);
  expect((await call("image", "inspect", "--format", "{{.Id}}", image)).trim()).toEndWith(
    configDigestOf(layout).slice("sha256:".length),
  );

  const name = "berth-under-test";
  const port = freePort();
  const url = `http://127.0.0.1:${port}`;
  await call(
    ...["run", "--detach", "--name", name, "--network=host", ...locked, ...runFlags],
    ...["--volume", "berth-under-test:/var/lib/berth", "--env", `BERTH_LISTEN=0.0.0.0:${port}`],
    image,
  );
  atEnd(() => call("rm", "--force", "--volumes", name).then(() => {}));
  await ready(url);
  await whileItRuns(name);
  expect(await call("exec", name, "berth", "health")).toBe("ok\n");

  // Nobody gets in before somebody set it up.
  expect((await fetch(`${url}/v2/`)).status).toBe(401);
  expect((await push(url, {})).status).toBe(401);
  const setup = ["exec", "--interactive", name, "berth", "setup", "--password-stdin"];
  await run([...argv, ...setup], { env, stdin: administrator.password });
  const headers = { authorization: basic(administrator) };
  expect((await push(url, headers)).status).toBe(201);

  await call("restart", "--time", "30", name);
  await ready(url);
  const digest = digestOfHello();
  const kept = await fetch(`${url}/v2/demo/a/blobs/${digest}`, { headers });
  expect(await kept.text()).toBe("hello");
  expect(await call("exec", name, "berth", "verify")).toContain("nothing is wrong");
  await call("stop", "--time", "30", name);
  expect((await call("inspect", "--format", "{{.State.ExitCode}}", name)).trim()).toBe("0");
}

function digestOfHello(): string {
  return `sha256:${new Bun.CryptoHasher("sha256").update("hello").digest("hex")}`;
}

function push(url: string, headers: Record<string, string>): Promise<Response> {
  const path = `/v2/demo/a/blobs/uploads/?digest=${digestOfHello()}`;
  return fetch(`${url}${path}`, { method: "POST", body: "hello", headers });
}

async function ready(url: string): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const status = await fetch(`${url}/readyz`).then(
      (response) => response.status,
      () => 0,
    );
    if (status === 200) return;
    await Bun.sleep(100);
  }
  throw new Error(`${url} did not become ready`);
}

interface ImageConfig {
  readonly config: {
    readonly User: string;
    readonly Env: readonly string[];
    readonly Labels: Readonly<Record<string, string>>;
  };
}

function configOf(folder: string): ImageConfig {
  return readBlob(folder, configDigestOf(folder)) as ImageConfig;
}

function configDigestOf(folder: string): string {
  const index = JSON.parse(readFileSync(join(folder, "index.json"), "utf8"));
  const manifest = readBlob(folder, index.manifests[0].digest) as { config: { digest: string } };
  return manifest.config.digest;
}

function readBlob(folder: string, digest: string): unknown {
  const path = join(folder, "blobs", ...digest.split(":"));
  expect(existsSync(path)).toBe(true);
  return JSON.parse(readFileSync(path, "utf8"));
}
