import { deleteRateLimitsOf } from "../access/rate-limit-store.ts";
import { deletePrincipal } from "../auth/principal-store.ts";
import type { Database, Tx } from "../db/database.ts";
import { assert, assertNever } from "../lib/assert.ts";
import type { Digest } from "../oci/digest.ts";
import { leaseMs } from "../registry/blob-link-store.ts";
import { type Amount, collectUnheld, condemnUnheld, nothing } from "./condemn.ts";
import {
  deleteManifests,
  deleteProject,
  deleteRest,
  deleteSomeTags,
  deleteUnit,
  dependentsIn,
  forgetDeletedBlobs,
  leaseUnreferred,
  listedElsewhere,
  rehome,
  robotsOf,
  someManifests,
  someRepository,
  type TrashUnit,
  type UnitThere,
  unlinkSome,
  unlinkUnreferred,
} from "./purge-store.ts";

/** Manifests, and links of blobs, that one transaction removes. */
const purgeBatch = 100;
/** Of other rows. */
const restBatch = 1_000;
/** Who relied on a HEAD of a blob has this long to refer to it; see `confirmBlob`. */
const reliedOnMs = leaseMs / 2;

export interface Purge {
  /** Of the database. */
  readonly now: number;
  /**
   * Bytes go at once, and leases in the repository of what the unit held end. Else they stay for their
   * lease and their grace.
   */
  readonly erase: boolean;
}

export interface Purged {
  /** The unit is gone; else there is more of it: call again, in another transaction. */
  readonly isDone: boolean;
  readonly manifests: number;
  /** What was condemned, or with `erase` is gone but for its bytes. */
  readonly released: Amount;
}

/**
 * Removes a batch of a trash unit for good, and the unit's own row with the last one. The transaction is
 * alone in the repository (`removes`, or beside none). The caller has seen in it that `until` has passed,
 * or sets it: from the first batch on a unit may be half gone, so that one whose time has passed must
 * not be restored. A manifest that another one outside of the unit lists goes over to that one's unit,
 * or comes back to life where that one is live.
 *
 * After an erasure the bytes are on the list of what is to go; `hastenRemoval` has them removed in seconds.
 */
export async function purgeUnit(
  db: Database,
  tx: Tx,
  unit: TrashUnit,
  purge: Purge,
): Promise<Purged> {
  const { id, digest, repository_id: repositoryId, project_id: projectId } = unit;
  switch (unit.kind) {
    case "tag":
      await deleteUnit(tx, id);
      return { isDone: true, manifests: 0, released: nothing };
    case "blob":
      assert(digest !== null, "a deleted blob has a digest");
      await deleteUnit(tx, id);
      return { isDone: true, manifests: 0, released: await release(db, tx, [digest], purge) };
    case "manifest":
      assert(repositoryId !== null, "a manifest lies in a repository");
      return await purgeManifests(db, tx, { id, repositoryId }, purge);
    case "repository":
      assert(repositoryId !== null, "the unit of a repository names it");
      return await purgeRepository(db, tx, repositoryId, purge);
    case "project":
      assert(projectId !== null, "the unit of a project names it");
      return await purgeProject(db, tx, projectId, purge);
    default:
      return assertNever(unit.kind);
  }
}

async function purgeManifests(
  db: Database,
  tx: Tx,
  unit: UnitThere,
  purge: Purge,
): Promise<Purged> {
  await keepListed(db, tx, unit, purge.now);
  const of = { repositoryId: unit.repositoryId, trashId: unit.id };
  const digests = await someManifests(tx, of, purgeBatch);
  const released = await removeManifests(db, tx, unit.repositoryId, digests, purge);
  const isDone = digests.length < purgeBatch;
  if (isDone) await deleteUnit(tx, unit.id);
  return { isDone, manifests: digests.length, released };
}

/** What others list stays with them, and with it what it lists and what refers to it. */
async function keepListed(db: Database, tx: Tx, unit: UnitThere, now: number): Promise<void> {
  const listed = await listedElsewhere(tx, unit);
  for (const { digest, by_live, trash_id } of listed) {
    const home = { trashId: by_live === 1 ? null : trash_id, now };
    let moving: readonly Digest[] = [digest];
    while (moving.length > 0) {
      await rehome(db, tx, unit, moving, home);
      moving = await dependentsIn(db, tx, unit, moving);
    }
  }
}

/**
 * Removes a batch of a repository that is in the trash, or whose project is, and its row with the last
 * one: tags, manifests, links, what lies in its own trash, histories, and pulls. As `purgeUnit`.
 */
async function purgeRepository(
  db: Database,
  tx: Tx,
  repositoryId: string,
  purge: Purge,
): Promise<Purged> {
  // Before what they point to: a kill in between leaves no tag that points to nothing.
  if ((await deleteSomeTags(tx, repositoryId, restBatch)) > 0) {
    return { isDone: false, manifests: 0, released: nothing };
  }
  const digests = await someManifests(tx, { repositoryId, trashId: null }, purgeBatch);
  if (digests.length > 0) {
    const children = await deleteManifests(db, tx, repositoryId, digests);
    const released = await release(db, tx, children, purge);
    return { isDone: false, manifests: digests.length, released };
  }
  // Nobody sees them where they are: nobody can rely on them.
  const unlinked = await unlinkSome(tx, repositoryId, purgeBatch);
  const freed =
    unlinked.length > 0 ? unlinked : await forgetDeletedBlobs(tx, repositoryId, purgeBatch);
  if (freed.length > 0) {
    return { isDone: false, manifests: 0, released: await release(db, tx, freed, purge) };
  }
  const isDone = await deleteRest(tx, repositoryId, restBatch);
  return { isDone, manifests: 0, released: nothing };
}

/** Removes a batch of a project in the trash, repository by repository; with the last one itself, and its robots. */
async function purgeProject(
  db: Database,
  tx: Tx,
  projectId: string,
  purge: Purge,
): Promise<Purged> {
  const repositoryId = await someRepository(tx, projectId);
  if (repositoryId !== null) {
    return { ...(await purgeRepository(db, tx, repositoryId, purge)), isDone: false };
  }
  for (const robot of await robotsOf(tx, projectId)) {
    await deletePrincipal(tx, robot);
    await deleteRateLimitsOf(tx, robot);
  }
  await deleteProject(tx, projectId);
  return { isDone: true, manifests: 0, released: nothing };
}

async function removeManifests(
  db: Database,
  tx: Tx,
  repositoryId: string,
  digests: readonly Digest[],
  purge: Purge,
): Promise<Amount> {
  if (digests.length === 0) return nothing;
  const children = await deleteManifests(db, tx, repositoryId, digests);
  if (children.length === 0) return nothing;
  if (purge.erase) await unlinkUnreferred(db, tx, repositoryId, children);
  else await leaseUnreferred(db, tx, repositoryId, children, purge.now + reliedOnMs);
  return await release(db, tx, children, purge);
}

async function release(
  db: Database,
  tx: Tx,
  digests: readonly Digest[],
  { now, erase }: Purge,
): Promise<Amount> {
  const decide = erase ? collectUnheld : condemnUnheld;
  return await decide(db, tx, digests, now);
}
