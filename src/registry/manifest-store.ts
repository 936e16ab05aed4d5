import { type RawBuilder, sql } from "kysely";
import { compiled, perDatabase } from "../db/compiled.ts";
import type { Database, Reads, Tx } from "../db/database.ts";
import { bound, live } from "../db/dialect-facts.ts";
import type { ManifestRow } from "../db/tables.ts";
import { together } from "../lib/together.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import { children, type Manifest, requiredBlobs } from "../oci/manifest.ts";
import { insertImage } from "./image-store.ts";
import { recordAbsences, wasThere } from "./presence-store.ts";

export interface NewManifest {
  readonly repositoryId: string;
  readonly digest: Digest;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly manifest: Manifest;
  readonly actor: string | null;
  readonly now: number;
}

/** `retyped`: it was live and is read in another way from now on, as its new media type has it. */
export type Inserted = "new" | "present" | "retyped";

type HeldManifest = Pick<ManifestRow, "state" | "trash_id" | "media_type">;

/** Live or in the trash: it stays what it is until the end of the transaction. */
export async function holdManifest(
  tx: Tx,
  repositoryId: string,
  digest: Digest,
): Promise<HeldManifest | null> {
  const [row] = await selectManifest(tx, repositoryId, digest);
  return row ?? null;
}

/** What becomes of a manifest that is pushed, and is there as `found`. */
export function insertedOver(found: HeldManifest | null, manifest: Manifest): Inserted {
  if (found?.state !== "live") return "new";
  return found.media_type === manifest.mediaType ? "present" : "retyped";
}

/** Stores a manifest and its edges. One that is in the trash becomes live again; a live one stays. */
export async function insertManifest(
  db: Database,
  tx: Tx,
  row: NewManifest,
  found: HeldManifest | null,
): Promise<void> {
  const { repositoryId, digest, manifest } = row;
  if (found !== null) {
    if (insertedOver(found, manifest) !== "present") await reviveManifest(db, tx, row, found);
    return;
  }
  const { mediaType, artifactType, subject, annotations } = manifest;
  const inserted = insertRow(
    tx,
    repositoryId,
    digest,
    mediaType,
    artifactType,
    subject?.digest ?? null,
    subject === null ? null : keptAnnotations(annotations),
    row.bytes.byteLength,
    row.bytes,
    row.now,
    row.actor,
  );
  await together([inserted, insertEdges(db, tx, row), insertImage(db, tx, row)]);
}

function keptAnnotations(annotations: Manifest["annotations"]): string | null {
  return annotations === null ? null : JSON.stringify(annotations);
}

/** Who pushes the same one waits: what it is, and what it may be read as from then on, must not change. */
const selectManifest = compiled((db, repositoryId: string, digest: Digest) =>
  db
    .selectFrom("manifests")
    .select(["state", "trash_id", "media_type"])
    .where("repository_id", "=", repositoryId)
    .where("digest", "=", digest)
    .forNoKeyUpdate(),
);

const insertRow = compiled(
  (
    db,
    repository_id: string,
    digest: Digest,
    media_type: string,
    artifact_type: string | null,
    subject: Digest | null,
    annotations: string | null,
    size: number,
    bytes: Uint8Array<ArrayBuffer>,
    pushed_at: number,
    pushed_by: string | null,
  ) =>
    db.insertInto("manifests").values({
      repository_id,
      digest,
      media_type,
      artifact_type,
      subject,
      annotations,
      size,
      bytes,
      state: "live",
      trash_id: null,
      pushed_at,
      pushed_by,
    }),
);

async function reviveManifest(
  db: Database,
  tx: Tx,
  row: NewManifest,
  found: HeldManifest,
): Promise<void> {
  const { repositoryId, digest, manifest } = row;
  const isSame = found.media_type === manifest.mediaType;
  if (found.state !== "live") {
    const itself = sql<boolean>`m.repository_id = ${repositoryId} and m.digest = ${digest}`;
    await recordAbsences(tx, itself, row.now);
  }
  await tx
    .updateTable("manifests")
    .set({
      state: "live",
      trash_id: null,
      // The same bytes may come with another Content-Type when they name none themselves, and are
      // then read in another way.
      media_type: manifest.mediaType,
      artifact_type: manifest.artifactType,
      subject: manifest.subject?.digest ?? null,
      annotations: manifest.subject === null ? null : keptAnnotations(manifest.annotations),
      ...(found.state === "live" ? {} : { pushed_at: row.now, pushed_by: row.actor }),
    })
    .where("repository_id", "=", repositoryId)
    .where("digest", "=", digest)
    .execute();
  // Edges are only added: what was once read as a reference keeps what it refers to.
  if (!isSame) {
    await insertEdges(db, tx, row);
    await insertImage(db, tx, row);
  }
  if (found.trash_id === null) return;
  // The trash row lets go of what was pushed again, and goes with its last manifest: two that take out
  // the last two at once do so one after the other.
  await tx.selectFrom("trash").select("id").where("id", "=", found.trash_id).forUpdate().execute();
  await tx
    .deleteFrom("trash")
    .where("id", "=", found.trash_id)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom("manifests").select("digest").whereRef("manifests.trash_id", "=", "trash.id"),
        ),
      ),
    )
    .execute();
}

