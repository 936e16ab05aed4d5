import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { childWord, type FromChild, type ToChild } from "../../src/platform/children.ts";
import { loadConfig } from "../../src/platform/config.ts";
import {
  type Child,
  freePort,
  projectFolder,
  runCommand,
  spawnChild,
  startChild,
  temporaryFolder,
} from "../faults/support/child.ts";
import { digestOf, makeImage } from "../support/images.ts";
import { createOciClient, type OciClient } from "../support/oci-client.ts";
import { childrenOf, runsUnder } from "../support/processes.ts";

const count = 3;
const password = "correct horse battery staple";
const repository = "team/app";

let folder: ReturnType<typeof temporaryFolder>;
let server: Child;
let client: OciClient;

const env = { BERTH_SERVER_PROCESSES: `${count}`, BERTH_LOG_FORMAT: "json" };

beforeEach(async () => {
  folder = temporaryFolder();
  server = await startChild({ data: folder.path, env: { ...env, BERTH_LOG_REQUESTS: "true" } });
  client = createOciClient(anywhere(server.url));
});

afterEach(async () => {
  await server.kill();
  folder.remove();
});

/** Each request has a connection of its own, which the kernel gives to any of the processes. */
function anywhere(url: string, authorization?: string): OciClient["fetch"] {
  return (path, init = {}) =>
    fetch(url + path, {
      ...init,
      keepalive: false,
      headers: {
        ...(init.headers as Record<string, string>),
        connection: "close",
        ...(authorization === undefined ? {} : { authorization }),
      },
    });
}

/** Enough requests that with three processes some of all go to each: one is missed once in 10^5 times. */
const some = Array.from({ length: 30 }, (_, index) => index);

async function until(what: () => boolean | Promise<boolean>, msMax = 10_000): Promise<void> {
  for (let waited = 0; waited < msMax; waited += 20) {
    if (await what()) return;
    await Bun.sleep(20);
  }
  throw new Error(`it did not come to that within ${msMax} ms:\n${server.output()}`);
}

interface Line {
  readonly msg: string;
  readonly request_id?: string;
  readonly path?: string;
}

function linesOf(output: string): Line[] {
  return output
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Line);
}

describe("three processes are one server", () => {
  test("each of which serves, and sees at once what another one wrote", async () => {
    expect(childrenOf(server.pid)).toHaveLength(count);
    for (const number of some) {
      const image = makeImage(`image ${number}`);
      await client.pushImage(repository, image, "latest");
      const pulled = await client.fetch(`/v2/${repository}/manifests/latest`);
      expect(pulled.headers.get("docker-content-digest")).toBe(image.digest);
    }
    const deleted = `/v2/${repository}/manifests/${makeImage("image 0").digest}`;
    expect(await client.status(deleted, "DELETE")).toBe(202);
    for (const _ of some) expect(await client.status(deleted)).toBe(404);
    // Ids begin with a number that each process draws for itself.
    const ids = linesOf(server.output()).flatMap(
      ({ request_id }) => request_id?.split("-")[0] ?? [],
    );
    expect(new Set(ids).size).toBe(count);
  });

  test("for the chunks of one upload too", async () => {
    const content = Buffer.from(some.map((number) => `chunk ${number} `.repeat(1_000)).join(""));
    let location = await client.openUpload(repository);
    for (let at = 0; at < content.length; at += 9_999) {
      const body = content.subarray(at, at + 9_999);
      const answer = await client.fetch(location, { method: "PATCH", body });
      expect(answer.status).toBe(202);
      expect(answer.headers.get("range")).toBe(`0-${at + body.length - 1}`);
      location = answer.headers.get("location") ?? "";
    }
    const digest = digestOf(content);
    expect(await client.status(`${location}?digest=${digest}`, "PUT")).toBe(201);
    for (const _ of some) {
      const blob = await client.fetch(`/v2/${repository}/blobs/${digest}`);
      expect(digestOf(new Uint8Array(await blob.arrayBuffer()))).toBe(digest);
    }
  });

  test("with one line for each request, and metrics of all of them whoever is asked", async () => {
    const paths = some.map((number) => `/v2/${repository}/tags/list?n=${number}`);
    await Promise.all(paths.map(async (path) => (await client.fetch(path)).arrayBuffer()));
    for (const _ of some.slice(0, 10)) {
      const text = await (await client.fetch("/metrics")).text();
      const counted =
        /^registry_http_requests_total\{handler="tags",method="get",code="404"\} (\d+)$/m;
      expect(counted.exec(text)?.[1]).toBe("30");
      expect(text).toContain("\nberth_nodes 1\n");
      expect(text.match(/^berth_writes_refused 0$/gm)).toHaveLength(1);
    }
    await until(
      () => linesOf(server.output()).filter(({ path }) => path?.endsWith("list")).length >= 30,
    );
    const lines = linesOf(server.output()).filter(({ path }) => path?.endsWith("/tags/list"));
    expect(lines).toHaveLength(30);
    expect(new Set(lines.map(({ request_id }) => request_id)).size).toBe(30);
  });

  test("that is listed as one node, on a folder and a port that no other gets", async () => {
    const nodes = await runCommand(folder.path, "nodes", "--json");
    expect(JSON.parse(nodes.output)["items"]).toMatchObject([{ state: "live", processes: count }]);

    const same = await spawnChild({ data: folder.path, env });
    expect(await same.exited).toBe(1);
    expect(same.output()).toContain("is in use by another Berth");

    const elsewhere = temporaryFolder();
    const listen = new URL(server.url).host;
    for (const processes of ["1", "2"]) {
      const other = await spawnChild({
        data: elsewhere.path,
        env: { ...env, BERTH_LISTEN: listen, BERTH_SERVER_PROCESSES: processes },
      });
      expect(await other.exited).toBe(1);
      expect(other.output()).toContain(`${listen} is in use by another program`);
    }
    elsewhere.remove();
  });
});

