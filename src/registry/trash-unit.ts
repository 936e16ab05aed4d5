import type { TagPlace } from "../access/tag-protection.ts";
import type { Database, Tx } from "../db/database.ts";
import type { Digest } from "../oci/digest.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { type Going, leftDependents, trashManifests } from "./manifest-store.ts";
import { removeTagsOf } from "./tag-store.ts";
import { assertTagsOfMayChange } from "./tags-of-manifest.ts";

/** Manifests that go in one transaction: the children of the largest index, and what refers to them. */
const unitManifestsMax = 100_000;
/** A referrer of a referrer of a manifest: two levels. */
const unitLevelsMax = 1_000;

/**
 * Moves manifests, each with its tags the root of a unit that is there already, to the trash, and all
 * that only they hold: children of an index and referrers of a subject, level by level, unless a tag, a
 * live index or a live subject holds them. What is held by several comes up again with the last of its
 * holders. A part that a protected tag stands on keeps its whole: `keep` is told, and throws. Returns
 * how many manifests went.
 */
export async function trashUnits(
  db: Database,
  tx: Tx,
  place: TagPlace,
  roots: readonly Going[],
  by: { readonly actor: string | null; readonly now: number },
  keep: (trashId: string, error: RegistryError) => never,
): Promise<number> {
  const { repositoryId } = place;
  await removeTagsOf(db, tx, { repositoryId, going: roots, ...by });
  let going = roots;
  let total = 0;
  for (let level = 0; going.length > 0; level++) {
    total += going.length;
    const isTooLarge = level > unitLevelsMax || total > unitManifestsMax;
    if (isTooLarge) keep(going[0]?.trashId ?? "", unitTooLarge(rootOf(roots, going[0])));
    await trashManifests(db, tx, repositoryId, going);
    const left = await leftDependents(db, tx, repositoryId, going);
    for (const dependent of left) {
      if (dependent.tagged === 0) continue;
      const consequence = `it is part of ${rootOf(roots, dependent)}, which stays as well`;
      await assertTagsOfMayChange(tx, place, dependent.digest, consequence).catch((error) => {
        if (error instanceof RegistryError) keep(dependent.trashId, error);
        throw error;
      });
    }
    going = left.filter(({ tagged }) => tagged === 0);
  }
  return total;
}

function rootOf(roots: readonly Going[], part: Going | undefined): Digest | undefined {
  return roots.find(({ trashId }) => trashId === part?.trashId)?.digest;
}

function unitTooLarge(digest: Digest | undefined): RegistryError {
  return new RegistryError("DENIED", {
    status: 409,
    message: `more than ${unitManifestsMax} manifests or ${unitLevelsMax} levels of them would go with ${digest}: delete some of its referrers first`,
    detail: { digest, manifestsMax: unitManifestsMax, levelsMax: unitLevelsMax },
  });
}
