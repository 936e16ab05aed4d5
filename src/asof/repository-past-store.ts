import { sql } from "kysely";
import type { Reads } from "../db/database.ts";
import { bound } from "../db/dialect-facts.ts";
import type { Digest } from "../oci/digest.ts";
import type { Tag } from "../oci/tag.ts";
import { wasThere } from "../registry/presence-store.ts";

export interface PastTag {
  readonly tag: Tag;
  readonly digest: Digest;
  readonly mediaType: string;
  readonly movedAt: number;
  readonly movedBy: string | null;
}

/** The tags that a repository had at a moment, by name, after one. */
export async function listPastTags(
  reads: Reads,
  page: {
    readonly repositoryId: string;
    readonly at: number;
    readonly after: string;
    readonly limit: number;
  },
): Promise<PastTag[]> {
  return await reads
    .selectFrom("tag_history as h")
    .innerJoin("manifests", (join) =>
      join
        .onRef("manifests.repository_id", "=", "h.repository_id")
        .onRef("manifests.digest", "=", sql.ref("h.digest")),
    )
    .leftJoin("principals as m", "m.id", "h.moved_by")
    .select(["h.tag", "manifests.digest", "manifests.media_type as mediaType"])
    .select(["h.moved_at as movedAt", "m.name as movedBy"])
    .where("h.repository_id", "=", bound(page.repositoryId))
    .where("h.tag", ">", bound(page.after as Tag))
    .where("h.moved_at", "<=", page.at)
    // The last line until then: the next one, whose version is one more, came later.
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom("tag_history as n")
            .select("n.version")
            .whereRef("n.repository_id", "=", "h.repository_id")
            .whereRef("n.tag", "=", "h.tag")
            .where(sql<boolean>`n.version = h.version + 1`)
            .where("n.moved_at", "<=", page.at),
        ),
      ),
    )
    .where(wasThere(page.at))
    .orderBy("h.tag")
    .limit(page.limit)
    .execute();
}
