import { join } from "node:path";
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
import { median } from "../measure.ts";
import type { Peer } from "../peers.ts";
import {
  blobOf,
  chunkedBody,
  type Described,
  manifestOf,
  manifestType,
  newImage,
  pushBlob,
  pushStreamed,
  putManifest,
} from "../registry-client.ts";
import { medianShare, sampleInTurns } from "../samples.ts";
import { fillRandom } from "./bulk.ts";

const megabyte = 1e6;
/** 2 GB, as images have them: most of it in a few layers. */
const layersMb = [700, 500, 400, 250, 100, 40, 8, 2];
const quickLayersMb = [70, 50, 40, 25, 10, 4, 1];
const repository = "bench/copied";
const toolsFolder =
  Bun.env["BERTH_TOOLS"] ?? join(Bun.env["HOME"] ?? "/root", ".cache", "berth-tools");

type Tool = "berth" | "skopeo" | "crane";

/** An image of 2 GB from one Berth to another that is empty, by `berth cp` and by two others. */
export async function copies(bench: Bench): Promise<void> {
  const berth = berthOf(bench);
  const source = await launch(bench, "copy-source", berth);
  try {
    const digest = await pushLarge(source.port, bench.quick ? quickLayersMb : layersMb);
    const copyWith = (tool: Tool) => async (): Promise<number> => {
      const target = await launch(bench, "copy-target", berth);
      try {
        await settleDisk();
        const from = `127.0.0.1:${source.port}/${repository}:v1`;
        const to = `127.0.0.1:${target.port}/${repository}:v1`;
        const seconds = await timed(argvOf(tool, berth, from, to), bench.folder);
        const path = `${target.origin}/v2/${repository}/manifests/v1`;
        const copied = await fetch(path, { method: "HEAD", headers: { accept: manifestType } });
        if (copied.headers.get("docker-content-digest") === digest) return seconds;
        throw new Error(`${tool} made another image of it`);
      } finally {
        await target.stop();
        await removeFolder(folderOf(bench, "copy-target", berth));
      }
    };
    const tools = {
      berth: copyWith("berth"),
      skopeo: copyWith("skopeo"),
      crane: copyWith("crane"),
    };
    const seconds = await sampleInTurns(tools, bench.quick ? 1 : 3);
    for (const tool of ["berth", "skopeo", "crane"] as const) {
      for (const value of seconds[tool]) record(bench, `copy_${tool}`, berth, value);
    }
    const faster = median(seconds.skopeo) < median(seconds.crane) ? seconds.skopeo : seconds.crane;
    record(bench, "copy_x", berth, medianShare(seconds.berth, faster));
  } finally {
    await source.stop();
    await removeFolder(folderOf(bench, "copy-source", berth));
  }
}

/** Returns the digest of the manifest. */
async function pushLarge(port: number, sizesMb: readonly number[]): Promise<string> {
  const at = await connect(port);
  const layers: Described[] = [];
  for (const size of sizesMb) {
    const layer = blobOf(gzipped(size * megabyte));
    await pushStreamed(at, repository, layer.digest, [chunkedBody(layer.bytes)]);
    layers.push({ digest: layer.digest, bytes: { length: layer.bytes.length } });
  }
  const { config } = newImage([]);
  await pushBlob(at, repository, config);
  const manifest = manifestOf(config, layers);
  await putManifest(at, repository, "v1", manifest.bytes);
  at.close();
  return manifest.digest;
}

/** Random bytes as a gzip file, since some tools compress layers that are none. */
function gzipped(size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  fillRandom(bytes);
  return Bun.gzipSync(bytes, { level: 0 });
}

function argvOf(tool: Tool, berth: Peer, from: string, to: string): string[] {
  switch (tool) {
    case "berth":
      return [berth.binary, "cp", from, to];
    case "skopeo": {
      const insecure = ["--src-tls-verify=false", "--dest-tls-verify=false"];
      const policy = ["skopeo", "--insecure-policy", "copy", "--quiet", "--preserve-digests"];
      return [...policy, ...insecure, `docker://${from}`, `docker://${to}`];
    }
    case "crane":
      return [craneBinary(), "copy", "--insecure", from, to];
  }
}

function craneBinary(): string {
  const found = Bun.which("crane", { PATH: `${join(toolsFolder, "bin")}:${Bun.env["PATH"]}` });
  if (found === null) throw new Error("crane is neither on PATH nor among the tests' tools");
  return found;
}

async function timed(argv: string[], home: string): Promise<number> {
  const env = { PATH: Bun.env["PATH"] ?? "", HOME: home, TMPDIR: home };
  const begun = performance.now();
  const child = Bun.spawn(argv, { env, cwd: home, stdout: "ignore", stderr: "pipe" });
  const [errors, code] = await Promise.all([child.stderr.text(), child.exited]);
  if (code !== 0) throw new Error(`${argv.join(" ")} ended with ${code}: ${errors}`);
  return (performance.now() - begun) / 1000;
}
