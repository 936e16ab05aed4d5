/**
 * Goal: while PostgreSQL is away pulls by digest go on for whom the registry knows, everything else is
 * told to come again, nothing is 500, and all of it heals by itself. Method: a real server that is
 * killed, stopped, restarted and held still under a running registry.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { basic, type ClosedApp, startClosedApp } from "../accounts/closed-app.ts";
import { digestOf, makeImage } from "../support/images.ts";
import { createOciClient, type OciClient } from "../support/oci-client.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";

const admin = ["admin", "correct horse battery staple"] as const;
const image = makeImage("outage");
const name = "outage/app";

let server: TestPostgres;
let app: ClosedApp;
let client: OciClient;

beforeAll(async () => {
  server = await startPostgres();
  const url = await server.createDatabase();
  app = await startClosedApp({ env: { BERTH_DATABASE: url, BERTH_ADMIN_PASSWORD: admin[1] } });
  client = createOciClient((path, init = {}) =>
    app.fetch(path, { ...init, headers: { ...(init.headers as object), ...basic(admin) } }),
  );
  await client.pushImage(name, image, "v1");
});

afterAll(async () => {
  await app.remove();
  await server.remove();
});

const manifestPath = `/v2/${name}/manifests/${image.digest}`;
const blobPath = `/v2/${name}/blobs/${digestOf(image.config)}`;

/** What was pulled before is what a cache can have. */
async function pullOnce(): Promise<void> {
  expect(await client.status(manifestPath)).toBe(200);
  expect(await client.status(blobPath)).toBe(200);
}

async function expectAway(): Promise<void> {
  const manifest = await client.fetch(manifestPath);
  expect(manifest.status).toBe(200);
  expect(digestOf(await manifest.text())).toBe(image.digest);
  const blob = await client.fetch(blobPath);
  expect(blob.status).toBe(200);
  expect(await blob.text()).toBe(image.config);
  const others: [string, RequestInit][] = [
    [`/v2/${name}/manifests/v1`, {}],
    [`/v2/${name}/tags/list`, {}],
    [manifestPath, { method: "HEAD" }],
    [blobPath, { method: "HEAD" }],
    [`/v2/${name}/manifests/v2`, { method: "PUT", body: image.manifest }],
    [`/v2/${name}/blobs/uploads/`, { method: "POST" }],
    [manifestPath, { method: "DELETE" }],
    ["/api/v1/projects", {}],
  ];
  for (const [path, init] of others) {
    const refused = await client.fetch(path, init);
    await refused.arrayBuffer();
    expect(`${init.method ?? "GET"} ${path} ${refused.status}`).toEndWith(" 503");
    if (path.startsWith("/v2/")) expect(refused.headers.get("retry-after")).toMatch(/^\d+$/);
  }
  // Of whom nothing is remembered, nothing is believed.
  const stranger = await app.fetch(manifestPath, { headers: basic(["admin", "another guess"]) });
  expect(stranger.status).toBe(503);
  // Balancers leave it in: pulls by digest go on.
  expect((await app.fetch("/readyz")).status).toBe(200);
  expect(await (await app.fetch("/metrics")).text()).toMatch(/^berth_database_away 1$/m);
}

/** Milliseconds until a push works again, and a pull by tag. */
async function healed(): Promise<number> {
  const start = performance.now();
  for (;;) {
    const pushed = await client.fetch(`/v2/${name}/manifests/v1`, {
      method: "PUT",
      headers: { "content-type": JSON.parse(image.manifest)["mediaType"] },
      body: image.manifest,
    });
    await pushed.arrayBuffer();
    const pulled = await client.status(`/v2/${name}/manifests/v1`);
    if (pushed.status === 201 && pulled === 200) break;
    expect(new Set([200, 201, 503]).isSupersetOf(new Set([pushed.status, pulled]))).toBeTrue();
    if (performance.now() - start > 20_000) throw new Error("it did not heal");
    await Bun.sleep(50);
  }
  expect((await app.fetch("/readyz")).status).toBe(200);
  return performance.now() - start;
}

describe("a server that", () => {
  test("was killed, and is started again", async () => {
    await pullOnce();
    await server.kill();
    await expectAway();
    await server.start();
    expect(await healed()).toBeLessThan(10_000);
  });

  test("was stopped for longer than what is known of rights is looked at again", async () => {
    await pullOnce();
    await server.stop();
    await Bun.sleep(2_500);
    await expectAway();
    await server.start();
    expect(await healed()).toBeLessThan(10_000);
  });

  test("is restarted under pushes loses none that was acknowledged", async () => {
    let isOver = false;
    const pushed: string[] = [];
    const statuses = new Set<number>();
    const writers = Array.from({ length: 4 }, async (_, writer) => {
      for (let k = 0; !isOver; k++) {
        const tag = `w${writer}-${k}`;
        const answer = await client.fetch(`/v2/${name}/manifests/${tag}`, {
          method: "PUT",
          headers: { "content-type": JSON.parse(image.manifest)["mediaType"] },
          body: image.manifest,
        });
        await answer.arrayBuffer();
        statuses.add(answer.status);
        if (answer.status === 201) pushed.push(tag);
        else await Bun.sleep(20);
      }
    });
    for (let round = 0; round < 2; round++) {
      await Bun.sleep(500);
      await server.kill();
      await Bun.sleep(300);
      await server.start();
      await healed();
    }
    isOver = true;
    await Promise.all(writers);
    expect([...statuses].sort()).toEqual([201, 503]);
    const { tags } = (await client.json(`/v2/${name}/tags/list`)) as { tags: string[] };
    const there = new Set(tags);
    expect(pushed.filter((tag) => !there.has(tag))).toEqual([]);
    expect(pushed.length).toBeGreaterThan(20);
  });

  test("stands still is given up, and used again when it goes on", async () => {
    await pullOnce();
    server.signal("SIGSTOP");
    // The processes that serve connections stand still with it only if each is told to.
    const pid = server.pid();
    const own = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
    for (const child of own) process.kill(Number(child), "SIGSTOP");
    try {
      // The first ones find out.
      await Promise.all([client.status(manifestPath), client.status(`/v2/${name}/tags/list`)]);
      const start = performance.now();
      expect(await client.status(manifestPath)).toBe(200);
      expect(await client.status(`/v2/${name}/tags/list`)).toBe(503);
      expect(performance.now() - start).toBeLessThan(2_000);
    } finally {
      for (const child of own) process.kill(Number(child), "SIGCONT");
      server.signal("SIGCONT");
    }
    expect(await healed()).toBeLessThan(10_000);
  });

  test("takes no further connections serves those that it has", async () => {
    const room = await server.run("select count(*) as n from pg_stat_activity");
    expect(Number(room[0]?.["n"])).toBeGreaterThan(0);
    await server.run(
      `alter database ${new URL(server.url("db1")).pathname.slice(1)} connection limit 2`,
    );
    await server.run(
      "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'db1'",
    );
    const statuses = await Promise.all(
      Array.from({ length: 40 }, async () => {
        await Bun.sleep(Math.random() * 1_000);
        return await client.status(`/v2/${name}/tags/list`);
      }),
    );
    expect(new Set(statuses).isSubsetOf(new Set([200, 503]))).toBeTrue();
    await server.run("alter database db1 connection limit -1");
    expect(await healed()).toBeLessThan(10_000);
  });
});
