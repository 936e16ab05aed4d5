import type { BlobKey, StoredItem } from "../blobs/blob-store.ts";
import { letOthersRun } from "../lib/let-others-run.ts";
import { keysToDelete } from "../registry/deletion-store.ts";
import type { Damage } from "./damage.ts";
import { type Checked, pageSize, type Suspect, type VerifyDeps } from "./suspect.ts";
import { type BlobPlace, findBlobs, findBlobsByKey, findUploads } from "./verify-store.ts";

/** Files that no row speaks of. */
export async function* checkFiles(deps: VerifyDeps, checked: Checked): AsyncGenerator<Suspect> {
  let batch: StoredItem[] = [];
  for await (const item of deps.blobs.list("all")) {
    batch.push(item);
    if (batch.length < pageSize) continue;
    yield* checkBatch(deps, checked, batch);
    batch = [];
    await letOthersRun();
  }
  yield* checkBatch(deps, checked, batch);
}

async function* checkBatch(
  deps: VerifyDeps,
  checked: Checked,
  items: readonly StoredItem[],
): AsyncGenerator<Suspect> {
  checked.files += items.length;
  // Uploads first: a session ends in the transaction that makes its bytes a blob.
  const uploads = await findUploads(deps.db, items.map(sessionOf).filter(isNotNull));
  const blobOf = await findBlobsOf(deps, items);
  const leaving = await keysToDelete(deps.db, items.flatMap(keysOf));
  for (const item of items) {
    const session = sessionOf(item);
    if (session !== null && uploads.has(session)) continue;
    if (item.kind === "blob" && leaving.has(item.key)) continue;
    const blob = blobOf(item);
    const damage = damageOf(item, blob);
    if (damage !== null) yield suspectFile(deps, item, damage, blob);
  }
}

/** The row that speaks of an item, by the digest where its key tells it. */
async function findBlobsOf(
  { db }: VerifyDeps,
  items: readonly StoredItem[],
): Promise<(item: StoredItem) => BlobPlace | null> {
  const stored = items.filter((item) => item.kind === "blob");
  const digests = stored.map((item) => item.digest).filter(isNotNull);
  const keys = stored.filter((item) => item.digest === null).map((item) => item.key);
  const byDigest = await findBlobs(db, digests);
  const byKey = await findBlobsByKey(db, keys);
  return (item) => {
    if (item.kind !== "blob") return null;
    const blob = item.digest === null ? byKey.get(item.key) : byDigest.get(item.digest);
    return blob ?? null;
  };
}

/** The upload session to which the item belonged, or still does. */
function sessionOf(item: StoredItem): string | null {
  switch (item.kind) {
    case "blob":
      return item.stagedAs;
    case "staged":
      return item.id;
    case "stray":
      return null;
  }
}

function keysOf(item: StoredItem): BlobKey[] {
  return item.kind === "blob" ? [item.key] : [];
}

function damageOf(item: StoredItem, blob: BlobPlace | null): Damage | null {
  // A quarantined blob's file was moved, or was to be moved when the process ended.
  if (item.kind !== "blob" || blob === null || blob.state === "quarantined") return "stray-file";
  return blob.key === item.key ? null : "two-generations";
}

function suspectFile(
  deps: VerifyDeps,
  item: StoredItem,
  damage: Damage,
  blob: BlobPlace | null,
): Suspect {
  const { db, blobs } = deps;
  const digest = item.kind === "blob" ? item.digest : null;
  return {
    finding: {
      kind: damage,
      message: sentence(item, damage, blob),
      digest,
      path: item.path,
      repository: null,
    },
    async confirm() {
      const session = sessionOf(item);
      if (session !== null && (await findUploads(db, [session])).has(session)) return false;
      if (item.kind === "staged") return (await blobs.stagedBytes(item)) !== null;
      if (item.kind === "stray") return true;
      if ((await keysToDelete(db, [item.key])).size > 0) return false;
      if (damageOf(item, (await findBlobsOf(deps, [item]))(item)) === null) return false;
      return (await blobs.size(item.key)) !== null;
    },
    async repair() {
      const moved = await blobs.quarantine(item);
      return moved === null ? "it went away by itself" : `moved to ${moved}`;
    },
  };
}

function sentence(item: StoredItem, damage: Damage, blob: BlobPlace | null): string {
  if (damage === "two-generations") {
    return `${item.path} is a second file of a blob; the one in use has the key ${blob?.key}`;
  }
  switch (item.kind) {
    case "blob":
      return `${item.path} has the name of a blob that the database does not know`;
    case "staged":
      return `${item.path} belongs to no upload`;
    case "stray":
      return `${item.path} is no file of the registry`;
  }
}

function isNotNull<T>(value: T | null): value is T {
  return value !== null;
}
