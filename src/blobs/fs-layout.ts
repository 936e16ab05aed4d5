import fs from "node:fs";
import { basename, dirname, join } from "node:path";
import { assert } from "../lib/assert.ts";
import { randomHex } from "../lib/random.ts";
import { algorithmOf, type Digest, hexOf, isDigest } from "../oci/digest.ts";
import {
  type BlobKey,
  type ItemName,
  nothingStaged,
  type StagedId,
  type StagedState,
  type StoredItem,
} from "./blob-store.ts";

const algorithms = ["sha256", "sha512"] as const;
const shards = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, "0"));
const keyPattern =
  /^(sha256|sha512)\/([0-9a-f]{2})\/([0-9a-f]{64,128})\.([A-Za-z0-9_-]{1,64})\.[0-9a-f]{12}$/;
const stagedPattern = /^[A-Za-z0-9_-]{1,64}$/;
/** Files looked at before other work gets its turn. */
const listBatch = 256;

/** Where things lie in the folder, and what lies there. */
export interface FsLayout {
  /** A key that was never used: publishing the same upload twice gives two. */
  newKey(digest: Digest, stagedAs: StagedId): BlobKey;
  blobPath(key: BlobKey): string;
  /** The folder that holds the blob of `key`. */
  shardPath(key: BlobKey): string;
  stagedPath(id: StagedId): string;
  pathOf(item: ItemName): string;
  /** A path in quarantine, never used before, for the file now at `path`. */
  quarantinePath(path: string): string;
  list(which: "all" | "staged"): AsyncIterable<StoredItem>;
}

/**
 * Makes what is missing in `folder`, and `folder` itself, durably: a blob's name survives a power
 * cut only in a folder that does.
 */
export function openFsLayout(folder: string): FsLayout {
  const blobs = join(folder, "blobs");
  const uploads = join(folder, "uploads");
  const quarantine = join(folder, "quarantine");
  makeFolders(folder, blobs, [uploads, quarantine]);

  const layout: FsLayout = {
    newKey(digest, stagedAs) {
      const hex = hexOf(digest);
      const name = `${hex}.${stagedAs}.${unique()}`;
      return `${algorithmOf(digest)}/${hex.slice(0, 2)}/${name}` as BlobKey;
    },
    blobPath(key) {
      assert(keyPattern.test(key), "a blob key names a file below the blob folder");
      return join(blobs, key);
    },
    shardPath: (key) => join(blobs, dirname(key)),
    stagedPath(id) {
      assert(stagedPattern.test(id), "an upload id is a plain file name");
      return join(uploads, id);
    },
    pathOf(item) {
      switch (item.kind) {
        case "blob":
          return layout.blobPath(item.key);
        case "staged":
          return layout.stagedPath(item.id);
        case "stray":
          return item.path;
      }
    },
    quarantinePath: (path) => join(quarantine, `${basename(path).slice(0, 200)}.${unique()}`),
    async *list(which) {
      yield* filesIn(uploads, (name) => (stagedPattern.test(name) ? stagedItem(name) : null));
      if (which === "staged") return;
      yield* filesIn(blobs, (name) => (isAlgorithm(name) ? "skip" : null));
      for (const algorithm of algorithms) {
        const root = join(blobs, algorithm);
        yield* filesIn(root, (name) => (isShard(name) ? "skip" : null));
        for (const shard of shards) {
          const key = (name: string) => `${algorithm}/${shard}/${name}`;
          yield* filesIn(join(root, shard), (name) => blobItem(key(name)));
        }
      }
    },
  };
  return layout;
}

function unique(): string {
  return randomHex(6);
}

function makeFolders(folder: string, blobs: string, others: readonly string[]): void {
  const firstMade = fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (!fs.existsSync(blobs)) {
    // Whole and durable under another name first: that `blobs` is there proves that all of it is.
    const making = `${blobs}.new`;
    makeShards(making);
    for (const algorithm of algorithms) syncFolder(join(making, algorithm));
    syncFolder(making);
    fs.renameSync(making, blobs);
  } else {
    makeShards(blobs);
  }
  for (const path of others) fs.mkdirSync(path, { recursive: true, mode: 0o700 });
  syncFolder(folder);
  if (firstMade !== undefined) syncUpTo(folder, dirname(firstMade));
}

/** Makes the shard folders that are missing; those made are durable in their parent. */
function makeShards(blobs: string): void {
  for (const algorithm of algorithms) {
    const root = join(blobs, algorithm);
    fs.mkdirSync(root, { recursive: true, mode: 0o700 });
    const there = new Set(fs.readdirSync(root));
    const missing = shards.filter((shard) => !there.has(shard));
    for (const shard of missing) fs.mkdirSync(join(root, shard), { mode: 0o700 });
    if (missing.length > 0) syncFolder(root);
  }
}

/** Syncs the parents of `folder` up to `top`, which held the first level that was made. */
function syncUpTo(folder: string, top: string): void {
  for (let path = folder; path !== top; path = dirname(path)) syncFolder(dirname(path));
}

function syncFolder(path: string): void {
  const fd = fs.openSync(path, fs.constants.O_RDONLY);
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

type Found =
  | { kind: "blob"; key: BlobKey; digest: Digest; stagedAs: StagedId }
  | { kind: "staged"; id: StagedId; state: StagedState }
  | "skip"
  | null;

/** The entries of a folder, as `read` understands their names: null is a stray. Empty when the folder is gone. */
async function* filesIn(
  path: string,
  read: (name: string) => Found,
): AsyncGenerator<StoredItem, void> {
  const entries = await fs.promises.readdir(path, { withFileTypes: true }).catch(emptyIfMissing);
  let looked = 0;
  for (const entry of entries) {
    const found = read(entry.name);
    if (found === "skip" && entry.isDirectory()) continue;
    if (++looked % listBatch === 0) await new Promise(setImmediate);
    const itemPath = join(path, entry.name);
    const stat = fs.lstatSync(itemPath, { throwIfNoEntry: false });
    if (stat === undefined) continue;
    const at = { sizeBytes: stat.size, path: itemPath };
    const known = found !== null && found !== "skip" && stat.isFile();
    yield known ? { ...found, ...at } : { kind: "stray", ...at };
  }
}

function emptyIfMissing(error: NodeJS.ErrnoException): fs.Dirent[] {
  if (error.code === "ENOENT") return [];
  throw error;
}

function stagedItem(name: string): Found {
  return { kind: "staged", id: name as StagedId, state: nothingStaged };
}

function blobItem(key: string): Found {
  const [, algorithm, shard, hex, stagedAs] = keyPattern.exec(key) ?? [];
  const digest = `${algorithm}:${hex}`;
  if (hex === undefined || !hex.startsWith(shard ?? "") || !isDigest(digest)) return null;
  return { kind: "blob", key: key as BlobKey, digest, stagedAs: stagedAs as StagedId };
}

function isAlgorithm(name: string): boolean {
  return (algorithms as readonly string[]).includes(name);
}

function isShard(name: string): boolean {
  return /^[0-9a-f]{2}$/.test(name);
}
