import { sql } from "kysely";
import type { Reads } from "../db/database.ts";
import { bound } from "../db/dialect-facts.ts";
import type { PullRow } from "../db/tables.ts";
import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/repository-name.ts";

/** Pulls that one page looks at, besides those that it returns: a digest nobody pulled ends all the same. */
const lookedAtMax = 10_000;

export interface ListedPull extends Omit<PullRow, "repository_id" | "principal_id"> {
  /** Null for anonymous ones. */
  readonly principal: string | null;
  /** Whom an identity token named that pulled as that robot. */
  readonly workload: string | null;
}

export interface FoundPull extends ListedPull {
  /** Null where it is gone for good. */
  readonly repository: RepositoryName | null;
}

export interface PullPage {
  /** Newest first; may be empty though there is a next page. */
  readonly pulls: ListedPull[];
  /** What to give as `before` for the next page; null at the end. */
  readonly next: string | null;
}

/** A page of a repository's pulls, of one digest or of all, from those whose id is less than `before`. */
export async function listPulls(
  reads: Reads,
  repositoryId: string,
  digest: Digest | null,
  before: string | null,
  limit: number,
): Promise<PullPage> {
  const to = before ?? pastEnd;
  const floor = digest === null ? null : await floorOf(reads, repositoryId, to);
  const found = await selectPulls(reads)
    .where("l.repository_id", "=", bound(repositoryId))
    .where("l.id", "<", bound(to))
    .where("l.id", ">=", bound(floor ?? ""))
    .$if(digest !== null, (query) => query.where("l.digest", "=", digest as Digest))
    .orderBy("l.id", "desc")
    .limit(limit + 1)
    .execute();
  const pulls = found.slice(0, limit);
  const last = pulls.at(-1);
  if (found.length > limit && last !== undefined) return { pulls, next: last.id };
  return { pulls, next: floor };
}

/** Pulls of the whole registry behind one, `after` in this order; ids are in the order of time. */
export async function listAllPulls(
  reads: Reads,
  {
    after,
    newestFirst,
    limit,
  }: { readonly after: string; readonly newestFirst: boolean; readonly limit: number },
): Promise<FoundPull[]> {
  return await selectPulls(reads)
    .leftJoin("repositories as r", "r.id", "l.repository_id")
    .select("r.name as repository")
    .where("l.id", newestFirst ? "<" : ">", bound(after))
    .orderBy("l.id", newestFirst ? "desc" : "asc")
    .limit(limit)
    .execute();
}

function selectPulls(reads: Reads) {
  return reads
    .selectFrom("pulls as l")
    .leftJoin("principals as p", "p.id", "l.principal_id")
    .leftJoin("credentials as c", (join) =>
      join.onRef("c.id", "=", "l.credential_id").on("c.issuer_id", "is not", null),
    )
    .select(["l.id", "l.at", "l.digest", "l.tag", "l.platform"])
    .select(["l.credential_id", "l.address", "l.user_agent"])
    .select(["p.name as principal", "c.description as workload"]);
}

/** Sorts after every id. */
export const pastEnd = "g";

/** The lowest id that this page goes down to; null where there is nothing below. */
async function floorOf(reads: Reads, repositoryId: string, to: string): Promise<string | null> {
  const row = await reads
    .selectFrom("pulls")
    .select("id")
    .where("repository_id", "=", repositoryId)
    .where("id", "<", to)
    .orderBy("id", "desc")
    .limit(1)
    .offset(lookedAtMax)
    .executeTakeFirst();
  return row?.id ?? null;
}

export interface DigestPulls {
  readonly digest: Digest;
  /** Of all time. */
  readonly total: number;
  /** Since `fromDay`. */
  readonly recent: number;
  /** Days since 1970-01-01 UTC. */
  readonly last_day: number;
}

/** The digest that comes after `after` among those that were pulled, and how often it was; null at the end. */
export async function nextDigestPulls(
  reads: Reads,
  repositoryId: string,
  after: string,
  fromDay: number,
): Promise<DigestPulls | null> {
  const next = await reads
    .selectFrom("pull_days")
    .select("digest")
    .where("repository_id", "=", repositoryId)
    .where("digest", ">", after as Digest)
    .orderBy("digest")
    .limit(1)
    .executeTakeFirst();
  return next === undefined ? null : digestPulls(reads, repositoryId, next.digest, fromDay);
}

/** How often one digest was pulled; null when it was not. */
export async function digestPulls(
  reads: Reads,
  repositoryId: string,
  digest: Digest,
  fromDay: number,
): Promise<DigestPulls | null> {
  const row = await reads
    .selectFrom("pull_days")
    .select([
      sql<number>`coalesce(sum(count), 0)`.as("total"),
      sql<number>`coalesce(sum(case when day >= ${fromDay} then count else 0 end), 0)`.as("recent"),
      sql<number | null>`max(day)`.as("last_day"),
    ])
    .where("repository_id", "=", repositoryId)
    .where("digest", "=", digest)
    .executeTakeFirstOrThrow();
  const { total, recent, last_day } = row;
  return last_day === null ? null : { digest, total, recent, last_day };
}
