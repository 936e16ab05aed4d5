import { type RawBuilder, sql } from "kysely";
import type { BlobKey } from "../blobs/blob-store.ts";
import type { Database, Reads, Tx } from "../db/database.ts";
import { bound, live } from "../db/dialect-facts.ts";
import type { Digest } from "../oci/digest.ts";
import type { ListedImage } from "./tag-list-store.ts";

/** A blob that is visible in the repository. */
export async function findBlobIn(
  reads: Reads,
  repositoryId: string,
  digest: Digest,
): Promise<{ key: BlobKey; size: number } | null> {
  const row = await reads
    .selectFrom("repository_blobs as l")
    .innerJoin("blobs as b", "b.digest", "l.digest")
    .select(["b.key", "b.size"])
    .where("l.repository_id", "=", bound(repositoryId))
    .where("l.digest", "=", bound(digest))
    .where("b.state", "=", live)
    .executeTakeFirst();
  return row ?? null;
}

/** Of digests: those of blobs that are there, in whatever state. */
export async function knownBlobs(db: Database, digests: readonly Digest[]): Promise<Set<Digest>> {
  if (digests.length === 0) return new Set();
  const { rows } = await sql<{ digest: Digest }>`
    select b.digest from ${db.facts.values(JSON.stringify(digests))} as asked
      join blobs as b on b.digest = asked.value`.execute(db.reads);
  return new Set(rows.map(({ digest }) => digest));
}

export interface ImageFacts extends ListedImage {
  readonly pushedAt: number;
  readonly pushedBy: string | null;
  readonly pulledAt: number | null;
}

export interface StoredImage extends ImageFacts {
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Of the digests asked for: the manifests that are there. */
export async function imageFactsOf(
  db: Database,
  repositoryId: string,
  digests: readonly Digest[],
): Promise<Map<Digest, ImageFacts>> {
  return await selectImages<ImageFacts>(db, repositoryId, digests, sql``);
}

/** The manifest with its bytes. */
export async function findStoredImage(
  db: Database,
  repositoryId: string,
  digest: Digest,
): Promise<StoredImage | null> {
  const found = await selectImages<StoredImage>(db, repositoryId, [digest], sql`, f.bytes`);
  return found.get(digest) ?? null;
}

/** Manifests whose bytes are held at once: each may have 4 MiB. */
const atOnce = 8;

/** Of the digests asked for: the manifests that are there, in this order, a few at a time. */
export async function* storedImagesOf(
  db: Database,
  repositoryId: string,
  digests: readonly Digest[],
): AsyncGenerator<readonly StoredImage[]> {
  for (let at = 0; at < digests.length; at += atOnce) {
    const some = digests.slice(at, at + atOnce);
    const found = await selectImages<StoredImage>(db, repositoryId, some, sql`, f.bytes`);
    yield some.flatMap((digest) => found.get(digest) ?? []);
  }
}

async function selectImages<T extends ImageFacts>(
  db: Database,
  repositoryId: string,
  digests: readonly Digest[],
  more: RawBuilder<unknown>,
): Promise<Map<Digest, T>> {
  if (digests.length === 0) return new Map();
  const { rows } = await sql<T>`
    select f.digest, f.media_type as "mediaType", f.artifact_type as "artifactType",
           coalesce(i.size, 0) as size, i.platforms, i.attestations,
           f.pushed_at as "pushedAt", p.name as "pushedBy", i.pulled_at as "pulledAt"${more}
      from ${db.facts.values(JSON.stringify(digests))} as asked
     cross join manifests as f
      left join images as i on i.repository_id = f.repository_id and i.digest = f.digest
      left join principals as p on p.id = f.pushed_by
     where f.repository_id = ${bound(repositoryId)} and f.digest = asked.value
       and f.state = 'live'`.execute(db.reads);
  return new Map(rows.map((row) => [row.digest, row]));
}

/** Keeps what was found out about images, which never changes. */
export async function keepDescriptions(
  tx: Tx,
  repositoryId: string,
  found: readonly {
    readonly digest: Digest;
    readonly platforms: string;
    readonly attestations: number;
  }[],
): Promise<void> {
  for (const { digest, platforms, attestations } of found) {
    await tx
      .updateTable("images")
      .set({ platforms, attestations })
      .where("repository_id", "=", repositoryId)
      .where("digest", "=", digest)
      .execute();
  }
}
