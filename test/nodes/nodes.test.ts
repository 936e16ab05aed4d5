import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnChild, temporaryFolder } from "../faults/support/child.ts";
import { type Node, type Nodes, startNodes } from "../faults/support/nodes.ts";
import { digestOf, makeImage } from "../support/images.ts";
import { createOciClient, type OciClient } from "../support/oci-client.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { type S3Server, s3Settings, startWeakS3, testCredentials } from "../support/s3-servers.ts";

const password = "correct horse battery staple";
const repository = "team/app";
const key = Buffer.alloc(32, 7).toString("base64");
/** S3 takes no part but the last that is smaller. */
const partBytes = 5 * 1024 * 1024;
const rounds = [0, 1, 2, 3, 4, 5];

let postgres: TestPostgres;
let s3: S3Server;
let database: string;
let nodes: Nodes;
let admin: string;

beforeAll(async () => {
  [postgres, s3] = await Promise.all([startPostgres(), startWeakS3()]);
  database = await postgres.createDatabase();
  nodes = await startNodes({
    count: 3,
    env: settings,
  });
  admin = await tokenOf("admin");
}, 120_000);

afterAll(async () => {
  await nodes?.remove();
  await s3?.stop();
  await postgres?.remove();
});

function settings(): Record<string, string> {
  return {
    ...s3Settings(s3, "nodes"),
    ...testCredentials,
    BERTH_DATABASE: database,
    BERTH_SECRET_KEY: key,
    BERTH_OPEN: "",
    BERTH_ADMIN_PASSWORD: password,
  };
}

const at = (number: number) => nodes.all[number % nodes.all.length] as Node;
const clientAt = (number: number, secret = admin, name = "admin") =>
  createOciClient(asking(at(number).url, name, secret));
/** Any node, by a balancer that gives them connections in turn. */
const anywhere = () => createOciClient(asking(nodes.balancer.url, "admin", admin));

function asking(url: string, name: string, secret: string): OciClient["fetch"] {
  const authorization = `Basic ${Buffer.from(`${name}:${secret}`).toString("base64")}`;
  return (path, init = {}) =>
    fetch(new URL(path, url), {
      ...init,
      keepalive: false,
      headers: {
        ...(init.headers as Record<string, string>),
        authorization,
        connection: "close",
      },
    });
}

async function api(number: number, method: string, path: string, body?: unknown, as = admin) {
  const ask = asking(at(number).url, "admin", as);
  const answer = await ask(`/api/v1${path}`, {
    method,
    headers: { "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  expect([answer.status, text]).toEqual([expect.any(Number), expect.any(String)]);
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return text === "" ? null : (JSON.parse(text) as Record<string, unknown>);
}

/** Passwords are slow to check: a token is not. */
async function tokenOf(name: string): Promise<string> {
  const answer = await asking(
    at(0).url,
    name,
    password,
  )("/api/v1/account/tokens", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ description: "test" }),
  });
  return String(((await answer.json()) as Record<string, unknown>)["token"]);
}

async function until(what: () => Promise<boolean>, msMax: number): Promise<void> {
  for (let waited = 0; waited < msMax; waited += 100) {
    if (await what()) return;
    await Bun.sleep(100);
  }
  throw new Error(`it did not come to that within ${msMax} ms`);
}

interface Listed {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly node: string | null;
  readonly outcome: string | null;
}

async function list(command: "nodes" | "chores", node: Node): Promise<Listed[]> {
  const { code, output } = await node.command(command, "--json");
  expect(code).toBe(0);
  return (JSON.parse(output) as { items: Listed[] }).items;
}

