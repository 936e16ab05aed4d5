import { type RawBuilder, sql } from "kysely";
import type { PresentTag } from "../access/tag-protection.ts";
import { compiled } from "../db/compiled.ts";
import type { Database, Reads, Tx } from "../db/database.ts";
import { bound } from "../db/dialect-facts.ts";
import type { TagHistoryRow } from "../db/tables.ts";
import { assert } from "../lib/assert.ts";
import { together } from "../lib/together.ts";
import type { Digest } from "../oci/digest.ts";
import { isAttachedTag, type Tag, tagSortKey } from "../oci/tag.ts";
import { digestOfGoing, type Going, goingJson, unitOfGoing } from "./manifest-store.ts";

export interface TagMove {
  readonly repositoryId: string;
  readonly tag: Tag;
  readonly actor: string | null;
  readonly now: number;
}

export async function findTag(
  reads: Reads,
  repositoryId: string,
  tag: Tag,
): Promise<PresentTag | null> {
  const [row] = await selectTag(reads, repositoryId, tag);
  return row ?? null;
}

/** A tag that nobody else moves or locks before the end of the transaction; one that is not there may be made. */
export interface HeldTag {
  readonly current: PresentTag | null;
  /** The last line of its history. */
  readonly last: NextLine | null;
}

export async function holdTag(tx: Tx, repositoryId: string, tag: Tag): Promise<HeldTag> {
  // A server runs them one after the other: the history is as whoever was waited for left it.
  const [[current], [last]] = await together([
    selectTagForUpdate(tx, repositoryId, tag),
    selectLastMove(tx, repositoryId, tag),
  ]);
  return { current: current ?? null, last: last ?? null };
}

const selectTagForUpdate = compiled((db, repositoryId: string, tag: Tag) =>
  db
    .selectFrom("tags")
    .select(["digest", "locked_at as lockedAt"])
    .where("repository_id", "=", repositoryId)
    .where("name", "=", tag)
    .forUpdate(),
);

const selectTag = compiled((db, repositoryId: string, tag: Tag) =>
  db
    .selectFrom("tags")
    .select(["digest", "locked_at as lockedAt"])
    .where("repository_id", "=", repositoryId)
    .where("name", "=", tag),
);

/**
 * Points the tag at the manifest, where it does not point yet, and writes its history. One that came to
 * be since `holdTag` found none is in the way of this transaction.
 */
export async function pointTag(
  tx: Tx,
  move: TagMove,
  { current, last }: HeldTag,
  digest: Digest,
  cause: "push" | "restore" = "push",
): Promise<void> {
  const { repositoryId, tag, actor } = move;
  const next = lineAfter(last, move.now);
  const { version, moved_at } = next;
  // One that was deleted comes back as it was pushed: the line alone says who brought it back.
  const pushed =
    current === null && cause === "restore"
      ? await pushOf(tx, repositoryId, tag, digest)
      : { moved_at, moved_by: actor };
  await together([
    appendLine(tx, move, next, { digest, cause, trashId: null }),
    current === null
      ? insertTag(
          tx,
          ...([repositoryId, tag, tagSortKey(tag), isAttachedTag(tag) ? 1 : 0] as const),
          ...([digest, version, pushed.moved_at, pushed.moved_by] as const),
        )
      : updateTag(tx, digest, version, moved_at, actor, repositoryId, tag),
  ]);
}

/** The last push of the manifest by the tag; a move to it where none is left. */
async function pushOf(tx: Tx, repositoryId: string, tag: Tag, digest: Digest) {
  const [push] = await selectPushOf(tx, repositoryId, tag, digest);
  const [move] = push === undefined ? await selectMoveTo(tx, repositoryId, tag, digest) : [push];
  assert(move !== undefined, "a tag comes back to what its history names");
  return move;
}

const selectPushOf = compiled((db, repositoryId: string, tag: Tag, digest: Digest) =>
  movesTo(db, repositoryId, tag, digest).where("cause", "=", "push"),
);

const selectMoveTo = compiled((db, repositoryId: string, tag: Tag, digest: Digest) =>
  movesTo(db, repositoryId, tag, digest),
);

/** Read from the end of the tag's history, and no further than one that is meant. */
function movesTo(db: Reads, repositoryId: string, tag: Tag, digest: Digest) {
  return db
    .selectFrom("tag_history")
    .select(["moved_at", "moved_by"])
    .where("repository_id", "=", repositoryId)
    .where("tag", "=", tag)
    .where("digest", "=", digest)
    .orderBy("version", "desc")
    .limit(1);
}

const insertTag = compiled(
  (
    db,
    repository_id: string,
    name: Tag,
    sort_key: string,
    attached: number,
    digest: Digest,
    version: number,
    moved_at: number,
    moved_by: string | null,
  ) =>
    db.insertInto("tags").values({
      ...{ repository_id, name, sort_key, attached, digest, version, moved_at, moved_by },
      size: sizeOf(repository_id, digest),
    }),
);

