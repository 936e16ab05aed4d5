import { sql } from "kysely";
import { compiled, perDatabase } from "../db/compiled.ts";
import type { Database, Tx } from "../db/database.ts";
import { live } from "../db/dialect-facts.ts";
import type { BlobRow } from "../db/tables.ts";
import type { Digest } from "../oci/digest.ts";

/** A blob that nothing holds. */
export interface UnheldBlob {
  readonly digest: Digest;
  readonly size: number;
  /** Null where it was not condemned yet. */
  readonly collect_after: number | null;
}

const condemned = sql.lit("condemned" as const);

/**
 * Keeps whoever is about to refer to one of the blobs waiting until the end of the transaction. Those
 * that were faster have committed when this returns. In one order, as a push does it.
 */
export async function lockBlobs(db: Database, tx: Tx, digests: readonly Digest[]): Promise<void> {
  await selectForUpdate(db)(tx, JSON.stringify(digests));
}

const selectForUpdate = perDatabase(({ facts }) =>
  compiled((db, digests: string) =>
    db
      .selectFrom("blobs as b")
      .select("b.digest")
      .where("b.digest", "in", (query) =>
        query
          .selectFrom(facts.values(digests).as("asked"))
          .select(sql<Digest>`asked.value`.as("d")),
      )
      .orderBy("b.digest")
      .forUpdate(),
  ),
);

/**
 * Of the blobs: those that nothing holds, neither a repository's link, nor a manifest of whatever state,
 * nor one's place in the trash. Only a statement of its own after `lockBlobs` sees what whoever had
 * the blob before has written.
 */
export async function selectUnheld(
  db: Database,
  tx: Tx,
  digests: readonly Digest[],
): Promise<UnheldBlob[]> {
  return await unheld(db)(tx, JSON.stringify(digests));
}

const unheld = perDatabase(({ facts }) =>
  compiled((db, digests: string) =>
    db
      .selectFrom(facts.values(digests).as("asked"))
      .innerJoin("blobs as b", (join) => join.onRef("b.digest", "=", sql<Digest>`asked.value`))
      .select(["b.digest", "b.size", "b.collect_after"])
      .where(({ not, or, exists, selectFrom }) =>
        not(
          or([
            exists(
              selectFrom("repository_blobs as rb")
                .select("rb.digest")
                .whereRef("rb.digest", "=", "b.digest"),
            ),
            exists(
              selectFrom("manifest_edges as e")
                .select("e.child")
                .whereRef("e.child", "=", "b.digest"),
            ),
            exists(
              selectFrom("trash as t")
                .select("t.digest")
                .whereRef("t.digest", "=", "b.digest")
                .where("t.kind", "=", sql.lit("blob" as const)),
            ),
          ]),
        ),
      ),
  ),
);

/** Nobody sees them any more, and their bytes may go once `collectAfter` has passed. */
export async function condemnBlobs(
  db: Database,
  tx: Tx,
  digests: readonly Digest[],
  { now, collectAfter }: { readonly now: number; readonly collectAfter: number },
): Promise<void> {
  await updateCondemned(db)(tx, JSON.stringify(digests), now, collectAfter);
}

const updateCondemned = perDatabase(({ facts }) =>
  compiled((db, digests: string, condemned_at: number, collect_after: number) =>
    db
      .updateTable("blobs")
      .set({ state: condemned, condemned_at, collect_after })
      .where("digest", "in", (query) =>
        query
          .selectFrom(facts.values(digests).as("asked"))
          .select(sql<Digest>`asked.value`.as("d")),
      )
      // One that was condemned before keeps its time.
      .where("collect_after", "is", null),
  ),
);

/** Condemned blobs whose time has come, at most `limit`. */
export async function listCollectable(tx: Tx, now: number, limit: number): Promise<Digest[]> {
  const rows = await tx
    .selectFrom("blobs")
    .select("digest")
    .where("collect_after", "<=", now)
    .orderBy("collect_after")
    .limit(limit)
    .execute();
  return rows.map((row) => row.digest);
}

/** Removes the rows of the blobs, and puts their bytes on the list of what is to go. */
export async function collectBlobs(
  db: Database,
  tx: Tx,
  digests: readonly Digest[],
  dueAt: number,
): Promise<void> {
  const all = JSON.stringify(digests);
  await insertDeletions(db)(tx, all, dueAt);
  await deleteRows(db)(tx, all);
}

const insertDeletions = perDatabase(({ facts }) =>
  compiled((db, digests: string, dueAt: number) =>
    db
      .insertInto("blob_deletions")
      .columns(["key", "digest", "size", "due_at", "attempts"])
      .expression(
        db
          .selectFrom(facts.values(digests).as("asked"))
          .innerJoin("blobs as b", (join) => join.onRef("b.digest", "=", sql<Digest>`asked.value`))
          .select([
            "b.key",
            "b.digest",
            "b.size",
            sql<number>`cast(${dueAt} as ${facts.integer})`.as("due_at"),
            sql.lit(0).as("attempts"),
          ])
          .where(sql<boolean>`true`),
      )
      .onConflict((conflict) => conflict.doNothing()),
  ),
);

const deleteRows = perDatabase(({ facts }) =>
  compiled((db, digests: string) =>
    db
      .deleteFrom("blobs")
      .where("digest", "in", (query) =>
        query
          .selectFrom(facts.values(digests).as("asked"))
          .select(sql<Digest>`asked.value`.as("d")),
      ),
  ),
);

/** Blobs that something refers to after all are condemned no longer. */
export async function acquitBlobs(db: Database, tx: Tx, digests: readonly Digest[]): Promise<void> {
  await updateAcquitted(db)(tx, JSON.stringify(digests));
}

const updateAcquitted = perDatabase(({ facts }) =>
  compiled((db, digests: string) =>
    db
      .updateTable("blobs")
      .set({
        state: sql<BlobRow["state"]>`case when state = 'condemned' then ${live} else state end`,
        condemned_at: null,
        collect_after: null,
      })
      .where("digest", "in", (query) =>
        query
          .selectFrom(facts.values(digests).as("asked"))
          .select(sql<Digest>`asked.value`.as("d")),
      ),
  ),
);
