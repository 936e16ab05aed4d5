import type { ApiCall, Management } from "../access/endpoint.ts";
import { findProject, isNameOfAnother } from "../access/project-store.ts";
import { assertTagsMayMove } from "../access/tag-protection.ts";
import { conflict, notFound } from "../access/unknown.ts";
import { actorOf } from "../auth/principal.ts";
import { bringBackRobotsOf, takenRobotNames } from "../auth/principal-store.ts";
import type { Tx } from "../db/database.ts";
import { assert } from "../lib/assert.ts";
import type { Digest } from "../oci/digest.ts";
import type { RegistryError } from "../oci/registry-error.ts";
import type { Tag } from "../oci/tag.ts";
import { linkBlob } from "../registry/blob-link-store.ts";
import { isManifestLive } from "../registry/manifest-store.ts";
import { holdTag, pointTag } from "../registry/tag-store.ts";
import {
  bringBackTags,
  deleteUnit,
  findLostBlob,
  isBlobLive,
  isRepositoryThere,
  linkBlobsOf,
  reviveDependents,
  reviveRow,
  reviveUnit,
  tagsOfUnit,
  unitOfManifest,
} from "./restore-store.ts";
import { nameOf } from "./unit.ts";
import { findUnit, type Unit } from "./unit-store.ts";

/** What came back with a unit. */
export interface Restored {
  readonly manifests: number;
  readonly tags: readonly Tag[];
  /** Tags that went with it and point elsewhere by now: they stay there. */
  readonly taken: readonly { readonly tag: Tag; readonly digest: Digest }[];
}

const alone: Restored = { manifests: 0, tags: [], taken: [] };
/** Names of robots that a refusal tells. */
const namedRobotsMax = 3;

/**
 * Brings a unit back. The transaction is alone, and has found the unit in the trash. Throws a conflict
 * where something else has its place by now, which says what to do about it.
 */
export async function restoreUnit(
  deps: Management,
  tx: Tx,
  unit: Unit,
  call: ApiCall,
): Promise<Restored> {
  switch (unit.kind) {
    case "tag":
      return await restoreTag(deps, tx, unit, call);
    case "manifest":
      return await restoreManifest(deps, tx, unit, call);
    case "blob":
      return await restoreBlob(deps, tx, unit);
    case "repository":
      return await restoreRepository(deps, tx, unit);
    case "project":
      return await restoreProject(deps, tx, unit, call);
  }
}

/** As `restoreUnit`, of one that a transaction came upon. */
export async function bringBackUnit(
  deps: Management,
  tx: Tx,
  id: string,
  call: ApiCall,
): Promise<Restored> {
  const unit = await findUnit(deps.db, tx, deps.clock.now(), id);
  if (unit === null) throw notInTrash(id);
  return await restoreUnit(deps, tx, unit, call);
}

/** The same for what was never there, what was purged, and what one may not see. */
export function notInTrash(unit: string): RegistryError {
  return notFound(`${unit} in the trash`);
}

async function restoreTag(
  { clock }: Management,
  tx: Tx,
  unit: Unit,
  { principal }: ApiCall,
): Promise<Restored> {
  const { repositoryId, repository } = within(unit);
  const { tag } = unit;
  const digest = digestOf(unit);
  assert(tag !== null, "a unit of a tag names it");
  const held = await holdTag(tx, repositoryId, tag);
  const { current } = held;
  if (current !== null && current.digest !== digest) {
    throw conflict(
      `the tag ${tag} of ${repository} points to ${current.digest} by now: delete it, which puts it into the trash as well, then restore this one`,
    );
  }
  if (!(await isManifestLive(tx, repositoryId, digest))) {
    const other = await unitOfManifest(tx, repositoryId, digest);
    const wayOut =
      other === null ? "push it again" : `restore that first: it is in the trash as ${other}`;
    throw conflict(`the tag ${tag} of ${repository} stood for ${digest}: ${wayOut}`);
  }
  await deleteUnit(tx, unit.id);
  if (current !== null) return alone;
  await assertTagsMayMove(tx, { repositoryId, repository }, [{ tag, current, next: digest }]);
  const move = { repositoryId, tag, actor: actorOf(principal), now: clock.now() };
  await pointTag(tx, move, held, digest, "restore");
  return { ...alone, tags: [tag] };
}

