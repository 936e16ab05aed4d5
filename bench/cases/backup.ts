import { Database } from "bun:sqlite";
import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import {
  type Bench,
  berthOf,
  folderOf,
  launch,
  record,
  removeFolder,
  settleDisk,
} from "../bench.ts";
import { connect } from "../connection.ts";
import type { Peer } from "../peers.ts";
import {
  type Blob,
  blobOf,
  manifestOf,
  manifestType,
  newImage,
  pushBlob,
  putManifest,
} from "../registry-client.ts";

const images = 20_000;
const blobsEach = 5;
const blobBytes = 1024;
const repository = "bench/backup";

/** Berth with 100,000 blobs that is backed up to a folder while it serves: the first time, and unchanged. */
export async function backups(bench: Bench): Promise<void> {
  const berth = berthOf(bench);
  const folder = folderOf(bench, "backup", berth);
  const data = join(folder, "data");
  const first = await launch(bench, "backup", berth);
  const at = await connect(first.port);
  const image = newImage([blobBytes]);
  for (const blob of [image.config, ...image.layers]) await pushBlob(at, repository, blob);
  await putManifest(at, repository, "first", image.manifest.bytes);
  at.close();
  await first.stop();
  fill(data);
  await settleDisk();

  const server = await launch(bench, "backup", berth);
  try {
    record(
      bench,
      "backup_first",
      berth,
      await create(berth, data, join(folder, "kept"), images * blobsEach),
    );
    for (let round = 0; round < bench.rounds; round++) {
      await settleDisk();
      record(bench, "backup_unchanged", berth, await create(berth, data, join(folder, "kept"), 0));
    }
  } finally {
    await server.stop();
  }
  await removeFolder(folder);
}

/** Seconds of one `berth backup create`. `copied`: how many blobs it is to copy at least. */
async function create(berth: Peer, data: string, target: string, copied: number): Promise<number> {
  const begun = performance.now();
  const child = Bun.spawn([berth.binary, "backup", "create", target], {
    env: { ...process.env, BERTH_DATA: data },
    stdout: "pipe",
    stderr: "pipe",
  });
  const said = await new Response(child.stdout).text();
  const seconds = (performance.now() - begun) / 1000;
  if ((await child.exited) !== 0) throw new Error(await new Response(child.stderr).text());
  const found = Number(/of which (\d+) /.exec(said)?.[1]);
  const isAsExpected = copied === 0 ? found === 0 : found >= copied;
  if (!isAsExpected) throw new Error(`the backup copied ${found} blobs, not ${copied}: ${said}`);
  return seconds;
}

/** Files and rows as the store itself would make them: 100,000 pushes through the door take minutes. */
function fill(data: string): void {
  const db = new Database(join(data, "berth.db"), { strict: true });
  const template = db.query<{ id: string }, []>("select id from repositories limit 1").get() as {
    id: string;
  };
  const blob = db.query(
    "insert into blobs (digest, size, key, state, created_at) values (?1, ?2, ?3, 'live', 0)",
  );
  const link = db.query(
    "insert into repository_blobs (repository_id, digest, lease_until) values (?1, ?2, 0)",
  );
  const edge = db.query(
    "insert into manifest_edges (repository_id, parent, child, kind) values (?1, ?2, ?3, 'blob')",
  );
  const manifest = db.query(
    `insert into manifests (repository_id, digest, media_type, size, bytes, state, pushed_at)
     values (?1, ?2, ?3, ?4, ?5, 'live', 0)`,
  );
  const add = (each: Blob) => {
    const hex = each.digest.slice("sha256:".length);
    const key = `sha256/${hex.slice(0, 2)}/${hex}.bench.${hex.slice(0, 12)}`;
    const file = join(data, "blobs", key);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, each.bytes);
    blob.run(each.digest, each.bytes.length, key);
    link.run(template.id, each.digest);
  };
  db.transaction(() => {
    for (let count = 0; count < images; count++) {
      const all = Array.from({ length: blobsEach }, () => blobOf(randomBytes(blobBytes)));
      const [config, ...layers] = all as [Blob, ...Blob[]];
      const made = manifestOf(config, layers);
      for (const each of all) add(each);
      const { digest, bytes } = made;
      manifest.run(template.id, digest, manifestType, bytes.length, bytes);
      for (const each of all) edge.run(template.id, digest, each.digest);
    }
  })();
  db.close();
}
