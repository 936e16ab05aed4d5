import type { BlobRow } from "../db/tables.ts";
import { letOthersRun } from "../lib/let-others-run.ts";
import { createMutex } from "../lib/mutex.ts";
import type { Digest } from "../oci/digest.ts";
import { blobStates, countLiveBlobs, listBlobRows } from "./blob-rows-store.ts";
import { copyBlob } from "./copy-blob.ts";
import { type BrokenBlob, type MoveDeps, stopIfAsked } from "./move-deps.ts";
import { blobsTable } from "./moved-tables.ts";
import { insertRows } from "./rows-store.ts";

/** Blobs on their way: to a store far away each is a few round trips. */
const atOnce = 16;
/** Of those that are so large that their bytes take the time, and memory. */
const largeBytesMin = 4 * 1024 * 1024;
const largeAtOnce = 3;
/** What is copied again at most, when it is interrupted: rows are written so often. */
const unwrittenMax = 200;
const unwrittenBytesMax = 64 * 1024 * 1024;

export interface BlobsReport {
  readonly blobs: number;
  readonly bytes: number;
  /** Copied by this run; the others were there. */
  readonly copied: number;
  readonly broken: readonly BrokenBlob[];
}

/**
 * Copies every blob that the target does not have. One whose bytes are broken is set aside there: it is
 * 404 until somebody pushes it again, which heals every image that has it. Those that were set aside
 * in the source go along without bytes.
 */
export async function copyBlobs(deps: MoveDeps): Promise<BlobsReport> {
  const { source, target, progress, signal, log } = deps;
  const all = await countLiveBlobs(source.db.reads);
  Object.assign(progress, {
    work: "copying blobs",
    done: 0,
    of: all.blobs,
    doneBytes: 0,
    ofBytes: all.bytes,
  });
  const broken: BrokenBlob[] = [];
  let copied = 0;
  let unwritten: BlobRow[] = [];
  let unwrittenBytes = 0;
  const writing = createMutex();

  async function write(): Promise<void> {
    const rows = unwritten;
    unwritten = [];
    unwrittenBytes = 0;
    // One that was set aside may be whole by now.
    const values = rows.map((row) => ({ ...row }));
    await target.db.transaction((tx) => insertRows(tx, blobsTable, values, true));
  }

  async function take(blob: BlobRow): Promise<void> {
    const outcome = blob.state === "live" ? await copyBlob(deps, blob) : null;
    if (outcome?.kind === "broken") {
      const { digest } = blob;
      broken.push({ digest, message: outcome.message });
      log.warn(`Move: the blob ${digest} is broken: ${outcome.message}`, { digest });
    }
    const isCopied = outcome?.kind === "copied";
    if (isCopied) copied += 1;
    unwritten.push(isCopied ? { ...blob, key: outcome.key } : { ...blob, state: "quarantined" });
    unwrittenBytes += blob.size;
    if (blob.state === "live") count(blob);
    if (unwritten.length >= unwrittenMax || unwrittenBytes >= unwrittenBytesMax) {
      await writing.run(write);
    }
  }

  function count(blob: BlobRow): void {
    progress.done += 1;
    progress.doneBytes += blob.size;
  }

  const missing = missingBlobs(deps, count);
  const large = createTurns(largeAtOnce);
  let failed = false;
  async function work(): Promise<void> {
    for await (const blob of missing) {
      stopIfAsked(signal);
      // One that failed ends them all, and none is left behind that still writes.
      if (failed) return;
      try {
        if (blob.size < largeBytesMin) await take(blob);
        else await large(() => take(blob));
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  }
  const ended = await Promise.allSettled(Array.from({ length: atOnce }, work));
  await writing.run(write);
  for (const end of ended) if (end.status === "rejected") throw end.reason;
  return { ...all, copied, broken };
}

/** Rows of the source that the target does not have as they are. `onThere` is told of the others. */
async function* missingBlobs(
  { source, target }: MoveDeps,
  onThere: (blob: BlobRow) => void,
): AsyncGenerator<BlobRow, void> {
  for (let after: Digest | null = null; ; ) {
    const rows: BlobRow[] = await listBlobRows(source.db.reads, after);
    const there = await blobStates(
      target.db,
      rows.map((row) => row.digest),
    );
    for (const row of rows) {
      if (there.get(row.digest) !== row.state) yield row;
      else if (row.state === "live") onThere(row);
    }
    after = rows.at(-1)?.digest ?? null;
    if (after === null) return;
    await letOthersRun();
  }
}

/** Lets only so many bodies run at a time. */
function createTurns(max: number): <T>(body: () => Promise<T>) => Promise<T> {
  const lanes = Array.from({ length: max }, createMutex);
  return (body) => {
    const [lane] = [...lanes].sort((a, b) => a.waiting - b.waiting);
    return (lane ?? createMutex()).run(body);
  };
}
