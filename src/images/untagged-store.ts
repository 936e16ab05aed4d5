import { type RawBuilder, sql } from "kysely";
import type { Place, Sort } from "../access/sorted-list.ts";
import type { Database, Reads } from "../db/database.ts";
import { bound } from "../db/dialect-facts.ts";
import { rowValues, sortedPage } from "../db/sorted-page.ts";
import { letOthersRun } from "../lib/let-others-run.ts";
import type { Digest } from "../oci/digest.ts";
import type { Tag } from "../oci/tag.ts";
import { isOfNoLive } from "../registry/manifest-store.ts";

/** Manifests that one statement looks at: 4 to 9 ms on SQLite, which answers nobody else meanwhile. */
const lookedAtOnce = 1_000;
/** Such statements for one page. */
const looksMax = 50;

export interface UntaggedPage {
  readonly repositoryId: string;
  readonly sort: Sort & { readonly by: "pushed" | "size" };
  /** Its name is a digest. */
  readonly after: Place | null;
  readonly limit: number;
}

export interface Untagged {
  readonly digest: Digest;
  /** What the list is sorted by. */
  readonly value: number;
}

/**
 * Live manifests that no tag names, no live index lists, and that refer to no live subject, in the order of an
 * index. Which these are no index tells: where few are among many, they are looked for piece by piece. `next`
 * is where to go on, null at the end: there may be more also behind a page that is not full.
 */
export async function listUntagged(
  reads: Reads,
  page: UntaggedPage,
  most = looksMax,
): Promise<{ readonly rows: readonly Untagged[]; readonly next: Place | null }> {
  const rows: Untagged[] = [];
  let { after } = page;
  for (let looks = 0; looks < most; looks++) {
    const until = await lastLookedAt(reads, { ...page, after });
    const limit = page.limit + 1 - rows.length;
    const found = await untaggedQuery({ ...page, after, until, limit }).execute(reads);
    rows.push(...found.rows);
    if (rows.length > page.limit) {
      const shown = rows.slice(0, page.limit);
      return { rows: shown, next: placeOf(shown.at(-1)) };
    }
    after = until;
    if (after === null) break;
    await letOthersRun();
  }
  return { rows, next: after };
}

/** The last of as many as are looked at in one go; null where there are fewer left. */
async function lastLookedAt(reads: Reads, page: UntaggedPage): Promise<Place | null> {
  const { rows } = await boundQuery(page).execute(reads);
  return placeOf(rows[0]);
}

function placeOf(row: Untagged | undefined): Place | null {
  return row === undefined ? null : { name: row.digest, value: row.value };
}

export function boundQuery(page: UntaggedPage): RawBuilder<Untagged> {
  const { digest, value, table, isIn } = orders[page.sort.by];
  return sql<Untagged>`select ${digest} as digest, ${value} as value
      from ${table} where ${isIn(bound(page.repositoryId))}
       ${cut({ ...page, limit: 1 })} offset ${lookedAtOnce - 1}`;
}

/** Behind `after`, up to `until` and with it. */
export function untaggedQuery(
  page: UntaggedPage & { readonly until: Place | null },
): RawBuilder<Untagged> {
  const { until, sort } = page;
  const { digest, value, table, isIn, manifest } = orders[sort.by];
  const repository = bound(page.repositoryId);
  const compared = sql.raw(sort.descending ? ">=" : "<=");
  const end =
    until === null
      ? sql``
      : sql`and (${value}, ${digest}) ${compared} (${rowValues(valuesOf(until))})`;
  return sql<Untagged>`select ${digest} as digest, ${value} as value
      from ${table} ${manifest(repository)} ${isIn(repository)} ${end}
       and not exists (
         select 1 from tags as t where t.repository_id = ${repository} and t.digest = m.digest)
       and ${isOfNoLive(repository)}
       ${cut(page)}`;
}

function cut({ sort, after, limit }: UntaggedPage): RawBuilder<unknown> {
  const { columns } = orders[sort.by];
  const place = after === null ? null : valuesOf(after);
  return sortedPage({ columns, descending: sort.descending, after: place, limit });
}

function valuesOf({ value, name }: Place): readonly [number, string] {
  return [value ?? 0, name];
}

type OfRepository = (repository: RawBuilder<string>) => RawBuilder<unknown>;

interface Order {
  readonly columns: readonly [string, string];
  readonly value: RawBuilder<number>;
  readonly digest: RawBuilder<Digest>;
  readonly table: RawBuilder<unknown>;
  /** With the condition by which SQLite knows the index: see 0020-untagged. */
  readonly isIn: OfRepository;
  /** Joins the manifest `m` where the table is another. */
  readonly manifest: OfRepository;
}

const orders: Readonly<Record<UntaggedPage["sort"]["by"], Order>> = {
  pushed: {
    columns: ["m.pushed_at", "m.digest"],
    value: sql<number>`m.pushed_at`,
    digest: sql<Digest>`m.digest`,
    table: sql`manifests as m`,
    isIn: (repository) =>
      sql`m.repository_id = ${repository} and length(m.repository_id) > 0 and m.state = 'live'`,
    manifest: () => sql`where`,
  },
  size: {
    columns: ["i.size", "i.digest"],
    value: sql<number>`i.size`,
    digest: sql<Digest>`i.digest`,
    table: sql`images as i`,
    isIn: (repository) => sql`i.repository_id = ${repository} and length(i.repository_id) > 0`,
    manifest: (repository) => sql`cross join manifests as m
     where m.repository_id = ${repository} and m.digest = i.digest and m.state = 'live' and`,
  },
};

/** The tag that named a manifest last, and until when. */
export interface LastTag {
  readonly tag: Tag;
  readonly until: number;
}

/** Of those of the digests that had a tag, as far as the history of tags goes back. */
export async function lastTagsOf(
  db: Database,
  repositoryId: string,
  digests: readonly Digest[],
): Promise<Map<Digest, LastTag>> {
  if (digests.length === 0) return new Map();
  const repository = bound(repositoryId);
  const { rows } = await sql<{ digest: Digest; last: string | null }>`
    select asked.value as digest,
           (select n.moved_at || ' ' || h.tag
              from tag_history as h
             cross join tag_history as n
             where h.repository_id = ${repository} and h.digest = asked.value and h.version > 0
               and n.repository_id = ${repository} and n.tag = h.tag and n.version = h.version + 1
             order by n.moved_at desc, h.tag limit 1) as last
      from ${db.facts.values(JSON.stringify(digests))} as asked`.execute(db.reads);
  const found = new Map<Digest, LastTag>();
  for (const { digest, last } of rows) {
    const [until, tag] = last?.split(" ") ?? [];
    if (until !== undefined) found.set(digest, { tag: tag as Tag, until: Number(until) });
  }
  return found;
}

/** After how many days without a tag manifests of the repository go to the trash; null: never. */
export async function untaggedDaysOf(reads: Reads, repositoryId: string): Promise<number | null> {
  const row = await reads
    .selectFrom("repositories as r")
    .innerJoin("projects as p", "p.id", "r.project_id")
    .select("p.untagged_days as days")
    .where("r.id", "=", bound(repositoryId))
    .executeTakeFirst();
  return row?.days ?? null;
}
