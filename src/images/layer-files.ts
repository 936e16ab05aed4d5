import { mkdir, open, readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import type { Management } from "../access/endpoint.ts";
import { createMutex } from "../lib/mutex.ts";
import { randomHex } from "../lib/random.ts";
import { algorithmOf, type Digest, hexOf, isDigest } from "../oci/digest.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { Config } from "../platform/config.ts";
import { findBlobIn } from "./image-store.ts";
import { type LayerIndex, layerIndexVersion, openLayerIndex } from "./layer-index-store.ts";
import { unknownDigest } from "./unknown-layer.ts";
import { unpack } from "./unpack.ts";

/** Bytes of indexes in the data folder: those used longest ago go. */
const folderBytesMax = 1024 ** 3;
/** How long an answer waits for an index that is being made. It is made all the same. */
const waitMs = 20_000;

type Deps = Pick<Management, "db" | "blobs" | "clock" | "log" | "config">;

/** Those that are being made, by their files, and whose turn it is: one at a time in a process. */
const making = new Map<string, Promise<void>>();
const turn = createMutex();

/**
 * What lies in a layer of the repository, by an index in a file of its own that is made when it is first
 * asked for. To be closed. Throws BLOB_UNKNOWN, and UNAVAILABLE while the index is being made.
 */
export async function openLayer(deps: Deps, of: LayerOf): Promise<LayerIndex> {
  const { digest } = of;
  // An index may be there of what the repository does not have.
  await blobOf(deps, of);
  const folder = layerFilesFolder(deps.config);
  const file = join(folder, `${algorithmOf(digest)}-${hexOf(digest)}.${layerIndexVersion}`);
  const index = openLayerIndex(file) ?? (await openMade(deps, of, folder, file));
  // For whoever makes room, who may have had it removed by now.
  const seconds = deps.clock.now() / 1000;
  await utimes(file, seconds, seconds).catch(() => {});
  const { refused } = index.facts;
  if (refused === null) return index;
  index.close();
  throw new RegistryError("UNSUPPORTED", {
    status: 422,
    message: `the files of ${digest} cannot be listed: ${refused}`,
  });
}

export function layerFilesFolder({ data }: Pick<Config, "data">): string {
  return join(data, "layer-files");
}

/** Of a file in that folder, also of one that is being made: what it is the index of. */
export function layerOfFile(name: string): Digest | null {
  const [, algorithm, hex] = /^(\w+)-(\w+)\./.exec(name) ?? [];
  const digest = `${algorithm}:${hex}`;
  return isDigest(digest) ? digest : null;
}

export interface LayerOf {
  readonly repositoryId: string;
  readonly digest: Digest;
}

async function openMade(deps: Deps, of: LayerOf, folder: string, file: string) {
  await made(deps, of, folder, file);
  const index = openLayerIndex(file);
  if (index === null)
    throw new Error(`${file} is not there, or cannot be read, just after it was made`);
  return index;
}

async function made(deps: Deps, of: LayerOf, folder: string, file: string): Promise<void> {
  let work = making.get(file);
  if (work === undefined) {
    work = turn.run(() => make(deps, of, folder, file)).finally(() => making.delete(file));
    // Whoever waits may have gone by then.
    work.catch(() => {});
    making.set(file, work);
  }
  const isMade = await Promise.race([work.then(() => true), Bun.sleep(waitMs).then(() => false)]);
  if (isMade) return;
  throw new RegistryError("UNAVAILABLE", {
    // The console knows it by these words, and asks again.
    message: `the files of ${of.digest} are being read: ask again in a few seconds`,
    headers: { "retry-after": "5" },
  });
}

async function make(deps: Deps, of: LayerOf, folder: string, file: string): Promise<void> {
  const there = openLayerIndex(file);
  there?.close();
  if (there !== null) return;
  await mkdir(folder, { recursive: true });
  const unfinished = `${file}.${randomHex(8)}`;
  const begun = deps.clock.monotonic();
  try {
    const reply = await unpack(deps, await blobOf(deps, of), { kind: "index", file: unfinished });
    if (reply.kind !== "indexed") throw new Error("a layer was read otherwise than asked");
    // After a power cut a name would else lead to bytes that were never written.
    await synced(unfinished);
    await rename(unfinished, file);
    const ms = Math.round(deps.clock.monotonic() - begun);
    deps.log.info(`Read what lies in ${of.digest}`, { ...reply.facts, duration_ms: ms });
  } finally {
    await rm(unfinished, { force: true });
  }
  await makeRoom(folder);
}

async function synced(file: string): Promise<void> {
  const handle = await open(file, "r+");
  try {
    await handle.datasync();
  } finally {
    await handle.close();
  }
}

export async function blobOf({ db }: Pick<Deps, "db">, { repositoryId, digest }: LayerOf) {
  const blob = await findBlobIn(db.reads, repositoryId, digest);
  if (blob !== null) return { ...blob, digest };
  throw unknownDigest(digest);
}

/** Removes what was used longest ago, and what a kill left unfinished, once it is the oldest. */
async function makeRoom(folder: string): Promise<void> {
  const files: { path: string; size: number; usedMs: number }[] = [];
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const { size, mtimeMs } = await stat(path).catch(() => ({ size: 0, mtimeMs: 0 }));
    files.push({ path, size, usedMs: mtimeMs });
  }
  files.sort((a, b) => b.usedMs - a.usedMs);
  let bytes = 0;
  for (const { path, size } of files) {
    bytes += size;
    if (bytes > folderBytesMax) await rm(path, { force: true });
  }
}
