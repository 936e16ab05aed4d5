import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createGzip } from "node:zlib";
import { endBytes, tarHeader } from "../../src/lib/tar.ts";
import { paddingOf } from "../../src/lib/tar-header.ts";
import { closedMode, makeUser, manage, setMember } from "../accounts.ts";
import { type Bench, berthOf, launch, record, removeFolder, settleDisk } from "../bench.ts";
import { connect } from "../connection.ts";
import { blobOf, manifestOf, newImage, pushImage } from "../registry-client.ts";
import { getSample, type Sample, sampleInTurns, shareOf } from "../samples.ts";
import type { Server } from "../server.ts";

const repository = "bench/layers";
const files = 20_000;
const indexMsMax = 120_000;
/** As long as the files are read beside them. */
const pulledSeconds = 10;

/** The files of a layer of 1 GB, which are read when somebody first looks; alone, and beside pulls. */
export async function layerFiles(bench: Bench): Promise<void> {
  const berth = berthOf(bench);
  const filling = await launch(bench, "layers", berth);
  const bytes = await layerOf(bench.quick ? 50_000_000 : 1_000_000_000);
  const { config } = newImage([]);
  const layer = blobOf(bytes);
  const at = await connect(filling.port);
  const manifest = manifestOf(config, [layer]);
  await pushImage(at, repository, "latest", { config, layers: [layer], manifest });
  at.close();
  await filling.stop();
  await settleDisk();
  const server = await launch(bench, "layers", berth, { settings: closedMode });
  await manage(server, "POST", "/users", { name: "admin", administrator: true });
  const user = await makeUser(server, "reader");
  await setMember(server, "bench", user.name, "developer");
  const looker = { server, headers: { Authorization: user.basic }, digest: layer.digest };
  for (let round = 0; round < bench.rounds; round++) {
    const begun = performance.now();
    await firstLook(looker);
    record(bench, "layers_index", berth, (performance.now() - begun) / 1000);
    forget(server);
  }
  const pulls = async () => {
    const samples: Sample[] = [];
    for (let second = 0; second < pulledSeconds; second++) {
      const paths = [`/v2/${repository}/manifests/latest`];
      samples.push(await getSample([server], paths, { headers: looker.headers }));
    }
    return samples;
  };
  const samples = await sampleInTurns(
    {
      alone: pulls,
      beside: async () => {
        const begun = performance.now();
        const looking = firstLook(looker).then(() => performance.now() - begun);
        const sample = await pulls();
        record(bench, "layers_index_beside", berth, (await looking) / 1000);
        forget(server);
        return sample;
      },
    },
    bench.quick ? 1 : 3,
  );
  const [beside, alone] = [samples.beside.flat(), samples.alone.flat()];
  record(bench, "layers_pulls", berth, shareOf(beside, alone));
  await server.stop();
  await removeFolder(server.folder);
}

/** An archive that packs to about the half of its size, as programs do. */
async function layerOf(sizeBytes: number): Promise<Uint8Array> {
  const pool = Buffer.concat(
    Array.from({ length: 4_000 }, (_, k) =>
      k % 2 === 0 ? randomBytes(500) : Buffer.from(`${k} in plain words `.repeat(30)),
    ),
  );
  const gzip = createGzip({ level: 6 });
  const packed: Buffer[] = [];
  gzip.on("data", (piece: Buffer) => packed.push(piece));
  const write = async (piece: Uint8Array) => {
    if (!gzip.write(piece)) await once(gzip, "drain");
  };
  const most = Math.floor((2 * sizeBytes) / files);
  for (let file = 0; file < files; file++) {
    const length = Math.floor((most * (file % 1_000)) / 1_000);
    const start = (file * 7_919) % pool.byteLength;
    const body = Buffer.concat([pool.subarray(start), pool]).subarray(0, length);
    const path = `usr/lib/part-${file % 300}/${file}.bin`;
    await write(tarHeader({ path, sizeBytes: length }));
    await write(body);
    await write(new Uint8Array(paddingOf(length)));
  }
  gzip.end(new Uint8Array(endBytes));
  await once(gzip, "end");
  return Buffer.concat(packed);
}

interface Looker {
  readonly server: Server;
  readonly headers: Readonly<Record<"Authorization", string>>;
  readonly digest: string;
}

/** Until the files are listed: who comes early is told to come again. */
async function firstLook({ server: { origin }, headers, digest }: Looker): Promise<void> {
  const path = `/api/v1/repositories/${encodeURIComponent(repository)}/layers/${digest}/files`;
  const begun = performance.now();
  for (;;) {
    const response = await fetch(`${origin}${path}?path=usr/lib`, { headers });
    const text = await response.text();
    if (response.ok) return;
    const isLate = performance.now() - begun > indexMsMax;
    if (isLate || response.status !== 503) throw new Error(`${path} answered ${text}`);
  }
}

function forget({ folder }: Server): void {
  const kept = join(folder, "data", "layer-files");
  for (const name of readdirSync(kept)) rmSync(join(kept, name));
}
