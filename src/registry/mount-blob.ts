import type { Digest } from "../oci/digest.ts";
import { type RepositoryName, refuseReservedName } from "../oci/repository-name.ts";
import { holdLiveBlob, isBlobVisible, linkBlob, repositoriesWithBlob } from "./blob-link-store.ts";
import type { Caller } from "./caller.ts";
import type { Registry } from "./registry.ts";
import { ensureRepository, findRepositoryId } from "./repository-store.ts";

/** Repositories that are looked at for a mount that names none. */
const sourcesMax = 100;

export interface Mount {
  readonly repository: RepositoryName;
  readonly digest: Digest;
  /** Null: any repository that holds the blob and that the caller may pull from. */
  readonly from: RepositoryName | null;
  readonly caller: Caller;
}

/**
 * Makes a blob of another repository visible here. False when it cannot: the client uploads it then.
 * Throws UNAUTHORIZED where a token for both repositories would do.
 */
export async function mountBlob(registry: Registry, mount: Mount): Promise<boolean> {
  refuseReservedName(mount.repository);
  const source = await findSource(registry, mount);
  if (source === null) return false;
  registry.admitWrite();
  return await registry.db.transaction(
    async (tx) => {
      const sourceId = await findRepositoryId(tx, source);
      if (sourceId === null || !(await isBlobVisible(tx, sourceId, mount.digest))) return false;
      const now = registry.clock.now();
      const into = await ensureRepository(registry, tx, mount.repository, mount.caller, now);
      if (!(await holdLiveBlob(tx, mount.digest))) return false;
      await linkBlob(tx, into.repositoryId, mount.digest, now);
      return true;
    },
    { adds: mount.repository },
  );
}

/** Looks before a transaction is opened: most mounts that fail do so here. */
async function findSource(registry: Registry, mount: Mount): Promise<RepositoryName | null> {
  const { from, digest, caller } = mount;
  if (from !== null) {
    const isThere = (await registry.reads.visibleBlob(from, digest)) !== null;
    if (isThere) await caller.assertTokenReaches(from);
    if (!(await caller.mayPull(from))) return null;
    return isThere ? from : null;
  }
  const holders = await repositoriesWithBlob(registry.db.reads, digest, sourcesMax);
  for (const name of holders) if (await caller.mayPull(name)) return name;
  for (const name of holders) await caller.assertTokenReaches(name);
  return null;
}