describe("when a process ends", () => {
  test("the others go on, it is started again, and what was counted stays counted", async () => {
    for (const _ of some) await client.status("/v2/");
    const counted = async () => {
      const text = await (await client.fetch("/metrics")).text();
      const line =
        /^registry_http_requests_total\{handler="base",method="get",code="200"\} (\d+)$/m;
      return Number(line.exec(text)?.[1]);
    };
    expect(await counted()).toBe(30);
    const [first = 0, ...others] = childrenOf(server.pid);
    process.kill(first, "SIGKILL");
    // Connections that the killed one had are cut off.
    const ready = async () => (await client.fetch("/readyz").catch(() => null))?.status;
    await until(async () => (await ready()) === 503);
    await until(async () => (await ready()) === 200);
    const now = childrenOf(server.pid);
    expect(now).toHaveLength(count);
    expect(now).toEqual(expect.arrayContaining(others));
    expect(await counted()).toBe(30);
    expect(server.output()).toContain("A process ended (signal SIGKILL) and is started again");
    expect((await runCommand(folder.path, "verify")).code).toBe(0);
  });

  test("one that begins when the storage has failed already writes nothing from the start", async () => {
    const at = `127.0.0.1:${await freePort()}`;
    const { config } = loadConfig({ listen: at, data: folder.path }, { BERTH_OPEN: "1", ...env });
    const begin: ToChild = {
      ...{ kind: "begin", config, format: "json", run: "one", process: "one/first" },
      storageFailure: "the disk reported an error",
    };
    const serves = Promise.withResolvers<void>();
    const one = Bun.spawn([process.execPath, "src/main.ts", childWord], {
      cwd: projectFolder,
      env: { PATH: process.env["PATH"] ?? "" },
      stdio: ["ignore", "ignore", "inherit"],
      serialization: "advanced",
      ipc(message: FromChild) {
        if (message.kind === "here") one.send(begin);
        if (message.kind === "serving") serves.resolve();
      },
    });
    try {
      await serves.promise;
      const direct = createOciClient(anywhere(`http://${at}`));
      expect(await direct.status("/v2/")).toBe(200);
      const begun = await direct.fetch(`/v2/${repository}/blobs/uploads/`, { method: "POST" });
      expect(begun.status).toBe(503);
    } finally {
      one.kill("SIGKILL");
      await one.exited;
    }
  });

  test("SIGTERM lets requests of all of them end, and leaves nobody behind", async () => {
    const content = Buffer.alloc(500_000, "drain");
    const digest = digestOf(content);
    const bodies = some.map((number) => {
      const url = `/v2/${repository}/${number}/blobs/uploads/?digest=${digest}`;
      const body = new ReadableStream<Uint8Array>({
        async start(controller) {
          controller.enqueue(content.subarray(0, 1_000));
          await Bun.sleep(1_000);
          controller.enqueue(content.subarray(1_000));
          controller.close();
        },
      });
      return client.fetch(url, { method: "POST", body });
    });
    await Bun.sleep(300);
    const children = childrenOf(server.pid);
    server.signal("SIGTERM");
    // As from a terminal, which tells the whole group.
    for (const pid of children) process.kill(pid, "SIGTERM");
    const answers = await Promise.all(bodies);
    expect(answers.map(({ status }) => status)).toEqual(some.map(() => 201));
    expect(await server.exited).toBe(0);
    expect(children.filter((pid) => childrenOf(1).includes(pid))).toEqual([]);
    server = await startChild({ data: folder.path });
    expect(
      await createOciClient(anywhere(server.url)).status(`/v2/${repository}/7/blobs/${digest}`),
    ).toBe(200);
  });

  test("without its parent it ends at once, and the folder is free", async () => {
    const children = childrenOf(server.pid);
    await client.pushImage(repository, makeImage("kept"), "kept");
    await server.kill();
    server = await startChild({ data: folder.path, env });
    await until(() => children.every((pid) => runsUnder(pid) === null), 1_000);
    client = createOciClient(anywhere(server.url));
    expect(await client.status(`/v2/${repository}/manifests/kept`)).toBe(200);
  });
});

