import { createHash } from "node:crypto";
import type { BlobBody } from "../blobs/blob-store.ts";
import { letOthersRun } from "../lib/let-others-run.ts";
import { algorithmOf, type Digest, hexOf } from "../oci/digest.ts";
import type { Damage } from "./damage.ts";
import { type Checked, pageSize, type Suspect, type VerifyDeps } from "./suspect.ts";
import { type BlobPlace, findBlob, listBlobs, quarantineBlob } from "./verify-store.ts";

/** Blobs looked at before other work gets its turn; small ones are read and hashed without a wait. */
const blobsAtOnce = 16;

/** The bytes of every blob that somebody may pull. */
export async function* checkBlobs(deps: VerifyDeps, checked: Checked): AsyncGenerator<Suspect> {
  let after = "";
  for (;;) {
    const rows = await listBlobs(deps.db.reads, after, pageSize);
    for (const blob of rows) {
      after = blob.digest;
      if (blob.state !== "live") continue;
      checked.blobs += 1;
      if (checked.blobs % blobsAtOnce === 0) await letOthersRun();
      checked.blobBytes += blob.size;
      const wrong = await checkBlob(deps, blob);
      if (wrong !== null) yield suspectBlob(deps, blob, wrong);
    }
    if (rows.length < pageSize) return;
    await letOthersRun();
  }
}

export interface Wrong {
  readonly damage: Damage;
  readonly message: string;
}

/** Told of bytes that were read; what it returns is waited for, and null ends the reading. */
type OnRead = (bytes: number) => Promise<void> | null;

/** What is wrong with it; null when nothing is, or when `onRead` ended the reading. */
export async function checkBlob(
  { blobs }: VerifyDeps,
  blob: BlobPlace,
  onRead: OnRead = async () => {},
): Promise<Wrong | null> {
  const body = await blobs.open(blob.key, blob.size, null, "store");
  if (body === null) {
    const size = await blobs.size(blob.key);
    if (size === null) return { damage: "missing-file", message: "it is gone" };
    const message = `it has ${size} bytes, not ${blob.size}`;
    return { damage: "wrong-size", message };
  }
  const actual = await hashOf(body, blob.digest, onRead);
  if (actual === hexOf(blob.digest) || actual === "ended") return null;
  const message = actual === null ? "the disk cannot read it" : `it hashes to ${actual}`;
  return { damage: "rotten-byte", message };
}

/** Null when the disk reports an error for the bytes themselves. */
async function hashOf(body: BlobBody, digest: Digest, onRead: OnRead): Promise<string | null> {
  const hasher = createHash(algorithmOf(digest));
  if (body.kind === "bytes") {
    await onRead(body.bytes.byteLength);
    return hasher.update(body.bytes).digest("hex");
  }
  const reader = (body.kind === "file" ? body.file.stream() : body.stream).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return hasher.digest("hex");
      hasher.update(value);
      const waiting = onRead(value.byteLength);
      if (waiting === null) return "ended";
      await waiting;
    }
  } catch (error) {
    if ((error as { code?: string }).code === "EIO") return null;
    throw error;
  } finally {
    await reader.cancel().catch(() => {});
  }
}

export function suspectBlob(deps: VerifyDeps, blob: BlobPlace, wrong: Wrong): Suspect {
  const { db, blobs } = deps;
  const item = { kind: "blob", key: blob.key } as const;
  const path = blobs.pathOf(item);
  return {
    finding: {
      kind: wrong.damage,
      message: `${path} should hold the blob ${blob.digest}, but ${wrong.message}`,
      digest: blob.digest,
      path,
      repository: null,
    },
    async confirm() {
      const size = await blobs.size(blob.key);
      const now = await findBlob(db.reads, blob.digest);
      if (now === null || now.key !== blob.key || now.state !== "live") return false;
      return wrong.damage !== "missing-file" || size === null;
    },
    async repair() {
      // Rows first: nobody is sent to a file that has been moved.
      if (!(await db.transaction((tx) => quarantineBlob(tx, blob.digest, blob.key)))) return null;
      const moved = await blobs.quarantine(item);
      const where = moved === null ? "" : `its file was moved to ${moved}, and `;
      return `${where}the next push of the blob brings it back`;
    },
  };
}
