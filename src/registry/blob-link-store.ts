import { sql } from "kysely";
import type { BlobKey } from "../blobs/blob-store.ts";
import { compiled, perDatabase } from "../db/compiled.ts";
import type { Database, Reads, Tx } from "../db/database.ts";
import { bound, live } from "../db/dialect-facts.ts";
import type { BlobRow } from "../db/tables.ts";
import { assert } from "../lib/assert.ts";
import { together } from "../lib/together.ts";
import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import { graceMs, queueDeletion } from "./deletion-store.ts";

/**
 * How long an uploaded or mounted blob stays visible although no manifest refers to it. The end of the
 * lease is also when garbage collection looks at the link: nothing else has to be written for it.
 */
export const leaseMs = 24 * 60 * 60 * 1000;

/** A blob that was collected is not there to be collected again. */
const insertTriesMax = 3;

/** What the database knows of a stored blob. */
export interface StoredBlob {
  readonly key: BlobKey;
  readonly size: number;
}

/** A blob whose bytes an upload of the same ones need not store again, also where it is condemned. */
export async function findStoredBlob(db: Database, digest: Digest): Promise<StoredBlob | null> {
  return await selectStored(db)(digest);
}

// Prepared, since those of pushes that come at once are then asked of a server at once.
const selectStored = perDatabase((db) =>
  db.prepare<StoredBlob>(
    "select key, size from blobs where digest = ?1 and state <> 'quarantined'",
  ),
);

/** The live blob, which stays as it is until the end of the transaction. */
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

/** Makes a condemned blob live again, if its bytes are those under `key`: they are there as long as its row is. */
export async function reviveBlob(tx: Tx, digest: Digest, key: BlobKey): Promise<boolean> {
  const rows = await updateCondemned(tx, digest, key);
  return rows.length > 0;
}

const updateCondemned = compiled((db, digest: Digest, key: BlobKey) =>
  db
    .updateTable("blobs")
    .set({ state: live, condemned_at: null, collect_after: null })
    .where("digest", "=", digest)
    .where("key", "=", key)
    .where("state", "=", sql.lit("condemned" as const))
    .returning("digest"),
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
  const found = await insertOrHold(tx, blob);
  if (found === null || found.key === blob.key) return blob.key;
  if (found.state === "live" && found.key !== blob.replace) return found.key;
  await together([
    replaceBlob(tx, blob.digest, blob.size, blob.key),
    queueDeletion(tx, {
      key: found.key,
      digest: blob.digest,
      size: found.size,
      dueAt: blob.now + graceMs,
    }),
  ]);
  return blob.key;
}

/**
 * Whoever came first has it, be it a transaction that ended while this one waited to insert; null: this
 * one came first.
 */
async function insertOrHold(
  tx: Tx,
  blob: { digest: Digest; size: number; key: BlobKey; now: number },
): Promise<Pick<BlobRow, "key" | "size" | "state"> | null> {
  for (let tries = 1; ; tries++) {
    if (await insertUnlessThere(tx, blob)) return null;
    const [found] = await selectBlobForUpdate(tx, blob.digest);
    if (found !== undefined) return found;
    // It was in the way of the insertion, and was collected before it could be held.
    assert(tries < insertTriesMax, "a blob that cannot be inserted is there");
  }
}

const insertNewBlob = compiled(
  (db, digest: Digest, size: number, key: BlobKey, created_at: number) =>
    db
      .insertInto("blobs")
      .values({
        ...{ digest, size, key, created_at },
        ...{ state: "live", condemned_at: null, collect_after: null },
      })
      .onConflict((conflict) => conflict.doNothing())
      .returning("digest"),
);

/** False where a blob of this digest is there already. */
export async function insertUnlessThere(
  tx: Tx,
  { digest, size, key, now }: { digest: Digest; size: number; key: BlobKey; now: number },
): Promise<boolean> {
  return (await insertNewBlob(tx, digest, size, key, now)).length > 0;
}

const selectBlobForUpdate = compiled((db, digest: Digest) =>
  db.selectFrom("blobs").select(["key", "size", "state"]).where("digest", "=", digest).forUpdate(),
);

const replaceBlob = compiled((db, digest: Digest, size: number, key: BlobKey) =>
  db
    .updateTable("blobs")
    .set({ key, size, state: live, condemned_at: null, collect_after: null })
    .where("digest", "=", digest),
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

/**
 * As `linkBlob`, by the name of a live repository, and in the project with this id where one is given. False
 * where there is none, or the blob's bytes are others than those under `key`.
 */
export async function linkBlobByName(
  tx: Tx,
  link: {
    readonly repository: RepositoryName;
    readonly projectId: string | undefined;
    readonly digest: Digest;
    readonly key: BlobKey;
    readonly now: number;
  },
): Promise<boolean> {
  const { repository, projectId = "", digest, key, now } = link;
  const rows = await upsertLinkByName(tx, repository, projectId, digest, key, now + leaseMs);
  return rows.length > 0;
}

const upsertLinkByName = compiled(
  (
    db,
    repository: RepositoryName,
    projectId: string,
    digest: Digest,
    key: BlobKey,
    leaseUntil: number,
  ) =>
    db
      .insertInto("repository_blobs")
      .columns(["repository_id", "digest", "lease_until"])
      .expression(
        db
          .selectFrom("repositories as r")
          .innerJoin("projects as p", "p.id", "r.project_id")
          .innerJoin("blobs as b", (join) =>
            join.on("b.digest", "=", bound(digest)).on("b.key", "=", bound(key)),
          )
          .select(["r.id", "b.digest", sql<number>`cast(${leaseUntil} as bigint)`.as("until")])
          .where("r.name", "=", bound(repository))
          .where("r.state", "=", live)
          .where("p.state", "=", live)
          .where("p.id", "=", sql<string>`coalesce(nullif(${bound(projectId)}, ''), p.id)`),
      )
      .onConflict((conflict) =>
        conflict
          .columns(["repository_id", "digest"])
          .doUpdateSet((row) => ({ lease_until: row.ref("excluded.lease_until") })),
      )
      .returning("digest"),
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
  // Held in one order, so that pushes of the same layers wait for each other and no more.
  const asked = JSON.stringify([...new Set(digests)].sort());
  const sizes = new Map<Digest, number>();
  for (const { digest, size } of await selectVisible(db)(tx, repositoryId, asked)) {
    if (size !== null) sizes.set(digest, size);
  }
  return sizes;
}

/**
 * Each is looked up by itself: a server joined them with all links of the repository, or all blobs, where
 * it had planned that while there were few. What a manifest is about to refer to stays.
 */
const selectVisible = perDatabase(({ facts }) =>
  compiled((reads, repositoryId: string, digests: string) =>
    reads
      .selectFrom(facts.values(digests).as("asked"))
      .select(({ selectFrom }) => [
        sql<Digest>`asked.value`.as("digest"),
        selectFrom("blobs as b")
          .select("b.size")
          .where("b.digest", "=", sql<Digest>`asked.value`)
          .where("b.state", "=", live)
          .limit(sql.lit(1))
          .forShare()
          .as("size"),
      ])
      .where(
        ({ selectFrom }) =>
          selectFrom("repository_blobs as rb")
            .select("rb.digest")
            .where("rb.repository_id", "=", bound(repositoryId))
            .where("rb.digest", "=", sql<Digest>`asked.value`)
            .limit(sql.lit(1)),
        "is not",
        null,
      ),
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
