import { sql } from "kysely";
import type { Database, Tx } from "../db/database.ts";
import { bound } from "../db/dialect-facts.ts";
import type { TrashRow } from "../db/tables.ts";
import { uuidv7 } from "../lib/random.ts";
import type { Digest } from "../oci/digest.ts";
import type { Tag } from "../oci/tag.ts";
import { digestOfGoing, type Going, goingJson, unitOfGoing } from "./manifest-store.ts";

const dayMs = 24 * 60 * 60 * 1000;

/** What goes to the trash. */
type Trashed = { readonly deletedBy: string | null; readonly reason?: string } & (
  | {
      readonly kind: "tag";
      readonly repositoryId: string;
      readonly digest: Digest;
      readonly tag: Tag;
    }
  | { readonly kind: "manifest" | "blob"; readonly repositoryId: string; readonly digest: Digest }
  | { readonly kind: "repository"; readonly repositoryId: string }
  | { readonly kind: "project"; readonly projectId: string }
);

/** Opens a unit of trash, for as long as the project says, and returns its id. */
export async function insertTrash(tx: Tx, trashed: Trashed, now: number): Promise<string> {
  const id = uuidv7();
  await tx
    .insertInto("trash")
    .values({ id, ...placeOf(trashed), ...origin(trashed, now), until: end(trashed, now) })
    .execute();
  return id;
}

function placeOf(
  trashed: Trashed,
): Pick<TrashRow, "kind" | "project_id" | "repository_id" | "digest" | "tag"> {
  const { kind } = trashed;
  if (kind === "project") {
    return { kind, project_id: trashed.projectId, repository_id: null, digest: null, tag: null };
  }
  return {
    kind,
    project_id: null,
    repository_id: trashed.repositoryId,
    digest: kind === "repository" ? null : trashed.digest,
    tag: kind === "tag" ? trashed.tag : null,
  };
}

function origin({ deletedBy, reason }: Trashed, now: number) {
  return { deleted_at: now, deleted_by: deletedBy, reason: reason ?? null };
}

/** In one statement with what it is for: a deletion asks for nothing that it does not rely on. */
function end(trashed: Trashed, now: number) {
  const project =
    trashed.kind === "project"
      ? sql`select trash_days from projects where id = ${trashed.projectId}`
      : sql`select p.trash_days from repositories as r join projects as p on p.id = r.project_id
            where r.id = ${trashed.repositoryId}`;
  return sql<number>`cast(${now} as bigint) + ${sql.lit(dayMs)} * (${project})`;
}

/** Opens a unit for each of many manifests, whose ids come along. */
export async function insertTrashOf(
  db: Database,
  tx: Tx,
  of: {
    readonly repositoryId: string;
    readonly roots: readonly Going[];
    readonly deletedBy: string | null;
    readonly reason: string | null;
  },
  now: number,
): Promise<void> {
  await sql`
    insert into trash (id, kind, repository_id, digest, deleted_at, deleted_by, reason, until)
    select ${unitOfGoing}, 'manifest', r.id, ${digestOfGoing}, cast(${now} as bigint),
           cast(${of.deletedBy} as text), cast(${of.reason} as text),
           cast(${now} as bigint) + ${sql.lit(dayMs)} * p.trash_days
      from ${db.facts.values(goingJson(of.roots))} as g
      join repositories as r on r.id = ${bound(of.repositoryId)}
      join projects as p on p.id = r.project_id`.execute(tx);
}

/** A repository goes to the trash with all that is in it, which stays as it is, out of sight. */
export async function trashRepository(
  tx: Tx,
  repositoryId: string,
  { actor, now }: { readonly actor: string | null; readonly now: number },
): Promise<void> {
  await insertTrash(tx, { kind: "repository", repositoryId, deletedBy: actor }, now);
  await tx
    .updateTable("repositories")
    .set({ state: "trashed", trashed_at: now, trashed_by: actor, version: sql`version + 1` })
    .where("id", "=", repositoryId)
    .execute();
}
