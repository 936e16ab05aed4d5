import type { Reads, Tx } from "../db/database.ts";
import { bound } from "../db/dialect-facts.ts";
import type { TagHistoryRow } from "../db/tables.ts";
import type { Digest } from "../oci/digest.ts";
import type { Tag } from "../oci/tag.ts";

/** One move of a tag. */
export interface TagMove {
  readonly version: number;
  readonly movedAt: number;
  readonly movedBy: string | null;
  readonly cause: TagHistoryRow["cause"];
  /** Null where there was no such tag before. */
  readonly from: Digest | null;
  /** Null where it was deleted. */
  readonly to: Digest | null;
  readonly trashId: string | null;
}

/** Newest first, those before version `before`. */
export async function listTagMoves(
  reads: Reads,
  page: {
    readonly repositoryId: string;
    readonly tag: Tag;
    readonly before: number | null;
    readonly limit: number;
  },
): Promise<TagMove[]> {
  let query = reads
    .selectFrom("tag_history as h")
    .leftJoin("tag_history as b", (join) =>
      join
        .onRef("b.repository_id", "=", "h.repository_id")
        .onRef("b.tag", "=", "h.tag")
        .on(({ eb, ref }) => eb("b.version", "=", eb(ref("h.version"), "-", 1))),
    )
    .leftJoin("principals as m", "m.id", "h.moved_by")
    .select(["h.version", "h.moved_at as movedAt", "m.name as movedBy", "h.cause"])
    .select(["b.digest as from", "h.digest as to", "h.trash_id as trashId"])
    .where("h.repository_id", "=", bound(page.repositoryId))
    .where("h.tag", "=", bound(page.tag));
  if (page.before !== null) query = query.where("h.version", "<", page.before);
  return await query.orderBy("h.version", "desc").limit(page.limit).execute();
}

/** What the tag pointed to from one of its moves on; undefined where there is no such move. */
export async function moveOfVersion(
  tx: Tx,
  place: { readonly repositoryId: string; readonly tag: Tag },
  version: number,
): Promise<Digest | null | undefined> {
  const row = await movesOf(tx, place).where("version", "=", version).executeTakeFirst();
  return row?.digest;
}

/** What it pointed to at a moment; undefined where that was before its first move. */
export async function moveAsOf(
  tx: Tx,
  place: { readonly repositoryId: string; readonly tag: Tag },
  at: number,
): Promise<Digest | null | undefined> {
  const row = await movesOf(tx, place)
    .where("moved_at", "<=", at)
    .orderBy("moved_at", "desc")
    .limit(1)
    .executeTakeFirst();
  return row?.digest;
}

export async function everPointedTo(
  tx: Tx,
  place: { readonly repositoryId: string; readonly tag: Tag },
  digest: Digest,
): Promise<boolean> {
  const row = await movesOf(tx, place).where("digest", "=", digest).limit(1).executeTakeFirst();
  return row !== undefined;
}

function movesOf(
  tx: Tx,
  { repositoryId, tag }: { readonly repositoryId: string; readonly tag: Tag },
) {
  return tx
    .selectFrom("tag_history")
    .select("digest")
    .where("repository_id", "=", repositoryId)
    .where("tag", "=", tag);
}

/** A manifest, and the unit of trash in which it lies; null for one that is not there at all. */
export async function findManifest(
  tx: Tx,
  repositoryId: string,
  digest: Digest,
): Promise<{ readonly isLive: boolean; readonly trashId: string | null } | null> {
  const row = await tx
    .selectFrom("manifests")
    .select(["state", "trash_id"])
    .where("repository_id", "=", repositoryId)
    .where("digest", "=", digest)
    // It stays as it is until the tag points to it.
    .forNoKeyUpdate()
    .executeTakeFirst();
  return row === undefined ? null : { isLive: row.state === "live", trashId: row.trash_id };
}
