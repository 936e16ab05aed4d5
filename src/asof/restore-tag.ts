import { assertTagMayMove } from "../access/tag-protection.ts";
import { conflict, notFound } from "../access/unknown.ts";
import type { Tx } from "../db/database.ts";
import type { Digest } from "../oci/digest.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { Tag } from "../oci/tag.ts";
import { holdTag, pointTag } from "../registry/tag-store.ts";
import { everPointedTo, findManifest, moveAsOf, moveOfVersion } from "./tag-history-store.ts";

/** What of its history the tag is to point to again. */
export type Wanted =
  | { readonly kind: "digest"; readonly digest: Digest }
  | { readonly kind: "version"; readonly version: number }
  | { readonly kind: "moment"; readonly at: number };

export interface TagRestoration {
  readonly repositoryId: string;
  readonly repository: RepositoryName;
  readonly tag: Tag;
  readonly wanted: Wanted;
  readonly actor: string | null;
  readonly now: number;
  /** Takes a unit out of the trash, with all that went with it; null for one who may not. */
  readonly bringBack: ((trashId: string) => Promise<unknown>) | null;
}

/**
 * Points the tag to what it pointed to before, which comes out of the trash for it; rules and locks hold
 * as for any move. Returns from where to where.
 */
export async function restoreTag(
  tx: Tx,
  restoration: TagRestoration,
): Promise<{ from: Digest | null; to: Digest }> {
  const { repositoryId, repository, tag, actor, now } = restoration;
  const held = await holdTag(tx, repositoryId, tag);
  const { current } = held;
  const digest = await digestOf(tx, restoration);
  if (current?.digest === digest) {
    throw conflict(`the tag ${tag} of ${repository} points to ${digest} already`);
  }
  await assertTagMayMove(tx, { repositoryId, repository, tag, current, next: digest });
  // The tag may come back with what it pointed to.
  const isBack = await makeLive(tx, restoration, digest);
  const present = isBack ? await holdTag(tx, repositoryId, tag) : held;
  if (present.current?.digest !== digest) {
    await pointTag(tx, { repositoryId, tag, actor, now }, present, digest, "restore");
  }
  return { from: current?.digest ?? null, to: digest };
}

async function digestOf(tx: Tx, restoration: TagRestoration): Promise<Digest> {
  const { repository, tag, wanted } = restoration;
  switch (wanted.kind) {
    case "digest": {
      if (await everPointedTo(tx, restoration, wanted.digest)) return wanted.digest;
      throw notFound(`move of the tag ${tag} of ${repository} to ${wanted.digest} in its history`);
    }
    case "version":
      return pointed(restoration, await moveOfVersion(tx, restoration, wanted.version), {
        missing: `version ${wanted.version} in the history of the tag ${tag} of ${repository}`,
        when: `as of version ${wanted.version}`,
      });
    case "moment": {
      const time = new Date(wanted.at).toISOString();
      return pointed(restoration, await moveAsOf(tx, restoration, wanted.at), {
        missing: `move of the tag ${tag} of ${repository} until ${time} in its history`,
        when: `at ${time}`,
      });
    }
  }
}

function pointed(
  { repository, tag }: TagRestoration,
  digest: Digest | null | undefined,
  { missing, when }: { missing: string; when: string },
): Digest {
  if (digest === undefined) throw notFound(missing);
  if (digest === null) throw conflict(`the tag ${tag} of ${repository} was deleted ${when}`);
  return digest;
}

/** True where it had to come back. */
async function makeLive(
  tx: Tx,
  { repositoryId, repository, bringBack }: TagRestoration,
  digest: Digest,
): Promise<boolean> {
  const found = await findManifest(tx, repositoryId, digest);
  if (found?.isLive) return false;
  if (found === null) {
    throw new RegistryError("MANIFEST_UNKNOWN", {
      message: `the repository ${repository} has no manifest ${digest} any more`,
      detail: { repository, reference: digest },
    });
  }
  if (bringBack === null || found.trashId === null) {
    throw conflict(`${digest} lies in the trash: restore its unit first, ${found.trashId}`);
  }
  await bringBack(found.trashId);
  return true;
}
