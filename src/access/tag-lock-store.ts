import type { Reads, Tx } from "../db/database.ts";
import type { Digest } from "../oci/digest.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { Tag } from "../oci/tag.ts";
import type { TagPlace } from "./tag-protection.ts";

/** A tag and its lock; both are null where it has none. */
export interface TagLock {
  readonly tag: Tag;
  readonly digest: Digest;
  readonly lockedAt: number | null;
  readonly lockedBy: string | null;
}

/** Keeps the tag as it is until it is unlocked. An earlier lock stays. Throws 404 without such a tag. */
export async function lockTag(
  tx: Tx,
  lock: TagPlace & { readonly tag: Tag; readonly actor: string | null; readonly now: number },
): Promise<TagLock> {
  const found = await findLock(tx, lock);
  if (found.lockedAt !== null) return found;
  const { tag, actor, now } = lock;
  await setLock(tx, lock, { locked_at: now, locked_by: actor });
  return { tag, digest: found.digest, lockedAt: now, lockedBy: actor };
}

/** Lets the tag move again; one without a lock stays so. Throws 404 without such a tag. */
export async function unlockTag(tx: Tx, place: TagPlace & { readonly tag: Tag }): Promise<TagLock> {
  const { tag, digest } = await findLock(tx, place);
  await setLock(tx, place, { locked_at: null, locked_by: null });
  return { tag, digest, lockedAt: null, lockedBy: null };
}

/** Null without such a tag. */
export async function findTagLock(
  reads: Reads,
  repositoryId: string,
  tag: Tag,
): Promise<TagLock | null> {
  const row = await reads
    .selectFrom("tags")
    .select(["name as tag", "digest", "locked_at as lockedAt", "locked_by as lockedBy"])
    .where("repository_id", "=", repositoryId)
    .where("name", "=", tag)
    .executeTakeFirst();
  return row ?? null;
}

async function findLock(
  tx: Tx,
  { repositoryId, repository, tag }: TagPlace & { readonly tag: Tag },
): Promise<TagLock> {
  const found = await findTagLock(tx, repositoryId, tag);
  if (found !== null) return found;
  throw new RegistryError("MANIFEST_UNKNOWN", {
    message: `the repository ${repository} has no tag ${tag}`,
    detail: { repository, tag },
  });
}

async function setLock(
  tx: Tx,
  { repositoryId, tag }: TagPlace & { readonly tag: Tag },
  columns: { readonly locked_at: number | null; readonly locked_by: string | null },
): Promise<void> {
  await tx
    .updateTable("tags")
    .set(columns)
    .where("repository_id", "=", repositoryId)
    .where("name", "=", tag)
    .execute();
}