describe("three nodes on PostgreSQL and S3", () => {
  test("are one registry: what one took, every other gives at once", async () => {
    for (const round of rounds) {
      const image = makeImage(`image ${round}`);
      await clientAt(round).pushImage(repository, image, "latest");
      for (const other of [1, 2]) {
        const client = clientAt(round + other);
        const pulled = await client.fetch(`/v2/${repository}/manifests/latest`);
        expect(pulled.headers.get("docker-content-digest")).toBe(image.digest);
        for (const layer of image.layers) {
          const path = `/v2/${repository}/blobs/${digestOf(layer)}`;
          expect(digestOf(await (await client.fetch(path)).bytes())).toBe(digestOf(layer));
        }
      }
      const path = `/v2/${repository}/manifests/${image.digest}`;
      expect(await clientAt(round + 1).status(path, "DELETE")).toBe(202);
      for (const other of rounds) expect(await clientAt(other).status(path)).toBe(404);
    }
  });

  test("take a push through a balancer, whose requests go to all of them in turn", async () => {
    const before = [...nodes.balancer.given];
    for (const round of rounds) {
      const image = makeImage(`balanced ${round}`);
      await anywhere().pushImage(repository, image, `balanced-${round}`);
      expect(await anywhere().status(`/v2/${repository}/manifests/balanced-${round}`)).toBe(200);
    }
    const given = nodes.balancer.given.map((count, number) => count - (before[number] ?? 0));
    expect(Math.min(...given)).toBeGreaterThan(rounds.length);
  });

  test("take the chunks of one upload in turn", async () => {
    const content = Buffer.concat(rounds.map((round) => Buffer.alloc(partBytes, `part ${round} `)));
    let location = await clientAt(0).openUpload(repository);
    for (const round of rounds) {
      const body = content.subarray(round * partBytes, (round + 1) * partBytes);
      const answer = await clientAt(round).fetch(location, { method: "PATCH", body });
      expect(answer.status).toBe(202);
      expect(answer.headers.get("range")).toBe(`0-${(round + 1) * partBytes - 1}`);
      location = answer.headers.get("location") ?? "";
    }
    const digest = digestOf(content);
    expect(await clientAt(1).status(`${location}?digest=${digest}`, "PUT")).toBe(201);
    const blob = await clientAt(2).fetch(`/v2/${repository}/blobs/${digest}`);
    expect(digestOf(await blob.bytes())).toBe(digest);
  }, 120_000);

  test("let go of whom rights were taken from, all of them within a second", async () => {
    await api(0, "POST", "/users", { name: "bob", password });
    await api(1, "PUT", "/projects/team/members/bob", { role: "reader" });
    await clientAt(0).pushImage(repository, makeImage("private"), "private");
    const bob = await tokenOf("bob");
    const path = `/v2/${repository}/manifests/private`;
    const statuses = () =>
      Promise.all(rounds.map((round) => clientAt(round, bob, "bob").status(path)));
    await Bun.sleep(1_000);
    expect(await statuses()).toEqual(rounds.map(() => 200));
    await api(2, "DELETE", "/projects/team/members/bob");
    await Bun.sleep(1_000);
    expect(await statuses()).toEqual(rounds.map(() => 404));
    await api(0, "PUT", "/projects/team/members/bob", { role: "reader" });
    await Bun.sleep(1_000);
    expect(await statuses()).toEqual(rounds.map(() => 200));
    await api(1, "PATCH", "/users/bob", { disabled: true });
    await Bun.sleep(1_000);
    expect(await statuses()).toEqual(rounds.map(() => 401));
  });

  test("lose a repository and a project together, and have them back together", async () => {
    await api(0, "POST", "/projects", { name: "gone" });
    const made = await api(1, "POST", "/projects/gone/robots", { name: "ci", role: "ci" });
    const image = makeImage("gone");
    await clientAt(0).pushImage("gone/app", image, "v1");
    const statuses = () =>
      Promise.all(
        rounds.map((round) =>
          clientAt(round, String(made?.["secret"]), String(made?.["name"])).status(
            "/v2/gone/app/manifests/v1",
          ),
        ),
      );
    const restore = async (from: number) => {
      const { items } = (await api(from, "GET", "/trash?project=gone")) as {
        items: { id: string }[];
      };
      const units = items.map(({ id }) => id);
      expect(await api(from + 1, "POST", "/trash/restore", { units })).toMatchObject({
        units: [{ restored: true }],
      });
    };
    await Bun.sleep(1_000);
    expect(await statuses()).toEqual(rounds.map(() => 200));
    await api(1, "DELETE", "/repositories/gone%2Fapp");
    expect(await statuses()).toEqual(rounds.map(() => 404));
    await restore(2);
    await Bun.sleep(1_000);
    expect(await statuses()).toEqual(rounds.map(() => 200));
    await api(2, "DELETE", "/projects/gone");
    await Bun.sleep(1_000);
    expect(await statuses()).toEqual(rounds.map(() => 401));
    await restore(0);
    await Bun.sleep(1_000);
    expect(await statuses()).toEqual(rounds.map(() => 200));
  });

  test("have one key: one that comes with another is refused while they run", async () => {
    const folder = temporaryFolder();
    const other = Buffer.alloc(32, 8).toString("base64");
    for (const [keys, said] of [
      [other, "cannot be opened"],
      [`${other},${key}`, "stop all of them first"],
    ] as const) {
      const stranger = await spawnChild({
        data: folder.path,
        env: { ...settings(), BERTH_SECRET_KEY: keys },
      });
      expect(await stranger.exited).toBe(1);
      expect(stranger.output()).toContain(said);
    }
    folder.remove();
    const verified = await at(0).command("audit", "verify");
    expect(verified).toMatchObject({ code: 0 });
  });

  test("know of each other, and share the work in the background", async () => {
    const known = await list("nodes", at(1));
    expect(known.map(({ state }) => state)).toEqual(["live", "live", "live"]);
    const chores = await list("chores", at(2));
    expect(chores.length).toBeGreaterThan(5);
    expect(chores.filter(({ outcome }) => outcome !== "done")).toEqual([]);
    // Each was due once when they started, and is so again in ten minutes at the soonest.
    const runs = await postgres.run(
      "select name, epoch from chores",
      new URL(database).pathname.slice(1),
    );
    expect(runs.map(({ epoch }) => Number(epoch))).toEqual(runs.map(() => 1));
    for (const node of nodes.all) {
      const metrics = await (await fetch(`${node.url}/metrics`)).text();
      expect(metrics).toContain("\nberth_nodes 3\n");
    }
  });
});

