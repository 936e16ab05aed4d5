import type { BlobKey } from "../blobs/blob-store.ts";
import type { BlobRow } from "../db/tables.ts";
import type { Digest } from "../oci/digest.ts";
import { blobStates, listBlobRows, removeBlobRow } from "./blob-rows-store.ts";
import { type MoveDeps, stopIfAsked } from "./move-deps.ts";

/** What an earlier run left: blobs that the source has no more, by their rows, then bytes without a row. */
export async function sweepBlobs(deps: MoveDeps): Promise<void> {
  await removeForeignRows(deps);
  await removeStrays(deps);
}

/** Between two runs the source may have been given its changes back. */
async function removeForeignRows({ source, target, signal }: MoveDeps): Promise<void> {
  for (let after: Digest | null = null; ; ) {
    stopIfAsked(signal);
    const rows: BlobRow[] = await listBlobRows(target.db.reads, after);
    const known = await blobStates(
      source.db,
      rows.map((row) => row.digest),
    );
    const foreign = rows.filter((row) => !known.has(row.digest));
    if (foreign.length > 0) {
      await target.db.transaction(async (tx) => {
        for (const { digest } of foreign) await removeBlobRow(tx, digest);
      });
    }
    after = rows.at(-1)?.digest ?? null;
    if (after === null) return;
  }
}

/** Nobody but this move writes to the target. */
async function removeStrays({ target, signal }: MoveDeps): Promise<void> {
  const used = new Set<number>();
  for (let after: Digest | null = null; ; ) {
    const rows: BlobRow[] = await listBlobRows(target.db.reads, after);
    for (const { key, state } of rows) if (state === "live") used.add(shortHash(key));
    after = rows.at(-1)?.digest ?? null;
    if (after === null) break;
  }
  for await (const item of target.blobs.list("all")) {
    stopIfAsked(signal);
    if (item.kind === "blob" && !used.has(shortHash(item.key)))
      await target.blobs.remove([item.key]);
    if (item.kind === "staged") await target.blobs.discard(item);
  }
}

/** Keys of a million blobs in some 40 MB. Two that share one: a stray stays, which does no harm. */
function shortHash(key: BlobKey): number {
  return Number(BigInt(Bun.hash(key)) & 0xfffffffffffffn);
}