describe("with access control", () => {
  beforeEach(async () => {
    await server.stop();
    server = await startChild({
      data: folder.path,
      env: { ...env, BERTH_OPEN: "", BERTH_ADMIN_PASSWORD: password },
    });
  });

  test("rights that are taken are gone in every process within a second", async () => {
    const admin = createOciClient(anywhere(server.url, basic("admin")));
    const api = async (method: string, path: string, body?: unknown) => {
      const answer = await admin.fetch(`/api/v1${path}`, {
        method,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        headers: { "content-type": "application/json" },
      });
      expect(answer.status).toBeLessThan(300);
      return (await answer.text()) || "null";
    };
    const { token: adminToken } = JSON.parse(
      await api("POST", "/account/tokens", { description: "test" }),
    );
    const owner = createOciClient(anywhere(server.url, basic("admin", adminToken)));
    await owner.pushImage(repository, makeImage("private"), "v1");
    await api("POST", "/users", { name: "bob", password });
    await api("PUT", "/projects/team/members/bob", { role: "reader" });
    const bobsOwn = createOciClient(anywhere(server.url, basic("bob")));
    const made = await bobsOwn.fetch("/api/v1/account/tokens", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ description: "pull" }),
    });
    const bob = createOciClient(
      anywhere(server.url, basic("bob", ((await made.json()) as { token: string }).token)),
    );
    const path = `/v2/${repository}/manifests/v1`;
    await Bun.sleep(1_000);
    for (const _ of some) expect(await bob.status(path)).toBe(200);

    await api("DELETE", "/projects/team/members/bob");
    await Bun.sleep(1_000);
    for (const _ of some) expect(await bob.status(path)).toBe(404);

    await api("PUT", "/projects/team/members/bob", { role: "reader" });
    await Bun.sleep(1_000);
    for (const _ of some) expect(await bob.status(path)).toBe(200);
    // The operator's commands are served by a process that serves no client.
    const disabled = await runCommand(folder.path, "user", "update", "bob", "--disabled");
    expect(disabled.output).toContain("bob");
    await Bun.sleep(1_000);
    for (const _ of some) expect(await bob.status(path)).toBe(401);
  });

  test("the key that seals secrets is rotated with the server stopped", async () => {
    const refused = await runCommand(folder.path, "secrets", "rotate");
    expect(refused.code).toBe(6);
    expect(refused.output).toContain("stop the server");
    await server.stop();
    const environment = { BERTH_OPEN: "", BERTH_SERVER_PROCESSES: `${count}` };
    expect(await runCommand(folder.path, "secrets", "rotate")).toMatchObject({ code: 0 });
    server = await startChild({ data: folder.path, env: { ...env, ...environment } });
    const verified = await runCommand(folder.path, "audit", "verify");
    expect(verified).toMatchObject({ code: 0 });
  });
});

function basic(name: string, secret = password): string {
  return `Basic ${Buffer.from(`${name}:${secret}`).toString("base64")}`;
}