describe("when a node is killed", () => {
  test("in the middle of an upload, it goes on at another one", async () => {
    const content = Buffer.alloc(2 * partBytes + 1_000, "goes on ");
    const digest = digestOf(content);
    const location = await clientAt(0).openUpload(repository);
    const first = { method: "PATCH", body: content.subarray(0, partBytes) };
    expect((await clientAt(0).fetch(location, first)).status).toBe(202);
    // A body that does not end, and the node with it.
    const stuck = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(content.subarray(partBytes, partBytes + 100_000)),
      pull: () => new Promise(() => {}),
    });
    const cut = clientAt(0)
      .fetch(location, { method: "PATCH", body: stuck })
      .catch(() => null);
    await Bun.sleep(300);
    await at(0).kill();
    await cut;
    const found = await clientAt(1).fetch(location);
    expect(found.headers.get("range")).toBe(`0-${partBytes - 1}`);
    const rest = { method: "PATCH", body: content.subarray(partBytes) };
    // It waits until it is certain that nobody else writes: ten seconds.
    expect((await clientAt(1).fetch(location, rest)).status).toBe(202);
    expect(await clientAt(2).status(`${location}?digest=${digest}`, "PUT")).toBe(201);
    const blob = await clientAt(1).fetch(`/v2/${repository}/blobs/${digest}`);
    expect(digestOf(await blob.bytes())).toBe(digest);
    // Meanwhile the balancer leaves it out.
    for (const _ of rounds)
      expect(await anywhere().status(`/v2/${repository}/tags/list`)).toBe(200);
  }, 120_000);

  test("the others say so, and take its work over", async () => {
    const name = new URL(database).pathname.slice(1);
    const gone = async () => (await list("nodes", at(1))).find(({ state }) => state === "gone");
    await until(async () => (await gone()) !== undefined, 60_000);
    const dead = (await gone())?.id ?? "";
    // As if it had been in the middle of one.
    const chore = "end idle uploads";
    await postgres.run(
      `update chores set holder = '${dead}', epoch = epoch + 1, due_at = 0,
        lease_until = (extract(epoch from clock_timestamp()) * 1000)::bigint + 3000
        where name = '${chore}'`,
      name,
    );
    const running = await list("chores", at(2));
    expect(running.find((one) => one.name === chore)?.state).toBe("running");
    const row = async () => {
      const rows = await postgres.run(`select * from chores where name = '${chore}'`, name);
      return rows[0] ?? {};
    };
    await until(async () => (await row())["holder"] !== dead, 30_000);
    await until(async () => Number((await row())["lease_until"]) === 0, 10_000);
    expect((await row())["outcome"]).toBe("done");
    expect(Number((await row())["epoch"])).toBe(3);

    await at(0).start();
    const states = async () => (await list("nodes", at(0))).map(({ state }) => state).sort();
    expect(await states()).toEqual(["gone", "live", "live", "live"]);
    expect(await clientAt(0).status(`/v2/${repository}/tags/list`)).toBe(200);
  }, 150_000);
});
