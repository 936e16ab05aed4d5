import { sql } from "kysely";
import type { BlobKey } from "../blobs/blob-store.ts";
import { compiled, perDatabase } from "../db/compiled.ts";
import type { Database, Reads, Tx } from "../db/database.ts";
import { bound, live } from "../db/dialect-facts.ts";
import { assert } from "../lib/assert.ts";
import { together } from "../lib/together.ts";
import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/repository-name.ts";

/** How long an uploaded or mounted blob stays visible although no manifest refers to it. */
export const leaseMs = 24 * 60 * 60 * 1000;

/** What the database knows of a stored blob. */
export interface StoredBlob {
  readonly key: BlobKey;
  readonly size: number;
}

export async function findLiveBlob(reads: Reads, digest: Digest): Promise<StoredBlob | null> {
  const [row] = await selectLive(reads, digest);
  return row ?? null;
}

const selectLive = compiled((db, digest: Digest) =>
  db
    .selectFrom("blobs")
    .select(["key", "size"])
    .where("digest", "=", digest)
    .where("state", "=", live),
);

/** As `findLiveBlob`; the blob stays as it is until the end of the transaction. */
export async function holdLiveBlob(tx: Tx, digest: Digest): Promise<StoredBlob | null> {
  const [row] = await selectLiveForShare(tx, digest);
  return row ?? null;
}

const selectLiveForShare = compiled((db, digest: Digest) =>
  db
    .selectFrom("blobs")
    .select(["key", "size"])
    .where("digest", "=", digest)
    .where("state", "=", live)
    .forShare(),
);

/** The key under which the blob's bytes lie, whatever its state. */
export async function findBlobKey(reads: Reads, digest: Digest): Promise<BlobKey | null> {
  const row = await reads
    .selectFrom("blobs")
    .select("key")
    .where("digest", "=", digest)
    .executeTakeFirst();
  return row?.key ?? null;
}

/**
 * Records the bytes under `key` as the blob. Returns the key that it has now: an earlier one where
 * somebody else stored the same blob meanwhile, unless `replace` names it as damaged.
 */
export async function insertBlob(
  tx: Tx,
  blob: { digest: Digest; size: number; key: BlobKey; replace: BlobKey | null; now: number },
): Promise<BlobKey> {
  // Whoever came first has it, be it a transaction that ended while this one waited to insert.
  const [, [found]] = await together([
    insertNewBlob(tx, blob.digest, blob.size, blob.key, blob.now),
    selectBlobForUpdate(tx, blob.digest),
  ]);
  assert(found !== undefined, "a blob that cannot be inserted is there");
  if (found.key === blob.key) return blob.key;
  if (found.state === "live" && found.key !== blob.replace) return found.key;
  await replaceBlob(tx, blob.digest, blob.size, blob.key);
  return blob.key;
}

const insertNewBlob = compiled(
  (db, digest: Digest, size: number, key: BlobKey, created_at: number) =>
    db
      .insertInto("blobs")
      .values({ digest, size, key, state: "live", created_at })
      .onConflict((conflict) => conflict.doNothing()),
);

const selectBlobForUpdate = compiled((db, digest: Digest) =>
  db.selectFrom("blobs").select(["key", "state"]).where("digest", "=", digest).forUpdate(),
);

const replaceBlob = compiled((db, digest: Digest, size: number, key: BlobKey) =>
  db.updateTable("blobs").set({ key, size, state: "live" }).where("digest", "=", digest),
);

/** Makes a live blob visible in the repository and gives it a fresh lease. */
export async function linkBlob(
  tx: Tx,
  repositoryId: string,
  digest: Digest,
  now: number,
): Promise<void> {
  await upsertLink(tx, repositoryId, digest, now + leaseMs);
}

const upsertLink = compiled((db, repository_id: string, digest: Digest, lease_until: number) =>
  db
    .insertInto("repository_blobs")
    .values({ repository_id, digest, lease_until })
    .onConflict((conflict) =>
      conflict
        .columns(["repository_id", "digest"])
        .doUpdateSet((row) => ({ lease_until: row.ref("excluded.lease_until") })),
    ),
);

export async function renewLease(
  tx: Tx,
  repositoryId: string,
  digest: Digest,
  now: number,
): Promise<void> {
  await tx
    .updateTable("repository_blobs")
    .set({ lease_until: now + leaseMs })
    .where("repository_id", "=", repositoryId)
    .where("digest", "=", digest)
    .execute();
}

/** Ends the visibility of a blob in a repository. */
export async function unlinkBlob(tx: Tx, repositoryId: string, digest: Digest): Promise<void> {
  await tx
    .deleteFrom("repository_blobs")
    .where("repository_id", "=", repositoryId)
    .where("digest", "=", digest)
    .execute();
}

export async function isBlobVisible(
  reads: Reads,
  repositoryId: string,
  digest: Digest,
): Promise<boolean> {
  const row = await reads
    .selectFrom("repository_blobs as rb")
    .innerJoin("blobs as b", "b.digest", "rb.digest")
    .select("b.digest")
    .where("rb.repository_id", "=", bound(repositoryId))
    .where("rb.digest", "=", bound(digest))
    .where("b.state", "=", live)
    .executeTakeFirst();
  return row !== undefined;
}

/** Of the digests asked for: the blobs that are visible in the repository, with their sizes. */
export async function visibleBlobSizes(
  db: Database,
  tx: Tx,
  repositoryId: string,
  digests: readonly Digest[],
): Promise<Map<Digest, number>> {
  const rows = await selectVisible(db)(tx, repositoryId, JSON.stringify(digests));
  return new Map(rows.map((row) => [row.digest, row.size]));
}

const selectVisible = perDatabase(({ facts }) =>
  compiled((reads, repositoryId: string, digests: string) =>
    reads
      .selectFrom(facts.values(digests).as("asked"))
      .innerJoin("repository_blobs as rb", (join) =>
        join
          .onRef("rb.digest", "=", sql<Digest>`asked.value`)
          .on("rb.repository_id", "=", bound(repositoryId)),
      )
      .innerJoin("blobs as b", (join) =>
        join.onRef("b.digest", "=", "rb.digest").on("b.state", "=", live),
      )
      .select(["b.digest", "b.size"])
      // What a manifest is about to refer to stays; held in one order, so that pushes of the same
      // layers wait for each other and no more.
      .orderBy("b.digest")
      .forShare("b"),
  ),
);

/** Live repositories in which the blob is visible, for a mount that names none; at most `limit`. */
export async function repositoriesWithBlob(
  reads: Reads,
  digest: Digest,
  limit: number,
): Promise<RepositoryName[]> {
  const rows = await reads
    .selectFrom("repository_blobs as rb")
    .innerJoin("blobs as b", "b.digest", "rb.digest")
    .innerJoin("repositories as r", "r.id", "rb.repository_id")
    .innerJoin("projects as p", "p.id", "r.project_id")
    .select("r.name")
    .where("rb.digest", "=", bound(digest))
    .where("b.state", "=", live)
    .where("r.state", "=", live)
    .where("p.state", "=", live)
    .limit(limit)
    .execute();
  return rows.map((row) => row.name);
}
