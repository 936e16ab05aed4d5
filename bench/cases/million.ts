import { Database } from "bun:sqlite";
import { join } from "node:path";
import type { TagRow } from "../../src/db/tables.ts";
import { type Tag, tagSortKey } from "../../src/oci/tag.ts";
import { type Bench, folderOf, launch, record, removeFolder, settleDisk } from "../bench.ts";
import { connect, head } from "../connection.ts";
import { pool } from "../measure.ts";
import type { Peer } from "../peers.ts";
import {
  connections,
  expectStatus,
  type Image,
  manifestOf,
  manifestType,
  newImage,
  nth,
  pushBlob,
  putManifest,
} from "../registry-client.ts";
import type { Server } from "../server.ts";

const repositories = 100;
const manifestsEach = 100;
const tagsEach = 100;
const clients = 4;
const starts = 3;
const pushesBeforeKill = 200;

/** Berth with 1,000,000 tags stored: how long until it serves, after SIGTERM and after kill -9. */
export async function millionTags(bench: Bench): Promise<void> {
  const berth = bench.peers.find((peer) => peer.name === "berth");
  if (berth === undefined) return;
  const image = newImage([2048]);
  const filling = await launch(bench, "million", berth);
  await fill(filling, image);
  await filling.stop();
  multiplyTags(filling.folder);
  await settleDisk();
  for (let start = 0; start < starts; start++) {
    const server = await launch(bench, "million", berth);
    record(bench, "start_million", berth, server.startMs);
    await server.stop();
  }
  for (let start = 0; start < starts; start++) {
    const server = await launch(bench, "million", berth);
    await pushUntilKilled(server, image, start);
    const again = await launch(bench, "million", berth);
    record(bench, "start_killed", berth, again.startMs);
    await expectLastTag(again);
    await again.stop();
  }
  await verify(berth, folderOf(bench, "million", berth));
  await removeFolder(folderOf(bench, "million", berth));
}

/** Through the door: 10,000 manifests in 100 repositories, each put under one tag. */
async function fill(server: Server, image: Image): Promise<void> {
  const all = await connections(server.port, clients);
  for (let repository = 0; repository < repositories; repository++) {
    for (const blob of [image.config, ...image.layers]) {
      await pushBlob(nth(all, 0), repositoryName(repository), blob);
    }
  }
  await pool({ count: repositories * manifestsEach }, clients, async (index, worker) => {
    const manifest = manifestOf(image.config, image.layers, `m-${index}`);
    await putManifest(nth(all, worker), repositoryName(index), tagName(index), manifest.bytes);
  });
  for (const connection of all) connection.close();
}

/**
 * Gives each tag 99 neighbours with a history of their own, as the store itself would: a million
 * pushes through the door take ten minutes.
 */
function multiplyTags(folder: string): void {
  const db = new Database(join(folder, "data", "berth.db"), { strict: true });
  const tags = db.query<TagRow, []>("select * from tags").all();
  const columns = "digest, version, moved_at, moved_by, repository_id";
  const tag = db.query(
    `insert into tags (${columns}, name, sort_key) values (?1, ?2, ?3, ?4, ?5, ?6, ?7)`,
  );
  const history = db.query(
    `insert into tag_history (${columns}, tag, cause) values (?1, ?2, ?3, ?4, ?5, ?6, 'push')`,
  );
  db.transaction(() => {
    for (const row of tags) {
      const values = [row.digest, row.version, row.moved_at, row.moved_by, row.repository_id];
      for (let copy = 1; copy < tagsEach; copy++) {
        const name = `${row.name}-${copy}` as Tag;
        tag.run(...values, name, tagSortKey(name));
        history.run(...values, name);
      }
    }
  })();
  const stored = db.query<{ count: number }, []>("select count(*) as count from tags").get();
  if (stored?.count !== repositories * manifestsEach * tagsEach) {
    throw new Error(`${stored?.count ?? 0} tags were stored`);
  }
  db.close();
}

/** Leaves a log that the next start has to read: the kill comes in the middle of pushes. */
async function pushUntilKilled(server: Server, image: Image, round: number): Promise<void> {
  const all = await connections(server.port, clients);
  let pushed = 0;
  let killed: Promise<void> | null = null;
  const push = async (index: number, worker: number) => {
    const manifest = manifestOf(image.config, image.layers, `k-${round}-${index}`);
    const tag = `killed-${round}-${index}`;
    await putManifest(nth(all, worker), repositoryName(index), tag, manifest.bytes);
    pushed += 1;
    if (pushed === pushesBeforeKill) killed ??= server.kill();
  };
  await pool({ count: pushesBeforeKill * 2 }, clients, push).catch(() => {
    // The kill ends the connections in the middle of a push.
  });
  if (killed === null) throw new Error(`only ${pushed} pushes were taken before the kill`);
  await killed;
  for (const connection of all) connection.close();
}

async function expectLastTag(server: Server): Promise<void> {
  const last = repositories * manifestsEach - 1;
  const path = `/v2/${repositoryName(last)}/manifests/${tagName(last)}-${tagsEach - 1}`;
  const at = await connect(server.port);
  expectStatus(await at.request(head("GET", path, { Accept: manifestType })), 200, path);
  at.close();
}

async function verify(berth: Peer, folder: string): Promise<void> {
  const env = { ...process.env, BERTH_DATA: join(folder, "data") };
  const child = Bun.spawn([berth.binary, "verify"], { env, stdout: "pipe", stderr: "pipe" });
  const said = await new Response(child.stdout).text();
  if ((await child.exited) !== 0) throw new Error(`verify found the store broken: ${said}`);
}

function repositoryName(index: number): string {
  return `bench/r${index % repositories}`;
}

function tagName(manifest: number): string {
  return `tag-${String(manifest).padStart(5, "0")}`;
}