/** Of an image, whose row comes before its tags. */
function sizeOf(repositoryId: string, digest: Digest): RawBuilder<number> {
  return sql<number>`coalesce((
    select i.size from images as i where i.repository_id = ${repositoryId} and i.digest = ${digest}), 0)`;
}

const updateTag = compiled(
  (
    db,
    digest: Digest,
    version: number,
    moved_at: number,
    moved_by: string | null,
    repositoryId: string,
    name: Tag,
  ) =>
    db
      .updateTable("tags")
      .set({ digest, version, moved_at, moved_by, size: sizeOf(repositoryId, digest) })
      .where("repository_id", "=", repositoryId)
      .where("name", "=", name),
);

/** Removes the tag and writes its history; the line names the trash unit, if one can bring it back. */
export async function removeTag(
  tx: Tx,
  move: TagMove,
  line: { cause: "delete" | "repair"; trashId: string | null },
): Promise<void> {
  await tx
    .deleteFrom("tags")
    .where("repository_id", "=", move.repositoryId)
    .where("name", "=", move.tag)
    .execute();
  const [last] = await selectLastMove(tx, move.repositoryId, move.tag);
  await appendLine(tx, move, lineAfter(last ?? null, move.now), { digest: null, ...line });
}

/** Removes every tag of the manifests and writes their histories. */
export async function removeTagsOf(
  db: Database,
  tx: Tx,
  removal: {
    readonly repositoryId: string;
    readonly going: readonly Going[];
    readonly actor: string | null;
    readonly now: number;
  },
): Promise<void> {
  const { repositoryId, going, actor, now } = removal;
  const own = (columns: RawBuilder<unknown>) => sql`
    select ${columns} from ${db.facts.values(goingJson(going))} as g
     cross join tags as t
     where t.repository_id = ${bound(repositoryId)} and t.digest = ${digestOfGoing}`;
  // A tag has the version of the last line of its history.
  await sql`
    with own as materialized (${own(sql`t.name, ${unitOfGoing} as unit`)})
    insert into tag_history
      (repository_id, tag, version, digest, moved_at, moved_by, cause, trash_id)
    select t.repository_id, t.name, t.version + 1, null,
           case when h.moved_at >= ${now} then h.moved_at + 1 else ${now} end,
           cast(${actor} as text), 'delete', own.unit
      from own
     cross join tags as t
     cross join tag_history as h
     where t.repository_id = ${bound(repositoryId)} and t.name = own.name
       and h.repository_id = ${bound(repositoryId)} and h.tag = t.name and h.version = t.version`.execute(
    tx,
  );
  await sql`
    delete from tags
     where repository_id = ${bound(repositoryId)} and name in (${own(sql`t.name`)})`.execute(tx);
}

/** A tag that is there, by its name. */
export interface NamedTag extends PresentTag {
  readonly tag: Tag;
}

/** Tags of the manifest by name, after `last`. */
export async function listTagsOf(
  reads: Reads,
  { repositoryId, digest }: { readonly repositoryId: string; readonly digest: Digest },
  last: string,
  limit: number,
): Promise<NamedTag[]> {
  return await reads
    .selectFrom("tags")
    .select(["name as tag", "digest", "locked_at as lockedAt"])
    .where("repository_id", "=", repositoryId)
    .where("digest", "=", digest)
    .where("name", ">", last as Tag)
    .orderBy("name")
    .limit(limit)
    .execute();
}

type NextLine = Pick<TagHistoryRow, "version" | "moved_at">;

/** Of a tag's history. Its versions rise by one and its time never goes back. */
function lineAfter(last: NextLine | null, now: number): NextLine {
  if (last === null) return { version: 1, moved_at: now };
  return { version: last.version + 1, moved_at: Math.max(now, last.moved_at + 1) };
}

async function appendLine(
  tx: Tx,
  { repositoryId, tag, actor }: TagMove,
  { version, moved_at }: NextLine,
  line: { digest: Digest | null; cause: TagHistoryRow["cause"]; trashId: string | null },
): Promise<void> {
  const { digest, cause, trashId } = line;
  await insertMove(tx, repositoryId, tag, version, digest, moved_at, actor, cause, trashId);
}

const selectLastMove = compiled((db, repositoryId: string, tag: Tag) =>
  db
    .selectFrom("tag_history")
    .select(["version", "moved_at"])
    .where("repository_id", "=", repositoryId)
    .where("tag", "=", tag)
    .orderBy("version", "desc")
    .limit(1),
);

const insertMove = compiled(
  (
    db,
    repository_id: string,
    tag: Tag,
    version: number,
    digest: Digest | null,
    moved_at: number,
    moved_by: string | null,
    cause: TagHistoryRow["cause"],
    trash_id: string | null,
  ) =>
    db
      .insertInto("tag_history")
      .values({ repository_id, tag, version, digest, moved_at, moved_by, cause, trash_id }),
);
