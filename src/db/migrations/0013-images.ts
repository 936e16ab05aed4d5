import { type Kysely, sql } from "kysely";
import { naturalSortKey } from "../../lib/natural-sort-key.ts";
import { dockerManifestList, ociImageIndex } from "../../oci/media-type.ts";
import { isAttachedTag } from "../../oci/tag.ts";
import type { DialectFacts } from "../dialect-facts.ts";
import type { Tables } from "../tables.ts";

export const name = "0013-images";

/** Indexes within indexes whose sizes are added up. */
const depthMax = 3;

/** Lists of tags and repositories are sorted by what an index holds: their names, sizes and times. */
export async function up(db: Kysely<Tables>, facts: DialectFacts): Promise<void> {
  await addImages(db, facts);
  await addToTags(db, facts);
  await addToRepositories(db, facts);
}

async function addImages(db: Kysely<Tables>, { integer, clustered }: DialectFacts): Promise<void> {
  await db.schema
    .createTable("images")
    .addColumn("repository_id", "text", (c) => c.notNull())
    .addColumn("digest", "text", (c) => c.notNull())
    .addColumn("size", integer as never, (c) => c.notNull())
    .addColumn("platforms", "text")
    .addColumn("attestations", integer as never)
    .addColumn("pulled_at", integer as never)
    .addPrimaryKeyConstraint("images_key", ["repository_id", "digest"])
    .addForeignKeyConstraint(
      "images_manifest",
      ["repository_id", "digest"],
      "manifests",
      ["repository_id", "digest"],
      (c) => c.onDelete("cascade"),
    )
    .modifyEnd(clustered)
    .execute();
  await sql`insert into images (repository_id, digest, size)
    select m.repository_id, m.digest,
           cast(coalesce((
             select sum(b.size) from manifest_edges as e join blobs as b on b.digest = e.child
              where e.repository_id = m.repository_id and e.parent = m.digest), 0) as bigint)
      from manifests as m`.execute(db);
  // An index has what its children have: those within it first.
  for (let depth = 0; depth < depthMax; depth++) {
    await sql`update images set size = cast(coalesce((
        select sum(c.size) from manifest_edges as e
          join images as c on c.repository_id = e.repository_id and c.digest = e.child
         where e.repository_id = images.repository_id and e.parent = images.digest
           and e.kind = 'manifest'), 0) as bigint)
      where exists (
        select 1 from manifests as m
         where m.repository_id = images.repository_id and m.digest = images.digest
           and m.media_type in (${ociImageIndex}, ${dockerManifestList}))
        and exists (
          select 1 from manifest_edges as e
            join images as c on c.repository_id = e.repository_id and c.digest = e.child
           where e.repository_id = images.repository_id and e.parent = images.digest)`.execute(db);
  }
  await sql`create index images_by_digest on images (digest)`.execute(db);
}

async function addToTags(db: Kysely<Tables>, { integer }: DialectFacts): Promise<void> {
  for (const column of ["size", "attached"]) {
    await db.schema
      .alterTable("tags")
      .addColumn(column, integer as never, (c) => c.notNull().defaultTo(0))
      .execute();
  }
  await sql`update tags set size = coalesce((
    select i.size from images as i
     where i.repository_id = tags.repository_id and i.digest = tags.digest), 0)`.execute(db);
  const named = await db
    .selectFrom("tags")
    .select(["repository_id", "name"])
    .where("name", "like", "sha%-%" as never)
    .execute();
  for (const tag of named.filter(({ name: text }) => isAttachedTag(text))) {
    await db
      .updateTable("tags")
      .set({ attached: 1 })
      .where("repository_id", "=", tag.repository_id)
      .where("name", "=", tag.name)
      .execute();
  }
  await sql`create index tags_by_name on tags (repository_id, attached, sort_key)`.execute(db);
  await sql`create index tags_by_move on tags (repository_id, attached, moved_at, name)`.execute(
    db,
  );
  await sql`create index tags_by_size on tags (repository_id, attached, size, name)`.execute(db);
}

async function addToRepositories(db: Kysely<Tables>, { integer }: DialectFacts): Promise<void> {
  await db.schema
    .alterTable("repositories")
    .addColumn("sort_key", "text", (c) => c.notNull().defaultTo(""))
    .execute();
  for (const column of ["tags", "size", "pushed_at"]) {
    await db.schema
      .alterTable("repositories")
      .addColumn(column, integer as never, (c) => c.notNull().defaultTo(0))
      .execute();
  }
  const rows = await db.selectFrom("repositories").select(["id", "name"]).execute();
  for (const { id, name: text } of rows) {
    await db
      .updateTable("repositories")
      .set({ sort_key: naturalSortKey(text) })
      .where("id", "=", id)
      .execute();
  }
  await sql`update repositories set
      tags = (select count(*) from tags as t where t.repository_id = repositories.id and t.attached = 0),
      size = cast(coalesce((select sum(t.size) from tags as t
               where t.repository_id = repositories.id and t.attached = 0), 0) as bigint),
      pushed_at = coalesce((select max(t.moved_at) from tags as t
               where t.repository_id = repositories.id and t.attached = 0), 0)`.execute(db);
  await sql`create index repositories_sorted_by_name on repositories (project_id, sort_key, name)
    where state = 'live'`.execute(db);
  await sql`create index repositories_sorted_by_push on repositories (project_id, pushed_at, name)
    where state = 'live'`.execute(db);
  await sql`create index repositories_sorted_by_size on repositories (project_id, size, name)
    where state = 'live'`.execute(db);
  // For the chore that counts repositories whose tags moved.
  await sql`create index tag_history_by_moment on tag_history (moved_at, repository_id)`.execute(
    db,
  );
}
