import { afterAll, describe, expect, test } from "bun:test";
import { createSocket } from "node:dgram";
import { cpSync, readdirSync, readFileSync, statSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { version } from "../../package.json";
import { projectFolder } from "../../scripts/groups.ts";
import { administrator, basic } from "../clients/berth.ts";
import { seed, smallImage } from "../clients/content.ts";
import { door, signDoorIn } from "../clients/door.ts";
import { containerSettings } from "../clients/storage.ts";
import { atEnd, daemon, endAll, folder, freePort, run, runRefused } from "../clients/support.ts";
import { deployFolder, launch, testWith } from "./support.ts";
import { unknownVariables } from "./variables.ts";

const composeFolder = join(deployFolder, "compose");
const files = readdirSync(composeFolder).filter((name) => name.endsWith(".yaml"));

afterAll(endAll);

describe.each(files)("%s", (name) => {
  const text = readFileSync(join(composeFolder, name), "utf8");

  test("sets what Berth reads, and nothing else", () => {
    expect(text).toContain("BERTH_URL");
    // The image's name is compose's own business.
    expect(unknownVariables(text).filter((variable) => variable !== "BERTH_IMAGE")).toEqual([]);
  });

  testWith(
    ["compose-check", "openssl"],
    "is a compose file in which every name means something",
    async () => {
      const copy = await composeCopy(name);
      await run(["sh", join(copy, "secrets.sh")]);
      const { stdout } = await run(["compose-check", "-format", "json", join(copy, name)]);
      const { services } = JSON.parse(stdout) as Composed;
      expect(services["berth"]?.image).toBe(`localhost/berth:${version}`);
      // Nothing without TLS is offered to a network.
      const ports = Object.values(services).flatMap((service) => service.ports ?? []);
      expect(ports.map(({ host_ip }) => host_ip)).toEqual(["127.0.0.1"]);
      const broken = text.replace(/^volumes:/m, "volumes_:");
      await writeFile(join(copy, "broken.yaml"), broken);
      expect(await runRefused(["compose-check", join(copy, "broken.yaml")])).toContain("volumes_");
    },
  );
});

interface Composed {
  readonly services: Readonly<
    Record<string, { image: string; ports?: readonly { host_ip: string }[] }>
  >;
}

testWith(
  ["apt-get", "dpkg-deb", "node", "podman", "podman-compose", "root"],
  "compose.yaml is a Berth that is set up, takes an image and keeps it",
  async () => {
    await launch("deploy/image/build.ts");
    const env = await composeEnvironment();
    const podman = async (...words: string[]) =>
      (await run(["podman", ...words], { env })).stdout.trim();
    const archive = join(await folder("compose-image"), "berth.tar");
    await run(["tar", "-C", join(projectFolder, "dist", "image"), "-cf", archive, "."]);
    await podman("load", "--input", archive);

    const port = freePort();
    const url = `http://localhost:${port}`;
    const copy = await composeCopy("one-node");
    const file = join(copy, "compose.yaml");
    const text = await readFile(file, "utf8");
    await writeFile(file, text.replace(":5000:5000", `:${port}:5000`));
    const compose = ["podman-compose", "--project-name", `berth-${port}`, "--file", file];
    const settings = { ...env, BERTH_URL: url };
    const call = (...words: string[]) => run([...compose, ...words], { cwd: copy, env: settings });
    const serves = async () => {
      const isUp = async () => (await fetch(`${url}/readyz`).catch(() => null))?.status === 200;
      for (let tries = 0; !(await isUp()); tries++) {
        if (tries === 300) throw new Error((await call("logs")).stdout);
        await Bun.sleep(100);
      }
    };
    atEnd(() => call("down", "--volumes").then(() => {}));

    await call("up", "--detach");
    await serves();
    const printed = await call("exec", "-T", "berth", "berth", "setup", "--print-token");
    const token = new RegExp(`${url}/setup\\?token=(\\S+)`).exec(printed.stdout)?.[1];
    expect(token).toStartWith("berth_setup_");
    const setup = ["exec", "--interactive", await podman("ps", "--quiet")];
    const make = ["berth", "setup", "--user", administrator.name, "--password-stdin"];
    await run(["podman", ...setup, ...make], { env, stdin: administrator.password });
    const host = `localhost:${port}`;
    signDoorIn(host, basic(administrator));
    const image = smallImage();
    await seed(door(host), "demo/app", "v1", image);

    await call("down");
    await call("up", "--detach");
    await serves();
    const stored = await door(host).readBack("demo/app", "v1");
    expect(stored.digest).toBe(image.descriptor.digest);
    expect((await call("exec", "-T", "berth", "berth", "verify")).stdout).toContain(
      "nothing is wrong",
    );
  },
  240,
);

/** Of podman, with a store of its own; and with limits that a container may have also within another one. */
async function composeEnvironment(): Promise<Record<string, string>> {
  const home = await folder("compose-containers");
  const policy = join(home, "containers.conf");
  await writeFile(
    policy,
    `[containers]
default_ulimits = ["nofile=8192", "nproc=8192"]
[engine]
events_logger = "none"
cgroup_manager = "cgroupfs"
`,
  );
  return { ...(await containerSettings()), CONTAINERS_CONF: policy };
}

describe("secrets.sh", () => {
  testWith(["openssl"], "makes secrets of chance, once, that nobody else can read", async () => {
    const [first, second] = [await composeCopy("first"), await composeCopy("second")];
    const contents = new Set<string>();
    for (const copy of [first, second]) {
      await run(["sh", join(copy, "secrets.sh")]);
      expect(statSync(join(copy, "secrets")).mode & 0o777).toBe(0o700);
      for (const file of readdirSync(join(copy, "secrets"))) {
        contents.add(await readFile(join(copy, "secrets", file), "utf8"));
      }
    }
    expect(contents.size).toBe(6);
    expect(await runRefused(["sh", join(first, "secrets.sh")])).toContain("is there already");
  });
});

/** A folder with the compose files, in which secrets may be made. */
async function composeCopy(name: string): Promise<string> {
  const copy = await folder(`compose-${name}`);
  cpSync(composeFolder, copy, {
    recursive: true,
    filter: (path) => !path.endsWith("/secrets"),
  });
  return copy;
}

describe("nginx.conf", () => {
  testWith(
    ["nginx"],
    "takes turns between the nodes, and leaves out one that is gone",
    async () => {
      const port = freePort();
      const addresses = ["127.0.0.11", "127.0.0.12", "127.0.0.13"];
      const nodes = addresses.map((hostname) =>
        Bun.serve({
          hostname,
          port,
          fetch: (request) => new Response(`${hostname} ${request.url}`),
        }),
      );
      atEnd(async () => {
        for (const node of nodes) await node.stop(true);
      });
      const url = await startNginx(await startNameService("berth", addresses), port);

      const ask = async (count: number) => {
        const answers = new Map<string, number>();
        for (let asked = 0; asked < count; asked++) {
          const response = await fetch(`${url}/v2/a%20b/?x=1`);
          expect(response.status).toBe(200);
          const [address = "", target = ""] = (await response.text()).split(" ");
          expect(new URL(target).pathname + new URL(target).search).toBe("/v2/a%20b/?x=1");
          answers.set(address, (answers.get(address) ?? 0) + 1);
        }
        return answers;
      };
      // Which one begins is chance with each request: of 120 one gets 40, give or take 15.
      const all = await ask(120);
      expect([...all.keys()].sort()).toEqual(addresses);
      expect(Math.min(...all.values())).toBeGreaterThan(5);
      await nodes[0]?.stop(true);
      expect([...(await ask(30)).keys()].sort()).toEqual(addresses.slice(1));
    },
  );
});

/** The file as nginx's image includes it, with this machine's ports and name service. */
async function startNginx(namePort: number, nodePort: number): Promise<string> {
  const home = await folder("nginx-of-compose");
  const port = freePort();
  const text = (await readFile(join(composeFolder, "nginx.conf"), "utf8"))
    .replace("listen 80;", `listen 127.0.0.1:${port};`)
    .replace("resolver 127.0.0.11 ", `resolver 127.0.0.1:${namePort} `)
    .replace("$nodes:5000", `$nodes:${nodePort}`);
  const conf = join(home, "nginx.conf");
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${home}/${name};`)
    .join(" ");
  await writeFile(
    conf,
    `daemon off; pid ${home}/pid; error_log stderr; events {}
     http { access_log off; ${paths} ${text} }`,
  );
  await run(["nginx", "-t", "-p", home, "-c", conf]);
  const listens = async () => (await fetch(`http://127.0.0.1:${port}/`)).status === 200;
  await daemon("nginx-of-compose", ["nginx", "-p", home, "-c", conf], listens);
  return `http://127.0.0.1:${port}`;
}

/** Answers questions for one name's addresses, as docker's name service does; gives its port. */
async function startNameService(name: string, addresses: readonly string[]): Promise<number> {
  const socket = createSocket("udp4");
  let turn = 0;
  socket.on("message", (question, from) => {
    const end = question.indexOf(0, 12) + 5;
    const asked = question.subarray(13, 13 + (question[12] ?? 0)).toString();
    const known = asked === name ? addresses : [];
    const header = Buffer.from(question.subarray(0, 12));
    header.writeUInt16BE(known.length > 0 ? 0x8180 : 0x8183, 2);
    header.writeUInt16BE(known.length, 6);
    header.fill(0, 8);
    turn += 1;
    const answers = known.map((_, index) => {
      const address = known[(index + turn) % known.length] ?? "";
      const ttlSeconds = 600;
      const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0]);
      record.writeUInt32BE(ttlSeconds, 6);
      record.set(address.split(".").map(Number), 12);
      return record;
    });
    socket.send(Buffer.concat([header, question.subarray(12, end), ...answers]), from.port);
  });
  const port = await new Promise<number>((resolve) => {
    socket.bind(0, "127.0.0.1", () => resolve(socket.address().port));
  });
  atEnd(() => {
    socket.close();
  });
  return port;
}
