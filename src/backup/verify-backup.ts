import { createHash } from "node:crypto";
import type { BlobStore } from "../blobs/blob-store.ts";
import { hexOf } from "../oci/digest.ts";
import { type BackupManifest, listNames, pathsOf, readManifest } from "./backup-manifest.ts";
import { type BackupTarget, chunksOf } from "./backup-target.ts";
import { DamagedListError, readList } from "./blob-list.ts";
import { blobPath } from "./blob-path.ts";
import { inTurns } from "./copy-blobs.ts";
import { hashOf } from "./hash.ts";
import type { BlobPlace } from "./snapshot-store.ts";

const readsAtOnce = 4;
const batchMax = 256;

export interface VerifyOptions {
  readonly names: readonly string[];
  /** The store that lists without bytes speak of; null where there is none. */
  readonly store: (() => Promise<BlobStore>) | null;
  readonly found: (finding: string) => void;
}

export interface VerifiedBackups {
  readonly backups: number;
  readonly blobs: number;
  readonly bytes: number;
  readonly findings: number;
}

/** Reads every byte of the backups, those of shared blobs once. Each that differs is told by the name of its file. */
export async function verifyBackups(
  target: BackupTarget,
  { names, store, found }: VerifyOptions,
): Promise<VerifiedBackups> {
  const report = { backups: names.length, blobs: 0, bytes: 0, findings: 0 };
  const seen = new Set<string>();
  const tell = (finding: string) => {
    report.findings += 1;
    found(finding);
  };
  for (const fault of await target.faults()) tell(fault);
  for (const name of names) {
    const manifest = await readManifest(target, name);
    if (manifest === null) {
      tell(`backup ${name}: its manifest ${pathsOf(name).manifest} is damaged`);
      continue;
    }
    const wrong = await checkDatabase(target, manifest);
    if (wrong !== null) tell(`backup ${name}: ${wrong}`);
    await checkBlobs(name, manifest);
  }
  return report;

  async function checkBlobs(name: string, manifest: BackupManifest): Promise<void> {
    const bodyOf = manifest.database === null ? await inStore() : inTarget;
    const check = async (blob: BlobPlace) => {
      const fault = await checkBlob(blob, bodyOf);
      report.blobs += 1;
      report.bytes += blob.size;
      if (fault !== null) tell(`backup ${name}: the blob ${blob.digest} ${fault}`);
    };
    let batch: BlobPlace[] = [];
    try {
      for await (const blob of readList(target, manifest)) {
        if (seen.has(blob.digest)) continue;
        seen.add(blob.digest);
        batch.push(blob);
        if (batch.length < batchMax) continue;
        await inTurns(batch, readsAtOnce, check);
        batch = [];
      }
    } catch (error) {
      if (!(error instanceof DamagedListError)) throw error;
      tell(`backup ${name}: ${error.message}`);
    }
    await inTurns(batch, readsAtOnce, check);
  }

  function inTarget({ digest }: BlobPlace) {
    return target.read(blobPath(digest));
  }

  async function inStore() {
    const blobs = await store?.();
    if (blobs === undefined) throw new Error("a list without blobs was to be checked");
    return ({ key, size }: BlobPlace) => blobs.open(key, size, null, "store");
  }
}

type BodyOf = (blob: BlobPlace) => Promise<Parameters<typeof hashOf>[0] | null>;

/** What is wrong with it; null when it is as its digest says. */
async function checkBlob(blob: BlobPlace, bodyOf: BodyOf): Promise<string | null> {
  const body = await bodyOf(blob);
  if (body === null) return "is not there";
  try {
    const hash = await hashOf(body, blob.digest);
    return hash === hexOf(blob.digest) ? null : `hashes to ${hash}`;
  } catch (error) {
    return `cannot be read (${(error as Error).message})`;
  }
}

async function checkDatabase(
  target: BackupTarget,
  { name, database }: BackupManifest,
): Promise<string | null> {
  if (database === null) return null;
  const path = pathsOf(name).database;
  const stream = await target.read(path);
  if (stream === null) return `its database ${path} is not there`;
  const hasher = createHash("sha256");
  for await (const chunk of chunksOf(stream)) hasher.update(chunk);
  return hasher.digest("hex") === database.sha256 ? null : `its database ${path} is damaged`;
}

/** Those that are whole; the manifest of one that is damaged is null. */
export async function listBackups(
  target: BackupTarget,
): Promise<{ name: string; manifest: BackupManifest | null }[]> {
  const { whole } = await listNames(target);
  const listed = [];
  for (const name of whole) listed.push({ name, manifest: await readManifest(target, name) });
  return listed;
}
