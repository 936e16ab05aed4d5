/**
 * Goal: a synchronous standby that is promoted in the middle of pushes has every one of them that was
 * acknowledged, and each node of the registry finds it by itself. Method: a real primary and its standby, the
 * first one killed.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Nodes, startNodes } from "../faults/support/nodes.ts";
import { makeImage } from "../support/images.ts";
import { createOciClient, type OciClient } from "../support/oci-client.ts";
import {
  makeClusterFolder,
  ownCluster,
  startPostgres,
  type TestPostgres,
} from "../support/postgres.ts";
import { type S3Server, s3Settings, startWeakS3, testCredentials } from "../support/s3-servers.ts";

setDefaultTimeout(120_000);

const name = "failover/app";
const image = makeImage("failover");
const healMsMax = 10_000;

let primary: TestPostgres;
let standby: TestPostgres;
let s3: S3Server;
let nodes: Nodes;
/** One for each node. */
let clients: readonly OciClient[];

beforeAll(async () => {
  primary = await startPostgres();
  const url = new URL(await primary.createDatabase());
  standby = await copyOf(primary);
  await primary.run("alter system set synchronous_standby_names = '*'");
  await primary.run("select pg_reload_conf()");
  await untilSynchronous(primary);
  const hosts = `127.0.0.1:${primary.port},127.0.0.1:${standby.port}`;
  s3 = await startWeakS3();
  const env = {
    ...s3Settings(s3, "failover"),
    ...testCredentials,
    BERTH_DATABASE: `postgres://berth@${hosts}${url.pathname}`,
    BERTH_SECRET_KEY: Buffer.alloc(32, "failover").toString("base64"),
  };
  nodes = await startNodes({ count: 3, env: () => env });
  clients = nodes.all.map((node) =>
    createOciClient((path, init) => fetch(new URL(path, node.url), init)),
  );
  await clients[0]?.pushImage(name, image, "first");
});

afterAll(async () => {
  await nodes?.remove();
  await s3?.stop();
  await primary.remove();
  await standby.remove();
});

/** As `pg_basebackup` makes it, which is not in the package: the files while a backup is under way. */
async function copyOf(server: TestPostgres): Promise<TestPostgres> {
  const folder = makeClusterFolder();
  await server.run("select pg_backup_start('standby', true)");
  rmSync(folder, { recursive: true, force: true });
  cpSync(server.folder, folder, {
    recursive: true,
    filter: (path) => !path.includes(".s.PGSQL."),
  });
  const [backup] = await server.run("select labelfile from pg_backup_stop()");
  writeFileSync(join(folder, "backup_label"), String(backup?.["labelfile"]));
  writeFileSync(join(folder, "standby.signal"), "");
  rmSync(join(folder, "postmaster.pid"), { force: true });
  rmSync(join(folder, "postmaster.opts"), { force: true });
  ownCluster(folder);
  const primary_conninfo = `host=127.0.0.1 port=${server.port} user=berth application_name=standby`;
  return await startPostgres({ folder, settings: { primary_conninfo } });
}

async function untilSynchronous(server: TestPostgres): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    const rows = await server.run("select sync_state from pg_stat_replication");
    if (rows[0]?.["sync_state"] === "sync") return;
    await Bun.sleep(50);
  }
  throw new Error("the standby did not become synchronous");
}

test("of the pushes during a failover none that was acknowledged is lost, and each node heals in 10 s", async () => {
  const type = String(JSON.parse(image.manifest)["mediaType"]);
  const acknowledged: string[] = [];
  const statuses = new Map<number, number>();
  let isOver = false;
  const lastPushed = clients.map(() => 0);
  const writer = async (node: number, writer: number) => {
    for (let k = 0; !isOver; k++) {
      const tag = `n${node}-w${writer}-${k}`;
      const answer = await (clients[node] as OciClient).fetch(`/v2/${name}/manifests/${tag}`, {
        method: "PUT",
        headers: { "content-type": type },
        body: image.manifest,
      });
      await answer.arrayBuffer();
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
      if (answer.status !== 201) {
        expect(answer.headers.get("retry-after")).toMatch(/^\d+$/);
        await Bun.sleep(50);
        continue;
      }
      acknowledged.push(tag);
      lastPushed[node] = performance.now();
    }
  };
  const writers = clients.flatMap((_, node) => [0, 1, 2].map((k) => writer(node, k)));
  const until = async (count: number) => {
    while (acknowledged.length < count) await Bun.sleep(10);
  };
  await until(30);
  const before = acknowledged.length;
  const killedAt = performance.now();
  await primary.kill();
  await standby.run("select pg_promote()");
  const promotedAt = performance.now();
  const areHealed = () => lastPushed.every((at) => at > promotedAt);
  while (!areHealed() && performance.now() - killedAt < 2 * healMsMax) await Bun.sleep(10);
  const healedMs = lastPushed.map((at) => at - killedAt);
  // Else it would wait for what does not come.
  if (areHealed()) await until(before + 30);
  isOver = true;
  await Promise.all(writers);

  expect(Math.min(...healedMs)).toBeGreaterThan(promotedAt - killedAt);
  expect(Math.max(...healedMs)).toBeLessThan(healMsMax);
  expect([...statuses.keys()].filter((status) => status !== 201 && status !== 503)).toEqual([]);
  for (const client of clients) {
    const { tags } = (await client.json(`/v2/${name}/tags/list`)) as { tags: string[] };
    const there = new Set(tags);
    expect(acknowledged.filter((tag) => !there.has(tag))).toEqual([]);
  }
  const healed = healedMs.map(Math.round).join(", ");
  console.log(
    `${acknowledged.length} acknowledged, ${statuses.get(503) ?? 0} told to come again, healed in ${healed} ms`,
  );
});
