import { actorOf } from "../auth/principal.ts";
import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import { isBlobVisible, unlinkBlob } from "./blob-link-store.ts";
import type { Caller } from "./caller.ts";
import { liveParents } from "./manifest-store.ts";
import type { Registry } from "./registry.ts";
import { findJudged } from "./repository-store.ts";
import { insertTrash } from "./trash-store.ts";
import { namedReferrersMax, stillReferred, unknownBlob } from "./unknown.ts";

/** Ends the visibility of a blob in the repository; refused while a live manifest there refers to it. */
export async function deleteBlob(
  registry: Registry,
  repository: RepositoryName,
  digest: Digest,
  caller: Caller,
): Promise<void> {
  await registry.db.transaction(
    async (tx) => {
      const { repositoryId, projectId } = await findJudged(tx, repository, caller);
      if (!(await isBlobVisible(tx, repositoryId, digest))) throw unknownBlob(repository, digest);
      const parents = await liveParents(tx, repositoryId, digest, namedReferrersMax);
      if (parents.length > 0) throw stillReferred("blob", digest, parents);
      const deletedBy = actorOf(caller.principal);
      const unit = { kind: "blob", repositoryId, digest, deletedBy } as const;
      await insertTrash(tx, unit, registry.clock.now());
      await unlinkBlob(tx, repositoryId, digest);
      registry.audit.append(tx, {
        actor: caller.actor,
        action: "blob.deleted",
        resource: `${repository}@${digest}`,
        projectId,
        result: "done",
        detail: { digest },
      });
    },
    { removes: repository },
  );
}
