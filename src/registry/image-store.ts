import { sql } from "kysely";
import { compiled, perDatabase } from "../db/compiled.ts";
import type { Database, Tx } from "../db/database.ts";
import type { Digest } from "../oci/digest.ts";
import { children, type Manifest } from "../oci/manifest.ts";
import { isManifestMediaType } from "../oci/media-type.ts";

/** What lists show of a manifest; it replaces what was there of one that is read in another way now. */
export async function insertImage(
  db: Database,
  tx: Tx,
  { repositoryId, digest, manifest }: ImageOf,
): Promise<void> {
  const size = ownSize(manifest);
  const listed = children(manifest).map((child) => child.digest);
  if (listed.length === 0) await insertPlain(tx, repositoryId, digest, size);
  else await insertIndex(db)(tx, repositoryId, digest, size, JSON.stringify(listed));
}

interface ImageOf {
  readonly repositoryId: string;
  readonly digest: Digest;
  readonly manifest: Manifest;
}

/** Without what other manifests have that it lists. */
function ownSize(manifest: Manifest): number {
  const blobs = new Map<Digest, number>();
  for (const { digest, size } of blobsOf(manifest)) blobs.set(digest, size);
  return blobs.values().reduce((sum, size) => sum + size, 0);
}

function blobsOf(manifest: Manifest) {
  switch (manifest.kind) {
    case "image":
      return [manifest.config, ...manifest.layers];
    case "artifact":
      return manifest.blobs;
    case "index":
      return manifest.manifests.filter(({ mediaType }) => !isManifestMediaType(mediaType));
    case "other":
      return [];
  }
}

const insertPlain = compiled((db, repository_id: string, digest: Digest, size: number) =>
  db
    .insertInto("images")
    .values({
      repository_id,
      digest,
      size,
      platforms: null,
      attestations: null,
      pulled_at: null,
    })
    .onConflict((conflict) =>
      conflict.columns(["repository_id", "digest"]).doUpdateSet(({ ref }) => ({
        size: ref("excluded.size"),
        platforms: null,
        attestations: null,
      })),
    ),
);

const insertIndex = perDatabase(({ facts }) =>
  compiled((db, repositoryId: string, digest: Digest, size: number, listed: string) =>
    db
      .insertInto("images")
      .columns(["repository_id", "digest", "size"])
      .expression(
        db
          .selectFrom(facts.values(listed).as("listed"))
          .select([
            sql<string>`cast(${repositoryId} as text)`.as("repository_id"),
            sql<Digest>`cast(${digest} as text)`.as("digest"),
            sql<number>`cast(cast(${size} as bigint) + coalesce(sum((
              select i.size from images as i
               where i.repository_id = cast(${repositoryId} as text)
                 and i.digest = listed.value limit 1)), 0) as bigint)`.as("size"),
          ])
          // Without a condition SQLite reads `on conflict` as the join's.
          .where(sql<boolean>`true`),
      )
      .onConflict((conflict) =>
        conflict.columns(["repository_id", "digest"]).doUpdateSet(({ ref }) => ({
          size: ref("excluded.size"),
          platforms: null,
          attestations: null,
        })),
      ),
  ),
);
