import type { BlobKey } from "../blobs/blob-store.ts";
import { perDatabase } from "../db/compiled.ts";
import type { PreparedRead } from "../db/database.ts";
import { rememberedRead } from "../db/remembered-read.ts";
import type { Digest } from "../oci/digest.ts";
import { wasThereText } from "./presence-store.ts";

/** A repository as it was at a moment: one of its name that was there then, in a project that still is. */
export interface PastRepository {
  readonly repository_id: string;
  readonly project_id: string;
  /** Of now: one that was deleted since has a past as well. */
  readonly state: "live" | "trashed";
  /** How long its project keeps what was deleted. */
  readonly trash_days: number;
}

export interface PastManifest extends PastRepository {
  readonly digest: Digest;
  readonly media_type: string;
}

export interface PastBlob extends PastRepository {
  readonly size: number;
  readonly key: BlobKey;
}

/** The moment, in epoch milliseconds, comes last of the parameters. */
export interface PastReads {
  /** (repository, moment) */
  readonly repository: PreparedRead<PastRepository>;
  /** (repository, tag, moment) */
  readonly manifestByTag: PreparedRead<PastManifest>;
  /** (repository, digest, moment) */
  readonly manifestByDigest: PreparedRead<PastManifest>;
  /** (repository, digest, moment): of what a manifest of that moment refers to. */
  readonly blob: PreparedRead<PastBlob>;
  /** (repository id, last, limit, offset, moment): names joined by commas, in byte order. */
  readonly tagNames: PreparedRead<{ names: string | null; count: number }>;
}

/** Rows of each kind that are remembered while nothing changes; some 400 bytes each. */
const rememberedMax = 4_096;

/** Made with the first look at the past. */
export const preparePastReads = perDatabase((db): PastReads => {
  const repository = (moment: string) => `repositories r
    join projects p on p.id = r.project_id and p.state = 'live'
     and r.name = cast(?1 as text) and r.created_at <= cast(${moment} as bigint)
     and (r.state = 'live' or r.trashed_at > cast(${moment} as bigint))
     and not exists (select 1 from repository_absences a where a.repository_id = r.id
       and a.gone_at <= cast(${moment} as bigint) and a.back_at > cast(${moment} as bigint))
     and not exists (select 1 from repository_absences a where a.project_id = p.id
       and a.gone_at <= cast(${moment} as bigint) and a.back_at > cast(${moment} as bigint))`;
  const remembered = <Row>(text: string) =>
    rememberedRead(db, db.prepare<Row>(text), rememberedMax);
  const found = "r.id as repository_id, r.project_id, r.state, p.trash_days";
  return {
    repository: db.prepare(`select ${found} from ${repository("?2")} limit 1`),
    // The history of a tag is in the order of its times: the last line until then is what it was.
    manifestByTag: remembered(
      `select ${found}, manifests.digest, manifests.media_type
         from ${repository("?3")}
         join manifests on manifests.repository_id = r.id and manifests.digest = (
           select h.digest from tag_history h
            where h.repository_id = r.id and h.tag = cast(?2 as text)
              and h.moved_at <= cast(?3 as bigint)
            order by h.moved_at desc limit 1)
        where ${wasThereText("?3")} limit 1`,
    ),
    manifestByDigest: remembered(
      `select ${found}, manifests.digest, manifests.media_type
         from ${repository("?3")}
         join manifests on manifests.repository_id = r.id and manifests.digest = cast(?2 as text)
        where ${wasThereText("?3")} limit 1`,
    ),
    blob: remembered(
      `select ${found}, b.size, b.key
         from ${repository("?3")}
         join blobs b on b.digest = cast(?2 as text) and b.state = 'live'
        where exists (
          select 1 from manifest_edges e
            join manifests on manifests.repository_id = e.repository_id
             and manifests.digest = e.parent
           where e.child = b.digest and e.repository_id = r.id and ${wasThereText("?3")})
        limit 1`,
    ),
    // Its versions rise by one: a line counts unless the next one had been written by then.
    tagNames: db.prepare(
      `select ${db.facts.joinNames}(tag, ',') as names, count(*) as count
         from (select h.tag from tag_history h
                where h.repository_id = ?1 and h.tag > ?2 and h.digest is not null
                  and h.moved_at <= cast(?5 as bigint)
                  and not exists (
                    select 1 from tag_history n
                     where n.repository_id = h.repository_id and n.tag = h.tag
                       and n.version = h.version + 1 and n.moved_at <= cast(?5 as bigint))
                order by h.tag limit ?3 offset ?4) as page`,
    ),
  };
});