async function insertEdges(
  db: Database,
  tx: Tx,
  { repositoryId, digest, manifest }: NewManifest,
): Promise<void> {
  const insert = (kind: "blob" | "manifest", listed: readonly Descriptor[]) => {
    const digests = JSON.stringify(listed.map((descriptor) => descriptor.digest));
    return listed.length === 0 ? null : insertEdgeRows(db)(tx, repositoryId, digest, kind, digests);
  };
  await together([insert("blob", requiredBlobs(manifest)), insert("manifest", children(manifest))]);
}

const insertEdgeRows = perDatabase(({ facts }) =>
  compiled(
    (db, repositoryId: string, parent: Digest, kind: "blob" | "manifest", children: string) =>
      db
        .insertInto("manifest_edges")
        .columns(["repository_id", "parent", "child", "kind"])
        .expression(
          db
            .selectFrom(facts.values(children).as("listed"))
            .select([
              sql.val(repositoryId).as("repository_id"),
              sql.val(parent).as("parent"),
              sql<Digest>`listed.value`.as("child"),
              sql.val(kind).as("kind"),
            ])
            // Without a condition SQLite reads `on conflict` as the join's.
            .where(sql<boolean>`true`),
        )
        .onConflict((conflict) => conflict.doNothing()),
  ),
);

/** Of the digests asked for: the live manifests of the repository, with their sizes. */
export async function liveManifestSizes(
  db: Database,
  tx: Tx,
  repositoryId: string,
  digests: readonly Digest[],
): Promise<Map<Digest, number>> {
  const sizes = new Map<Digest, number>();
  const rows = await selectLiveSizes(db)(tx, repositoryId, JSON.stringify(digests));
  for (const { digest, size } of rows) if (size !== null) sizes.set(digest, size);
  return sizes;
}

/** Each by itself: see `visibleBlobSizes`. */
const selectLiveSizes = perDatabase(({ facts }) =>
  compiled((reads, repositoryId: string, digests: string) =>
    reads
      .selectFrom(facts.values(digests).as("asked"))
      .select(({ selectFrom }) => [
        sql<Digest>`asked.value`.as("digest"),
        selectFrom("manifests as m")
          .select("m.size")
          .where("m.repository_id", "=", bound(repositoryId))
          .where("m.digest", "=", sql<Digest>`asked.value`)
          .where("m.state", "=", live)
          .limit(sql.lit(1))
          .as("size"),
      ]),
  ),
);

export async function isManifestLive(
  reads: Reads,
  repositoryId: string,
  digest: Digest,
): Promise<boolean> {
  const row = await reads
    .selectFrom("manifests")
    .select("digest")
    .where("repository_id", "=", repositoryId)
    .where("digest", "=", digest)
    .where("state", "=", live)
    .executeTakeFirst();
  return row !== undefined;
}

/** Live manifests of the repository that refer to `child`, at most `limit`. */
export async function liveParents(
  reads: Reads,
  repositoryId: string,
  child: Digest,
  limit: number,
): Promise<Digest[]> {
  const rows = await reads
    .selectFrom("manifest_edges as e")
    .innerJoin("manifests as m", (join) =>
      join
        .onRef("m.repository_id", "=", "e.repository_id")
        .onRef("m.digest", "=", "e.parent")
        .on("m.state", "=", live),
    )
    .select("e.parent")
    .where("e.child", "=", bound(child))
    .where("e.repository_id", "=", bound(repositoryId))
    .orderBy("e.parent")
    .limit(limit)
    .execute();
  return rows.map((row) => row.parent);
}

/** A manifest on its way to the trash, and the unit it goes with. */
export interface Going {
  readonly digest: Digest;
  readonly trashId: string;
}

/**
 * What a deletion of `gone`, whose rows are in the trash already, leaves without a holder: live
 * manifests that they list or that refer to one of them, and that no live index or live subject
 * holds, with the unit of one that held them. `tagged` (1 or 0): whether tags still do.
 *
 * `cross join` has SQLite begin with the few: it knows nothing of how many there are.
 */
export async function leftDependents(
  db: Database,
  tx: Tx,
  repositoryId: string,
  gone: readonly Going[],
): Promise<(Going & { tagged: number })[]> {
  const parents = db.facts.values(goingJson(gone));
  const repository = bound(repositoryId);
  const { rows } = await sql<Going & { tagged: number }>`
    with gone as (select ${digestOfGoing} as digest, ${unitOfGoing} as unit from ${parents} as g),
    dependents as (
      select e.child as digest, g.unit
        from gone as g
       cross join manifest_edges as e
       where e.repository_id = ${repository} and e.parent = g.digest and e.kind = 'manifest'
      union
      select r.digest, g.unit
        from gone as g
       cross join manifests as r
       where r.repository_id = ${repository} and r.subject = g.digest and r.state = 'live'
    )
    select m.digest, min(d.unit) as ${sql.id("trashId")},
           max(case when exists (
             select 1 from tags as t where t.repository_id = ${repository} and t.digest = m.digest)
           then 1 else 0 end) as tagged
      from dependents as d
     cross join manifests as m
     where m.repository_id = ${repository} and m.digest = d.digest and m.state = 'live'
       and ${isOfNoLive(repository)}
     group by m.digest
  `.execute(tx);
  return rows;
}

