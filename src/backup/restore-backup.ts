import { createHash } from "node:crypto";
import fs from "node:fs";
import { join } from "node:path";
import { type BlobKey, type BlobStore, nothingStaged, type StagedId } from "../blobs/blob-store.ts";
import { uuidv7 } from "../lib/random.ts";
import { hexOf } from "../oci/digest.ts";
import { type BackupManifest, pathsOf, readManifest } from "./backup-manifest.ts";
import { type BackupTarget, chunksOf } from "./backup-target.ts";
import { blobPath } from "./blob-path.ts";
import { inTurns } from "./copy-blobs.ts";
import type { Progress } from "./create-backup.ts";
import { syncFile, writeFile } from "./folder-target.ts";
import { hashOf } from "./hash.ts";
import { refused } from "./refused.ts";
import { openRestored, type RestoredDatabase } from "./restored-store.ts";
import { markerOf, restoredMarkOf, restoringFile } from "./restoring.ts";
import type { BlobPlace } from "./snapshot-store.ts";

const blobsAtOnce = 8;
/** What an operator, or a new file system, may have put into the folder before. */
const allowedEntries: ReadonlySet<string> = new Set([
  ...["secret.key", "berth.yaml", "berth.lock", "lost+found", "restoring"],
]);

export interface RestoreOptions {
  readonly target: BackupTarget;
  readonly name: string;
  /** The data folder; the caller holds its lock. */
  readonly folder: string;
  /** Where the blobs are to go. */
  readonly openStore: () => Promise<BlobStore>;
  /** Blobs may be where they were: a bucket that outlived the host. */
  readonly mayBeThere: boolean;
  readonly progress: Progress;
}

export interface RestoreReport {
  readonly manifest: BackupManifest;
  readonly restored: number;
  readonly bytes: number;
  /** Blobs of which the backup has no whole bytes: set aside until they are pushed again. */
  readonly lacking: readonly { readonly digest: string; readonly message: string }[];
}

/**
 * Puts a backup into an empty data folder. No server starts there before it is whole; interrupted, the same
 * call goes on where it was.
 */
export async function restoreBackup(options: RestoreOptions): Promise<RestoreReport> {
  const { target, name, folder, openStore } = options;
  const manifest = await readManifest(target, name);
  if (manifest === null) throw refused(409, `the manifest of the backup ${name} is damaged`);
  if (manifest.database === null) {
    throw refused(
      409,
      `the backup ${name} is a list of blobs alone: restore PostgreSQL and the bucket with their own tools, then run berth verify --repair`,
    );
  }
  await begin(folder, name);
  const file = await fetchDatabase(options, manifest);
  const restored = openRestored(file);
  let blobsRestored: Omit<RestoreReport, "manifest">;
  try {
    const blobs = await openStore();
    try {
      if (!options.mayBeThere) await removeStrays(blobs, restored);
      blobsRestored = await restoreBlobs(options, manifest, blobs, restored);
      restored.finish();
    } finally {
      await blobs.close();
    }
  } finally {
    restored.close();
  }
  await syncFile(file);
  fs.renameSync(file, join(folder, "berth.db"));
  await syncFile(folder);
  // The audit is told at the first start: a line takes the secret key, which is brought later.
  fs.renameSync(markerOf(folder), restoredMarkOf(folder));
  await syncFile(folder);
  return { manifest, ...blobsRestored };
}

/** Refuses a folder that holds anything but what an earlier run of this left. */
async function begin(folder: string, name: string): Promise<void> {
  const marker = markerOf(folder);
  if (fs.existsSync(marker)) {
    const earlier = fs.readFileSync(marker, "utf8").trim();
    if (earlier === name) return;
    if (earlier !== "") {
      throw refused(
        409,
        `${folder} holds the beginning of a restore of the backup ${earlier}: go on with that one, or empty the folder`,
      );
    }
  }
  const found = fs.readdirSync(folder).find((entry) => !allowedEntries.has(entry));
  if (found !== undefined) {
    throw refused(
      409,
      `${folder} holds ${found}: a backup is restored into an empty folder, so name another one or move that away`,
    );
  }
  fs.writeFileSync(marker, `${name}\n`, { mode: 0o600 });
  await syncFile(marker);
  await syncFile(folder);
}

