import { assertTagMayMove, assertTagsMayMove } from "../access/tag-protection.ts";
import { actorOf } from "../auth/principal.ts";
import type { Tx } from "../db/database.ts";
import type { Digest } from "../oci/digest.ts";
import { formatReference, type Reference } from "../oci/reference.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { Tag } from "../oci/tag.ts";
import type { Caller } from "./caller.ts";
import { isManifestLive, leftDependents, liveParents, trashManifests } from "./manifest-store.ts";
import type { Registry } from "./registry.ts";
import { findJudged } from "./repository-store.ts";
import { findTag, removeTag, removeTagsOf } from "./tag-store.ts";
import { assertTagsOfMayChange, tagsOf } from "./tags-of-manifest.ts";
import { insertTrash } from "./trash-store.ts";
import { namedReferrersMax, stillReferred } from "./unknown.ts";

/** Manifests that go with one: the children of the largest index, and what refers to them. */
const unitManifestsMax = 100_000;
/** A referrer of a referrer of a manifest: two levels. */
const unitLevelsMax = 1_000;
/** Tags that the audit names of those that went with a manifest. */
const recordedTagsMax = 100;

/**
 * By tag: removes that tag only. By digest: moves the manifest, its tags, and the children and
 * referrers that nothing else holds to the trash as one unit; refused while a live index lists it.
 */
export async function deleteManifest(
  registry: Registry,
  repository: RepositoryName,
  reference: Reference,
  caller: Caller,
): Promise<void> {
  await registry.db.transaction(
    async (tx) => {
      const { repositoryId, projectId } = await findJudged(tx, repository, caller);
      const deletion: Deletion = {
        registry,
        tx,
        repository,
        repositoryId,
        projectId,
        caller,
        actor: actorOf(caller.principal),
        now: registry.clock.now(),
      };
      if (reference.kind === "tag") await deleteTag(deletion, reference.tag);
      else await deleteUnit(deletion, reference.digest);
    },
    { removes: repository },
  );
}

interface Deletion {
  readonly registry: Registry;
  readonly tx: Tx;
  readonly repository: RepositoryName;
  readonly repositoryId: string;
  readonly projectId: string;
  readonly caller: Caller;
  readonly actor: string | null;
  readonly now: number;
}

async function deleteTag(deletion: Deletion, tag: Tag): Promise<void> {
  const { tx, repository, repositoryId, actor, now } = deletion;
  const current = await findTag(tx, repositoryId, tag);
  if (current === null) throw unknown(deletion, { kind: "tag", tag });
  await assertTagMayMove(tx, { repositoryId, repository, tag, current, next: null });
  const { digest } = current;
  const unit = { repository_id: repositoryId, digest, tag, deleted_by: actor };
  const trashId = await insertTrash(tx, { ...unit, kind: "tag" }, now);
  await removeTag(tx, { repositoryId, tag, actor, now }, { cause: "delete", trashId });
  await record(deletion, "tag.deleted", `${repository}:${tag}`, { digest });
}

async function deleteUnit(deletion: Deletion, digest: Digest): Promise<void> {
  const { tx, repository, repositoryId, actor, now } = deletion;
  if (!(await isManifestLive(tx, repositoryId, digest))) {
    throw unknown(deletion, { kind: "digest", digest });
  }
  const parents = await liveParents(tx, repositoryId, digest, namedReferrersMax);
  if (parents.length > 0) throw stillReferred("manifest", digest, parents);
  const tags = await tagsToRemove(deletion, digest);

  const unit = { repository_id: repositoryId, digest, tag: null, deleted_by: actor };
  const trashId = await insertTrash(tx, { ...unit, kind: "manifest" }, now);
  await removeTagsOf(tx, { repositoryId, digest, actor, now, trashId });
  const manifests = await trashUnit(deletion, digest, trashId);
  await record(deletion, "manifest.deleted", `${repository}@${digest}`, { ...tags, manifests });
}

/** The manifest's tags go with it, unless one may not: then nothing does. */
async function tagsToRemove(
  { tx, repository, repositoryId, caller }: Deletion,
  digest: Digest,
): Promise<{ tags: readonly Tag[]; tagCount: number }> {
  const place = { repositoryId, repository };
  const tags: Tag[] = [];
  let tagCount = 0;
  for await (const page of tagsOf(tx, place, digest)) {
    for (const { tag } of page) {
      await caller.assertMayWriteTag("repository:delete", repository, tag);
    }
    const changes = page.map((current) => ({ tag: current.tag, current, next: null }));
    await assertTagsMayMove(tx, place, changes);
    tagCount += page.length;
    tags.push(...page.slice(0, recordedTagsMax - tags.length).map(({ tag }) => tag));
  }
  return { tags, tagCount };
}

/**
 * Moves the manifest to the trash and all that only it holds: children of an index and referrers of
 * a subject, level by level, unless a tag, a live index or a live subject holds them. What is held
 * by several comes up again with the last of its holders. A part that a protected tag stands on
 * keeps the whole. Returns how many manifests went.
 */
async function trashUnit(deletion: Deletion, root: Digest, trashId: string): Promise<number> {
  const { registry, tx, repository, repositoryId } = deletion;
  const place = { repositoryId, repository };
  let going: readonly Digest[] = [root];
  let total = 0;
  for (let level = 0; going.length > 0; level++) {
    total += going.length;
    if (level > unitLevelsMax || total > unitManifestsMax) throw unitTooLarge(root);
    await trashManifests(registry.db, tx, repositoryId, going, trashId);
    const left = await leftDependents(registry.db, tx, repositoryId, going);
    for (const { digest, tagged } of left) {
      if (tagged === 0) continue;
      await assertTagsOfMayChange(tx, place, digest, `it is part of ${root}, which stays as well`);
    }
    going = left.filter(({ tagged }) => tagged === 0).map(({ digest }) => digest);
  }
  return total;
}

async function record(
  { registry, tx, projectId, caller }: Deletion,
  action: "tag.deleted" | "manifest.deleted",
  resource: string,
  detail: Readonly<Record<string, unknown>>,
): Promise<void> {
  const { actor } = caller;
  registry.audit.append(tx, { actor, action, resource, projectId, result: "done", detail });
}

function unitTooLarge(digest: Digest): RegistryError {
  return new RegistryError("DENIED", {
    status: 409,
    message: `more than ${unitManifestsMax} manifests or ${unitLevelsMax} levels of them would go with ${digest}: delete some of its referrers first`,
    detail: { digest, manifestsMax: unitManifestsMax, levelsMax: unitLevelsMax },
  });
}

function unknown(deletion: Deletion, reference: Reference): RegistryError {
  const name = formatReference(reference);
  return new RegistryError("MANIFEST_UNKNOWN", {
    message: `the repository ${deletion.repository} has no manifest ${name}`,
    detail: { repository: deletion.repository, reference: name },
  });
}
