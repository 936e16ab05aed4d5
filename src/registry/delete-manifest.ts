import { assertTagMayMove, assertTagsMayMove } from "../access/tag-protection.ts";
import { actorOf } from "../auth/principal.ts";
import type { Tx } from "../db/database.ts";
import type { Digest } from "../oci/digest.ts";
import { formatReference, type Reference } from "../oci/reference.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { Tag } from "../oci/tag.ts";
import type { Caller } from "./caller.ts";
import { isManifestLive, liveParents } from "./manifest-store.ts";
import type { Registry } from "./registry.ts";
import { findJudged } from "./repository-store.ts";
import { findTag, removeTag } from "./tag-store.ts";
import { tagsOf } from "./tags-of-manifest.ts";
import { insertTrash } from "./trash-store.ts";
import { trashUnits } from "./trash-unit.ts";
import { namedReferrersMax, stillReferred } from "./unknown.ts";

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

/** What is to be deleted from, and for whom. */
export interface Deletion {
  readonly registry: Pick<Registry, "db" | "audit">;
  readonly tx: Tx;
  readonly repository: RepositoryName;
  readonly repositoryId: string;
  readonly projectId: string;
  readonly caller: Pick<Caller, "actor" | "assertMayWriteTag">;
  readonly actor: string | null;
  readonly now: number;
}

/**
 * Returns its unit of trash. Throws MANIFEST_UNKNOWN where there is no such tag, and DENIED where it
 * names something else than `expected`.
 */
export async function deleteTag(
  deletion: Deletion,
  tag: Tag,
  expected: Digest | null = null,
): Promise<string> {
  const { tx, repository, repositoryId, actor, now } = deletion;
  const current = await findTag(tx, repositoryId, tag);
  if (current === null) throw unknown(deletion, { kind: "tag", tag });
  if (expected !== null && current.digest !== expected) {
    throw new RegistryError("DENIED", {
      status: 409,
      message: `the tag ${tag} of ${repository} names ${current.digest} by now, not ${expected}`,
      detail: { repository, tag, digest: current.digest },
    });
  }
  await assertTagMayMove(tx, { repositoryId, repository, tag, current, next: null });
  const { digest } = current;
  const unit = { kind: "tag", repositoryId, digest, tag, deletedBy: actor } as const;
  const trashId = await insertTrash(tx, unit, now);
  await removeTag(tx, { repositoryId, tag, actor, now }, { cause: "delete", trashId });
  record(deletion, "tag.deleted", `${repository}:${tag}`, { digest });
  return trashId;
}

/** Returns its unit of trash. Throws MANIFEST_UNKNOWN where there is no such manifest. */
export async function deleteUnit(deletion: Deletion, digest: Digest): Promise<string> {
  const { registry, tx, repository, repositoryId, actor, now } = deletion;
  if (!(await isManifestLive(tx, repositoryId, digest))) {
    throw unknown(deletion, { kind: "digest", digest });
  }
  const parents = await liveParents(tx, repositoryId, digest, namedReferrersMax);
  if (parents.length > 0) throw stillReferred("manifest", digest, parents);
  const tags = await tagsToRemove(deletion, digest);

  const unit = { kind: "manifest", repositoryId, digest, deletedBy: actor } as const;
  const trashId = await insertTrash(tx, unit, now);
  const roots = [{ digest, trashId }];
  const place = { repositoryId, repository };
  const manifests = await trashUnits(registry.db, tx, place, roots, { actor, now }, (_, error) => {
    throw error;
  });
  record(deletion, "manifest.deleted", `${repository}@${digest}`, { ...tags, manifests });
  return trashId;
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

function record(
  { registry, tx, projectId, caller }: Deletion,
  action: "tag.deleted" | "manifest.deleted",
  resource: string,
  detail: Readonly<Record<string, unknown>>,
): void {
  const { actor } = caller;
  registry.audit.append(tx, { actor, action, resource, projectId, result: "done", detail });
}

function unknown(deletion: Deletion, reference: Reference): RegistryError {
  const name = formatReference(reference);
  return new RegistryError("MANIFEST_UNKNOWN", {
    message: `the repository ${deletion.repository} has no manifest ${name}`,
    detail: { repository: deletion.repository, reference: name },
  });
}