async function fetchDatabase(
  { target, folder }: RestoreOptions,
  { name, database }: BackupManifest,
): Promise<string> {
  const file = restoringFile(folder);
  if (fs.existsSync(file)) return file;
  const path = pathsOf(name).database;
  const stream = await target.read(path);
  if (stream === null || database === null) throw refused(409, `${path} is not in the backup`);
  const unfinished = `${file}.new`;
  fs.rmSync(unfinished, { force: true });
  const hasher = createHash("sha256");
  await writeFile(unfinished, database.size, async (take) => {
    for await (const chunk of chunksOf(stream)) {
      hasher.update(chunk);
      await take(chunk);
    }
    if (hasher.digest("hex") === database.sha256) return;
    throw refused(409, `the database ${path} of the backup is damaged: restore another backup`);
  });
  fs.renameSync(unfinished, file);
  await syncFile(folder);
  return file;
}

/** What an interrupted run stored without noting it. */
async function removeStrays(blobs: BlobStore, restored: RestoredDatabase): Promise<void> {
  for await (const item of blobs.list("all")) {
    if (item.kind === "staged") await blobs.discard(item);
    if (item.kind === "blob" && !restored.hasKey(item.key)) await blobs.remove([item.key]);
  }
}

async function restoreBlobs(
  { target, progress, mayBeThere }: RestoreOptions,
  manifest: BackupManifest,
  blobs: BlobStore,
  database: RestoredDatabase,
): Promise<Omit<RestoreReport, "manifest">> {
  Object.assign(progress, {
    work: "restoring blobs",
    ...{ done: 0, of: manifest.blobs, doneBytes: 0, ofBytes: manifest.bytes },
  });
  const lacking: { digest: string; message: string }[] = [];

  async function keyFor(blob: BlobPlace): Promise<BlobKey | null> {
    const key = database.keyOf(blob.digest);
    if (key !== null) return key;
    if (mayBeThere && (await isWhole(blobs, blob))) return blob.key;
    const restored = await restoreBlob(target, blobs, blob);
    if (restored.kind === "restored") return restored.key;
    lacking.push({ digest: blob.digest, message: restored.message });
    return null;
  }

  for (let after = ""; ; ) {
    const page = database.page(after);
    const last = page.at(-1);
    if (last === undefined) break;
    const done: { digest: BlobPlace["digest"]; key: BlobKey }[] = [];
    try {
      await inTurns(page, blobsAtOnce, async (blob) => {
        const key = await keyFor(blob);
        if (key === null) return;
        done.push({ digest: blob.digest, key });
        progress.done += 1;
        progress.doneBytes += blob.size;
      });
    } finally {
      database.note(done);
    }
    after = last.digest;
  }
  return { restored: progress.done, bytes: progress.doneBytes, lacking };
}

async function isWhole(blobs: BlobStore, { key, size, digest }: BlobPlace): Promise<boolean> {
  // A key of another kind of store names nothing in this one.
  if (!key.startsWith("blobs/")) return false;
  const body = await blobs.open(key, size, null, "store");
  return body !== null && (await hashOf(body, digest)) === hexOf(digest);
}

type Restored =
  | { readonly kind: "restored"; readonly key: BlobKey }
  | { readonly kind: "lacking"; readonly message: string };

async function restoreBlob(
  target: BackupTarget,
  blobs: BlobStore,
  { digest }: BlobPlace,
): Promise<Restored> {
  const body = await target.read(blobPath(digest));
  if (body === null) return { kind: "lacking", message: "it is not in the backup" };
  const id = uuidv7() as StagedId;
  const writer = await blobs.stage({ id, state: nothingStaged }, 0);
  if (writer === null) throw new Error("the store has no room for an upload of no bytes");
  let hash: string;
  try {
    // The store may keep the pieces that it takes.
    hash = await hashOf(body, digest, null, (chunk) => writer.write(new Uint8Array(chunk)));
    await writer.close();
  } catch (error) {
    await writer.close().catch(() => {});
    await blobs.discard({ id, state: writer.state }).catch(() => {});
    throw error;
  }
  const staged = { id, state: writer.state };
  if (hash === hexOf(digest)) return { kind: "restored", key: await blobs.publish(staged, digest) };
  await blobs.discard(staged);
  return { kind: "lacking", message: `in the backup it hashes to ${hash}` };
}