async function restoreManifest(
  deps: Management,
  tx: Tx,
  unit: Unit,
  { principal }: ApiCall,
): Promise<Restored> {
  const { db, clock } = deps;
  const { repositoryId, repository } = within(unit);
  const digest = digestOf(unit);
  const now = clock.now();
  const revived = await reviveAll(deps, tx, unit.id, { repositoryId, now });
  const lost = await findLostBlob(db, tx, repositoryId, revived);
  if (lost !== null) {
    throw conflict(
      `the bytes of the blob ${lost} of ${nameOf(unit)} are damaged or gone: push it again`,
    );
  }
  await linkBlobsOf(db, tx, repositoryId, revived, now);

  // Pushed again since, and deleted again: its tags are another unit's.
  const isThere = await isManifestLive(tx, repositoryId, digest);
  const went = isThere ? await tagsOfUnit(tx, repositoryId, unit.id) : [];
  const free = went.filter(({ current }) => current === null);
  const changes = free.map(({ tag }) => ({ tag, current: null, next: digest }));
  await assertTagsMayMove(tx, { repositoryId, repository }, changes);
  await bringBackTags(tx, { repositoryId, digest, actor: actorOf(principal) }, free, now);
  await deleteUnit(tx, unit.id);
  return {
    manifests: revived.length,
    tags: free.map(({ tag }) => tag),
    taken: went.flatMap(({ tag, current }) =>
      current === null || current === digest ? [] : [{ tag, digest: current }],
    ),
  };
}

/** Level by level: an index comes with its children, and all of them with what refers to them. */
async function reviveAll(
  { db }: Management,
  tx: Tx,
  trashId: string,
  { repositoryId, now }: { readonly repositoryId: string; readonly now: number },
): Promise<Digest[]> {
  let level = await reviveUnit(tx, trashId, now);
  const revived = [...level];
  while (level.length > 0) {
    level = await reviveDependents(db, tx, repositoryId, level, now);
    revived.push(...level);
  }
  return revived;
}

async function restoreBlob({ clock }: Management, tx: Tx, unit: Unit): Promise<Restored> {
  const { repositoryId } = within(unit);
  const digest = digestOf(unit);
  if (!(await isBlobLive(tx, digest))) {
    throw conflict(`the bytes of ${nameOf(unit)} are damaged or gone: push it again`);
  }
  await linkBlob(tx, repositoryId, digest, clock.now());
  await deleteUnit(tx, unit.id);
  return alone;
}

async function restoreRepository({ clock }: Management, tx: Tx, unit: Unit): Promise<Restored> {
  const { repositoryId, repository } = within(unit);
  if (await isRepositoryThere(tx, unit.projectId, repository)) {
    throw conflict(
      `there is another repository ${repository} by now: delete it, which puts it into the trash as well, then restore this one`,
    );
  }
  await reviveRow(tx, "repositories", repositoryId, clock.now());
  await deleteUnit(tx, unit.id);
  return alone;
}

async function restoreProject(
  { clock }: Management,
  tx: Tx,
  { id, projectId, project }: Unit,
  { principal }: ApiCall,
): Promise<Restored> {
  if ((await findProject(tx, project)) !== null) {
    throw conflict(
      `there is another project ${project} by now: delete it, which puts it into the trash as well, then restore this one`,
    );
  }
  if (await isNameOfAnother(tx, project, principal)) {
    throw conflict(`the name ${project} is a user's by now: an administrator may restore it`);
  }
  const taken = await takenRobotNames(tx, projectId, namedRobotsMax);
  if (taken.length > 0) {
    throw conflict(
      `others have the names of its robots by now: delete ${taken.join(", ")}, then restore it`,
    );
  }
  await reviveRow(tx, "projects", projectId, clock.now());
  await bringBackRobotsOf(tx, projectId);
  await deleteUnit(tx, id);
  return alone;
}

function within({ repositoryId, repository }: Unit) {
  assert(repositoryId !== null && repository !== null, "what is no project lies in a repository");
  return { repositoryId, repository };
}

function digestOf({ digest }: Unit): Digest {
  assert(digest !== null, "what lies in a repository has a digest");
  return digest;
}
