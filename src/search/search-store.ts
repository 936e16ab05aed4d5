import { type RawBuilder, sql } from "kysely";
import type { Reads } from "../db/database.ts";
import { bound } from "../db/dialect-facts.ts";
import { contains } from "../db/sorted-page.ts";
import { assert } from "../lib/assert.ts";
import type { Digest } from "../oci/digest.ts";
import type { ProjectName, RepositoryName } from "../oci/repository-name.ts";
import type { Tag } from "../oci/tag.ts";

/** Repositories of which tags are read in one query. */
const lookedIntoAtOnce = 16;

interface Page {
  readonly after: string;
  readonly limit: number;
}

export interface FoundProject {
  readonly name: ProjectName;
  readonly description: string;
}

/** By name, those that have the text in name or description. */
export async function findProjects(
  reads: Reads,
  text: string,
  { after, limit }: Page,
): Promise<FoundProject[]> {
  const { rows } = await sql<FoundProject>`
    select p.name, p.description from projects as p
     where p.state = 'live' and p.name > ${after}
       and (${contains(sql.ref("p.name"), text, true)} or ${contains(sql.ref("p.description"), text)})
     order by p.name limit ${limit}`.execute(reads);
  return rows;
}

export interface FoundRepository {
  readonly name: RepositoryName;
  readonly description: string;
}

/** By name, those that have the text in name, description or labels. */
export async function findRepositories(
  reads: Reads,
  text: string,
  { after, limit }: Page,
): Promise<FoundRepository[]> {
  const matches = sql.join(
    ["r.name", "r.description", "r.labels"].map((name) =>
      contains(sql.ref(name), text, name === "r.name"),
    ),
    sql` or `,
  );
  const { rows } = await sql<FoundRepository>`
    select r.name, r.description from repositories as r
      join projects as p on p.id = r.project_id and p.state = 'live'
     where r.state = 'live' and r.name > ${bound(after)} and (${matches})
     order by r.name limit ${limit}`.execute(reads);
  return rows;
}

export interface FoundTag {
  readonly repository: RepositoryName;
  readonly tag: Tag;
  readonly digest: Digest;
}

/** Tags that are wanted: those that begin with `tag`, of repositories that have `repository` in their names. */
interface WantedTags {
  readonly repository: string;
  readonly tag: string;
}

/**
 * By repository and name, tags of images that begin with the text: a look into each repository, and of
 * the first that have some about as many tags as are asked for, whatever the number that they have.
 */
export async function findTags(
  reads: Reads,
  wanted: WantedTags,
  { after, limit }: { after: { repository: string; tag: string }; limit: number },
): Promise<FoundTag[]> {
  const found: FoundTag[] = [];
  if (after.repository !== "") {
    const { rows } = await withTags(wanted, sql`r.name = ${bound(after.repository)}`, 1).execute(
      reads,
    );
    found.push(...(await tagsOf(reads, rows, { wanted, behind: after.tag, limit })));
    if (found.length === limit) return found;
  }
  const later = sql`r.name > ${bound(after.repository)}`;
  const { rows } = await withTags(wanted, later, limit - found.length).execute(reads);
  const rest = { wanted, behind: null, limit: limit - found.length };
  return [...found, ...(await tagsOf(reads, rows, rest))];
}

interface RepositoryWithTags {
  readonly id: string;
  readonly name: RepositoryName;
}

/** The condition is one that a server cannot turn into a look at all tags. */
function withTags(
  wanted: WantedTags,
  place: RawBuilder<unknown>,
  limit: number,
): RawBuilder<RepositoryWithTags> {
  const within: RawBuilder<unknown> =
    wanted.repository === ""
      ? sql``
      : sql`and ${contains(sql.ref("r.name"), wanted.repository, true)}`;
  return sql<RepositoryWithTags>`
    select r.id, r.name
      from repositories as r
      join projects as p on p.id = r.project_id and p.state = 'live'
     where r.state = 'live' and ${place} ${within}
       and (select t.name from tags as t
             where t.repository_id = r.id and t.name >= ${bound(wanted.tag)}
               and t.name < ${bound(`${wanted.tag}${pastNames}`)} and t.attached = 0
             order by t.name limit 1) is not null
     order by r.name limit ${limit}`;
}

/**
 * Of these repositories, in their order, as many tags as are asked for. `behind`: a tag of the first one.
 * It looks into few of them at once, into more only while those have few: each may have all that is asked for.
 */
async function tagsOf(
  reads: Reads,
  repositories: readonly RepositoryWithTags[],
  { wanted, behind, limit }: { wanted: WantedTags; behind: string | null; limit: number },
): Promise<FoundTag[]> {
  const found: FoundTag[] = [];
  let from = behind;
  let count = 1;
  for (let at = 0; at < repositories.length && found.length < limit; ) {
    const some = repositories.slice(at, at + count);
    const rest = { wanted, behind: from, limit: limit - found.length };
    found.push(...(await tagsOfSome(reads, some, rest)));
    from = null;
    at += count;
    count = Math.min(count * 2, lookedIntoAtOnce);
  }
  return found;
}

async function tagsOfSome(
  reads: Reads,
  repositories: readonly RepositoryWithTags[],
  { wanted, behind, limit }: { wanted: WantedTags; behind: string | null; limit: number },
): Promise<FoundTag[]> {
  const from =
    behind === null
      ? sql`t.name >= ${bound(wanted.tag)}`
      : sql`t.name > ${bound(behind)} and t.name >= ${bound(wanted.tag)}`;
  const each = Array.from({ length: nextPowerOfTwo(repositories.length) }, (_, place) => {
    // What fills it up is the id of none: a few texts of SQL serve any number of repositories.
    const id = repositories[place]?.id ?? "";
    return sql`
      select * from (
        select ${sql.lit(place)} as place, t.name as tag, t.digest from tags as t
         where t.repository_id = ${bound(id)} and ${from}
           and t.name < ${bound(`${wanted.tag}${pastNames}`)} and t.attached = 0
         order by t.name limit ${limit}) as one`;
  });
  const { rows } = await sql<{ place: number; tag: Tag; digest: Digest }>`
    select place, tag, digest from (${sql.join(each, sql` union all `)}) as found
     order by place, tag limit ${limit}`.execute(reads);
  return rows.map(({ place, tag, digest }) => {
    const repository = repositories[place];
    assert(repository !== undefined, "a tag was found in a repository with no id");
    return { repository: repository.name, tag, digest };
  });
}

function nextPowerOfTwo(count: number): number {
  return 2 ** Math.ceil(Math.log2(count));
}

/** Sorts behind all that a tag or a digest may hold. */
const pastNames = "~";

export interface FoundDigest {
  readonly digest: Digest;
  readonly repository: RepositoryName;
}

/** By digest and repository, manifests whose digests begin with the text. */
export async function findDigests(
  reads: Reads,
  prefix: string,
  { after, limit }: { after: { digest: string; repository: string }; limit: number },
): Promise<FoundDigest[]> {
  const { rows } = await sql<FoundDigest>`
    select i.digest, r.name as repository
      from images as i
      join manifests as m
        on m.repository_id = i.repository_id and m.digest = i.digest and m.state = 'live'
      join repositories as r on r.id = i.repository_id and r.state = 'live'
      join projects as p on p.id = r.project_id and p.state = 'live'
     where i.digest >= ${bound(prefix)} and i.digest < ${bound(`${prefix}${pastNames}`)}
       and i.digest >= ${bound(after.digest)}
       and (i.digest > ${bound(after.digest)} or r.name > ${bound(after.repository)})
     order by i.digest, r.name limit ${limit}`.execute(reads);
  return rows;
}
