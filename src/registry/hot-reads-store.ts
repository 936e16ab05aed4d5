import type { BlobKey } from "../blobs/blob-store.ts";
import type { Database, PreparedRead } from "../db/database.ts";
import { rememberedRead } from "../db/remembered-read.ts";
import type { Digest } from "../oci/digest.ts";

export interface ManifestRef {
  readonly repository_id: string;
  readonly digest: Digest;
  readonly media_type: string;
}

export interface VisibleBlob {
  readonly repository_id: string;
  readonly size: number;
  readonly key: BlobKey;
  readonly lease_until: number;
}

/** The reads that every pull makes, prepared once: through Kysely each costs some ten times more. */
export interface HotReads {
  /** (repository, tag) */
  readonly manifestByTag: PreparedRead<ManifestRef>;
  /** (repository, digest) */
  readonly manifestByDigest: PreparedRead<ManifestRef>;
  /** (repository id, digest) */
  readonly manifestBytes: PreparedRead<{ bytes: Uint8Array<ArrayBuffer> }>;
  /** (repository, digest): null unless the blob is visible there. */
  readonly visibleBlob: PreparedRead<VisibleBlob>;
  /** (repository) */
  readonly repositoryId: PreparedRead<{ id: string }>;
  /** (repository id, last, limit, offset): names joined by commas, in byte order; null for none. */
  readonly tagNames: PreparedRead<{ names: string | null; count: number }>;
}

/** Rows that are remembered while nothing changes; some 400 bytes each. */
const rememberedTags = 65_536;
const rememberedDigests = 16_384;

// See `bound` in dialect-facts.ts for why the parameters of a join are cast.
const first = "cast(?1 as text)";
const second = "cast(?2 as text)";
const liveRepository = `repositories r join projects p on p.id = r.project_id and p.state = 'live'`;

export function prepareHotReads(db: Database): HotReads {
  const remembered = <Row>(max: number, text: string) =>
    rememberedRead(db, db.prepare<Row>(text), max);
  return {
    manifestByTag: remembered(
      rememberedTags,
      // No join with the tags: a server that knows nothing of the tables yet began with all manifests.
      `select r.id as repository_id, m.digest, m.media_type
         from ${liveRepository}
         join manifests m on m.repository_id = r.id and m.digest =
              (select t.digest from tags t where t.repository_id = r.id and t.name = ${second})
        where r.name = ${first} and r.state = 'live'`,
    ),
    manifestByDigest: remembered(
      rememberedDigests,
      `select r.id as repository_id, m.digest, m.media_type
         from ${liveRepository}
         join manifests m on m.repository_id = r.id and m.digest = ${second} and m.state = 'live'
        where r.name = ${first} and r.state = 'live'`,
    ),
    manifestBytes: db.prepare(
      "select bytes from manifests where repository_id = ?1 and digest = ?2",
    ),
    visibleBlob: remembered(
      rememberedDigests,
      `select r.id as repository_id, b.size, b.key, rb.lease_until
         from ${liveRepository}
         join repository_blobs rb on rb.repository_id = r.id and rb.digest = ${second}
         join blobs b on b.digest = rb.digest and b.state = 'live'
        where r.name = ${first} and r.state = 'live'`,
    ),
    repositoryId: db.prepare(
      `select r.id from ${liveRepository} where r.name = ${first} and r.state = 'live'`,
    ),
    tagNames: db.prepare(
      `select ${db.facts.joinNames}(name, ',') as names, count(*) as count
         from (select name from tags where repository_id = ?1 and name > ?2
               order by name limit ?3 offset ?4) as page`,
    ),
  };
}
