import { actorOf, type Principal } from "../auth/principal.ts";
import type { Tx } from "../db/database.ts";
import { assert } from "../lib/assert.ts";
import type { Digest } from "../oci/digest.ts";
import { formatReference, type Reference } from "../oci/reference.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { Tag } from "../oci/tag.ts";
import {
  isManifestLive,
  liveChildren,
  liveParents,
  liveReferrers,
  subjectOf,
  trashManifests,
} from "./manifest-store.ts";
import { unknownRepository } from "./pull-manifest.ts";
import type { Registry } from "./registry.ts";
import { findRepositoryId } from "./repository-store.ts";
import { findTag, removeTag, tagsOf } from "./tag-store.ts";
import { insertTrash } from "./trash-store.ts";

/** Referrers that a refusal names. */
export const namedReferrersMax = 100;
/** Manifests that go with one: the children of the largest index, and what refers to them. */
const unitManifestsMax = 100_000;

/**
 * By tag: removes that tag only. By digest: moves the manifest, its tags, and the children and
 * referrers that nothing else holds to the trash as one unit; refused while a live index lists it.
 */
export async function deleteManifest(
  registry: Registry,
  repository: RepositoryName,
  reference: Reference,
  principal: Principal,
): Promise<void> {
  await registry.db.transaction(async (tx) => {
    const repositoryId = await findRepositoryId(tx, repository);
    if (repositoryId === null) throw unknownRepository(repository);
    const deletion: Deletion = {
      registry,
      tx,
      repository,
      repositoryId,
      actor: actorOf(principal),
      now: registry.clock.now(),
    };
    if (reference.kind === "tag") await deleteTag(deletion, reference.tag);
    else await deleteUnit(deletion, reference.digest);
  });
}

interface Deletion {
  readonly registry: Registry;
  readonly tx: Tx;
  readonly repository: RepositoryName;
  readonly repositoryId: string;
  readonly actor: string | null;
  readonly now: number;
}

async function deleteTag(deletion: Deletion, tag: Tag): Promise<void> {
  const { tx, repositoryId, actor, now } = deletion;
  const current = await findTag(tx, repositoryId, tag);
  if (current === null) throw unknown(deletion, { kind: "tag", tag });
  const unit = { repository_id: repositoryId, digest: current.digest, tag, deleted_by: actor };
  const trashId = await insertTrash(tx, { ...unit, kind: "tag" }, now);
  await removeTag(tx, { repositoryId, tag, actor, now }, { cause: "delete", trashId });
}

async function deleteUnit(deletion: Deletion, digest: Digest): Promise<void> {
  const { registry, tx, repositoryId, actor, now } = deletion;
  if (!(await isManifestLive(tx, repositoryId, digest))) {
    throw unknown(deletion, { kind: "digest", digest });
  }
  const parents = await liveParents(tx, repositoryId, digest, namedReferrersMax);
  if (parents.length > 0) throw stillReferred("manifest", digest, parents);

  const unit = { repository_id: repositoryId, digest, tag: null, deleted_by: actor };
  const trashId = await insertTrash(tx, { ...unit, kind: "manifest" }, now);
  for (const tag of await tagsOf(tx, repositoryId, digest)) {
    await removeTag(tx, { repositoryId, tag, actor, now }, { cause: "delete", trashId });
  }
  const going = await withDependents(tx, repositoryId, digest);
  await trashManifests(registry.db, tx, repositoryId, going, trashId);
}

/**
 * The manifest and all that only it holds: children of an index and referrers of a subject, over
 * any number of levels, unless a tag, an index or a subject outside of the set holds them.
 */
async function withDependents(tx: Tx, repositoryId: string, root: Digest): Promise<Digest[]> {
  const going = new Set<Digest>([root]);
  // A candidate that is held now may be free once more of the set is known: repeat until none is added.
  for (let frontier = [root]; frontier.length > 0; ) {
    const candidates = new Set<Digest>();
    for (const digest of going) {
      for (const child of await liveChildren(tx, repositoryId, digest)) candidates.add(child);
      for (const referrer of await liveReferrers(tx, repositoryId, digest)) {
        candidates.add(referrer);
      }
    }
    frontier = [];
    for (const candidate of candidates) {
      if (going.has(candidate) || (await isHeld(tx, repositoryId, candidate, going))) continue;
      frontier.push(candidate);
    }
    for (const digest of frontier) going.add(digest);
    assert(going.size <= unitManifestsMax, `more than ${unitManifestsMax} manifests in one delete`);
  }
  return [...going];
}

async function isHeld(
  tx: Tx,
  repositoryId: string,
  digest: Digest,
  going: ReadonlySet<Digest>,
): Promise<boolean> {
  if ((await tagsOf(tx, repositoryId, digest)).length > 0) return true;
  const parents = await liveParents(tx, repositoryId, digest, unitManifestsMax);
  if (parents.some((parent) => !going.has(parent))) return true;
  const subject = await subjectOf(tx, repositoryId, digest);
  if (subject === null || going.has(subject)) return false;
  return isManifestLive(tx, repositoryId, subject);
}

function unknown(deletion: Deletion, reference: Reference): RegistryError {
  const name = formatReference(reference);
  return new RegistryError("MANIFEST_UNKNOWN", {
    message: `the repository ${deletion.repository} has no manifest ${name}`,
    detail: { repository: deletion.repository, reference: name },
  });
}

/** 405 as the specification has it for a deletion that the registry does not carry out. */
export function stillReferred(
  what: "blob" | "manifest",
  digest: Digest,
  referrers: readonly Digest[],
): RegistryError {
  return new RegistryError("DENIED", {
    status: 405,
    message: `the ${what} ${digest} is in use by ${referrers.slice(0, 3).join(", ")}: delete that first`,
    detail: { digest, referrers },
  });
}