export async function trashManifests(
  db: Database,
  tx: Tx,
  repositoryId: string,
  going: readonly Going[],
): Promise<void> {
  // Materialized, since SQLite would begin with all manifests of the repository.
  await sql`
    with gone as materialized (
      select ${digestOfGoing} as digest, ${unitOfGoing} as unit
        from ${db.facts.values(goingJson(going))} as g)
    update manifests set state = 'trashed', trash_id = gone.unit
      from gone
     where manifests.repository_id = ${bound(repositoryId)}
       and manifests.digest = gone.digest`.execute(tx);
}

/** Of a manifest `m`: no live index lists it, and it refers to no live subject. */
export function isOfNoLive(repository: RawBuilder<string>): RawBuilder<boolean> {
  return sql<boolean>`not exists (
      select 1 from manifest_edges as e
        join manifests as p
          on p.repository_id = ${repository} and p.digest = e.parent and p.state = 'live'
       where e.child = m.digest and e.repository_id = ${repository})
    and not exists (
      select 1 from manifests as s
       where s.repository_id = ${repository} and s.digest = m.subject and s.state = 'live')`;
}

/** One text for each, since a list that goes along with a statement has one column: see `values`. */
export function goingJson(going: readonly Going[]): string {
  return JSON.stringify(going.map(({ digest, trashId }) => `${trashId}${digest}`));
}

/** Of an entry `g` of `goingJson`. Ids have 36 characters. */
export const unitOfGoing = sql<string>`substr(g.value, 1, 36)`;
export const digestOfGoing = sql<Digest>`substr(g.value, 37)`;

/** What a referrers list shows of a manifest, without its annotations: those may be megabytes. */
export interface ReferrerRow {
  readonly digest: Digest;
  readonly media_type: string;
  readonly artifact_type: string | null;
  readonly size: number;
  /** Length of the annotations as JSON; null when there are none. */
  readonly annotation_bytes: number | null;
}

const referrerColumns = [
  "digest",
  "media_type",
  "artifact_type",
  "size",
  // Unlike `length`, this is known without reading the text.
  sql<number | null>`octet_length(annotations)`.as("annotation_bytes"),
] as const;

/**
 * Manifests with this subject that are there, or were `at` a moment, by digest, after `last`;
 * `artifactType` null means any.
 */
export async function listReferrerRows(
  reads: Reads,
  repositoryId: string,
  at: number | null,
  page: { subject: Digest; artifactType: string | null; last: string; limit: number },
): Promise<ReferrerRow[]> {
  let query = reads
    .selectFrom("manifests")
    .select(referrerColumns)
    .where("repository_id", "=", repositoryId)
    .where("subject", "=", page.subject)
    .where(at === null ? sql<boolean>`state = 'live'` : wasThere(at))
    .where("digest", ">", page.last as Digest);
  if (page.artifactType !== null) query = query.where("artifact_type", "=", page.artifactType);
  return query.orderBy("digest").limit(page.limit).execute();
}

/** Of the digests asked for: the manifests that are there, or were, as a referrers list shows them. */
export async function referrerRowsOf(
  db: Database,
  repositoryId: string,
  at: number | null,
  digests: readonly Digest[],
): Promise<ReferrerRow[]> {
  if (digests.length === 0) return [];
  return await db.reads
    .selectFrom("manifests")
    .select(referrerColumns)
    .where("repository_id", "=", repositoryId)
    .where(at === null ? sql<boolean>`state = 'live'` : wasThere(at))
    .where("digest", "in", (query) =>
      query
        .selectFrom(db.facts.values(JSON.stringify(digests)).as("asked"))
        .select(sql<Digest>`asked.value`.as("d")),
    )
    .orderBy("digest")
    .execute();
}

/** The annotations, as JSON, of those manifests among `digests` that have any. */
export async function referrerAnnotations(
  db: Database,
  repositoryId: string,
  digests: readonly Digest[],
): Promise<Map<Digest, string>> {
  if (digests.length === 0) return new Map();
  const rows = await db.reads
    .selectFrom("manifests")
    .select(["digest", "annotations"])
    .where("repository_id", "=", repositoryId)
    .where("annotations", "is not", null)
    .where("digest", "in", (query) =>
      query
        .selectFrom(db.facts.values(JSON.stringify(digests)).as("asked"))
        .select(sql<Digest>`asked.value`.as("d")),
    )
    .execute();
  return new Map(rows.map((row) => [row.digest, row.annotations ?? ""]));
}
