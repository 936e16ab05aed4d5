import fs from "node:fs";
import { letOthersRun } from "../lib/let-others-run.ts";
import { hexOf } from "../oci/digest.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { blobPath, shardOf } from "./blob-path.ts";
import type { CreateDeps } from "./create-backup.ts";
import { hashOf } from "./hash.ts";
import { type BlobPlace, type BlobSource, currentPlace } from "./snapshot-store.ts";

/** How often a blob is tried that a connection got in the way of. */
const attemptsMax = 3;
const pauseMs = 1_000;

export interface CopiedBlobs {
  /** In the target, with their bytes. */
  readonly blobs: number;
  readonly bytes: number;
  /** Of these by this call. */
  readonly copied: number;
  readonly copiedBytes: number;
  /** That nobody may have any more, since the snapshot. */
  readonly collected: number;
  readonly broken: readonly { readonly digest: string; readonly message: string }[];
}

/** Copies what the target lacks, and writes the list of what it has then. */
export async function copyBlobs(
  deps: CreateDeps,
  source: BlobSource,
  listFile: string,
): Promise<CopiedBlobs> {
  const { progress, signal, listOnly, target } = deps;
  const total = await source.count();
  Object.assign(progress, {
    work: "copying blobs",
    ...{ done: 0, of: total.blobs, doneBytes: 0, ofBytes: total.bytes },
  });
  const result = { blobs: 0, bytes: 0, copied: 0, copiedBytes: 0, collected: 0 };
  const broken: { digest: string; message: string }[] = [];
  const list = fs.openSync(listFile, "w", 0o600);
  const there = thereIn(deps);
  let after = "";

  async function take(blob: BlobPlace): Promise<boolean> {
    const outcome = await copyBlob(deps, blob);
    if (outcome.kind === "collected") result.collected += 1;
    if (outcome.kind === "broken") {
      broken.push({ digest: blob.digest, message: outcome.message });
      deps.log.warn(`Backup: the blob ${blob.digest} is broken: ${outcome.message}`);
    }
    if (outcome.kind !== "copied") return false;
    result.copied += 1;
    result.copiedBytes += blob.size;
    return true;
  }

  function count({ size }: BlobPlace): void {
    progress.done += 1;
    progress.doneBytes += size;
  }

  try {
    for (;;) {
      signal.throwIfAborted();
      const page = await source.page(after);
      const last = page.at(-1);
      if (last === undefined) return { ...result, broken };
      const kept = new Set<BlobPlace>();
      const lacking: BlobPlace[] = [];
      for (const blob of page) {
        if (!listOnly && !(await there(blob))) lacking.push(blob);
        else {
          kept.add(blob);
          count(blob);
        }
      }
      await inTurns(lacking, target.writesAtOnce, async (blob) => {
        signal.throwIfAborted();
        if (await take(blob)) kept.add(blob);
        count(blob);
      });
      const lines = page.filter((blob) => kept.has(blob)).map(lineOf);
      fs.writeSync(list, lines.join(""));
      for (const { size } of kept) result.bytes += size;
      result.blobs += kept.size;
      after = last.digest;
      await letOthersRun();
    }
  } finally {
    fs.closeSync(list);
  }
}

export function lineOf({ digest, size, key }: BlobPlace): string {
  return `${digest} ${size} ${key}\n`;
}

/** Looks at a folder of the target once: blobs come in the order of their digests. */
function thereIn({ target }: CreateDeps): (blob: BlobPlace) => Promise<boolean> {
  let shard = "";
  let names = new Set<string>();
  return async ({ digest }) => {
    const folder = shardOf(digest);
    if (folder !== shard) {
      shard = folder;
      names = new Set();
      for await (const path of target.list(folder)) names.add(path);
    }
    return names.has(blobPath(digest));
  };
}

type Copied =
  | { readonly kind: "copied" | "collected" }
  /** The registry does not have what the digest says. */
  | { readonly kind: "broken"; readonly message: string };

async function copyBlob(deps: CreateDeps, blob: BlobPlace): Promise<Copied> {
  let place = blob;
  for (let attempt = 1; ; attempt++) {
    try {
      const message = await copyOnce(deps, place);
      if (message === null) return { kind: "copied" };
      // After a repair it has another key; after it was collected none.
      const now = await currentPlace(deps.db, blob.digest);
      if (now === null) return { kind: "collected" };
      if (now.key === place.key) return { kind: "broken", message };
      place = now;
    } catch (error) {
      const isFinal = deps.signal.aborted || attempt >= attemptsMax;
      if (isFinal || isFull(error)) throw error;
      await Bun.sleep(pauseMs * attempt);
    }
  }
}

/** What is wrong with the bytes that the registry has; null when they are copied. */
async function copyOnce(
  { blobs, target, signal }: CreateDeps,
  { digest, size, key }: BlobPlace,
): Promise<string | null> {
  const body = await blobs.open(key, size, null, "store");
  if (body === null) {
    const stored = await blobs.size(key);
    return stored === null ? "its bytes are gone" : `it has ${stored} bytes, not ${size}`;
  }
  let hash = "";
  try {
    await target.write(blobPath(digest), size, async (take) => {
      hash = await hashOf(body, digest, signal, take);
      if (hash !== hexOf(digest)) throw new OtherBytes();
    });
    return null;
  } catch (error) {
    if (error instanceof OtherBytes) return `it hashes to ${hash}`;
    if ((error as { code?: string }).code === "EIO") return "the disk cannot read it";
    throw error;
  }
}

/** Ends a write: what was read is not what the digest says. */
class OtherBytes extends Error {}

function isFull(error: unknown): boolean {
  if (error instanceof RegistryError) return error.code === "STORAGE_FULL";
  const { code } = error as { code?: string };
  return code === "ENOSPC" || code === "EDQUOT";
}

/** A few at a time; one that failed ends them all, and none is left behind that still works. */
export async function inTurns<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  let failed = false;
  const worker = async () => {
    for (;;) {
      const item = items[next++];
      if (item === undefined || failed) return;
      try {
        await work(item);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: atOnce }, worker));
  for (const end of ended) if (end.status === "rejected") throw end.reason;
}
