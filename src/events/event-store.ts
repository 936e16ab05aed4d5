import { sql } from "kysely";
import { compiled } from "../db/compiled.ts";
import type { Database, Reads, Tx } from "../db/database.ts";
import type { EventCursorRow } from "../db/tables.ts";
import { assert } from "../lib/assert.ts";
import type { Digest } from "../oci/digest.ts";
import type { ProjectName, RepositoryName } from "../oci/repository-name.ts";
import type { Tag } from "../oci/tag.ts";
import type { EventManifest } from "./event.ts";

/** How far webhooks were told, and up to which line of the audit there is something to tell. */
export interface Progress extends EventCursorRow {
  readonly end: number;
}

export async function readProgress(reads: Reads): Promise<Progress> {
  const [row] = await selectProgress(reads);
  assert(row !== undefined, "the table event_cursor is empty");
  return row;
}

const selectProgress = compiled((db) =>
  db
    .selectFrom("event_cursor as e")
    .innerJoin("audit_chain as c", "c.id", "e.id")
    .selectAll("e")
    .select("c.seq as end")
    .where("e.id", "=", sql.lit(1)),
);

type Cursor = Omit<EventCursorRow, "id">;

/** Whoever is told from now on is told of nothing before. */
export async function setCursor(tx: Tx, cursor: Cursor): Promise<void> {
  await updateCursor(tx, cursor).execute();
}

/** False, and nothing is changed, where it is not where it was read any more: webhooks began anew meanwhile. */
export async function moveCursor(tx: Tx, from: Cursor, to: Cursor): Promise<boolean> {
  const row = await updateCursor(tx, to)
    .where("seq", "=", from.seq)
    .where("bare_seq", "=", from.bare_seq)
    .where("chores_at", "=", from.chores_at)
    .where("pulls_at", "=", from.pulls_at)
    .returning("id")
    .executeTakeFirst();
  return row !== undefined;
}

function updateCursor(tx: Tx, { seq, bare_seq, chores_at, pulls_at }: Cursor) {
  return tx
    .updateTable("event_cursor")
    .set({ seq, bare_seq, chores_at, pulls_at })
    .where("id", "=", 1);
}

export interface KnownProject {
  readonly name: ProjectName;
  readonly isPublic: boolean;
}

/** Projects by their ids, also those that are in the trash. */
export async function findProjects(
  db: Database,
  reads: Reads,
  ids: readonly string[],
): Promise<Map<string, KnownProject>> {
  const asked = db.facts.values(JSON.stringify(ids));
  const rows = await reads
    .selectFrom("projects")
    .select(["id", "name", "visibility"])
    .where("id", "in", ({ selectFrom }) => selectFrom(asked.as("asked")).select("asked.value"))
    .execute();
  return new Map(
    rows.map(({ id, name, visibility }) => [id, { name, isPublic: visibility === "public" }]),
  );
}

/** A manifest as it is now, live or in the trash. */
type KnownManifest = EventManifest & {
  readonly repositoryId: string;
  readonly isLive: boolean;
};

/** In the repository that has the name now in that project, or had it last; null where it is gone. */
export async function findManifest(
  reads: Reads,
  projectId: string,
  repository: RepositoryName,
  digest: Digest,
): Promise<KnownManifest | null> {
  const [row] = await selectManifest(reads, projectId, repository, digest);
  if (row === undefined) return null;
  const { state, repositoryState, ...facts } = row;
  return { ...facts, isLive: state === "live" && repositoryState === "live" };
}

const selectManifest = compiled(
  (db, projectId: string, repository: RepositoryName, digest: Digest) =>
    db
      .selectFrom("repositories as r")
      .innerJoin("manifests as m", "m.repository_id", "r.id")
      .select(["r.id as repositoryId", "r.state as repositoryState", "m.state"])
      .select("r.created_at as repositoryCreatedAt")
      .select(["m.media_type as mediaType", "m.artifact_type as artifactType"])
      .select(["m.subject", "m.size"])
      .where("r.name", "=", repository)
      .where("r.project_id", "=", projectId)
      .where("m.digest", "=", digest)
      .orderBy("r.state")
      .orderBy("r.id", "desc")
      .limit(1),
);

export interface FailedChore {
  readonly name: string;
  readonly at: number;
  readonly outcome: string;
}

/** Work in the background whose last run failed, and ended after `since`. */
export async function listFailedChores(reads: Reads, since: number): Promise<FailedChore[]> {
  const rows = await reads
    .selectFrom("chores")
    .select(["name", "finished_at", "outcome"])
    .where("finished_at", ">", since)
    .where("outcome", "like", "failed%")
    .orderBy("finished_at")
    .execute();
  return rows.map(({ name, finished_at: at, outcome }) => ({
    ...{ name, at: at ?? since, outcome: outcome ?? "" },
  }));
}

/** A pull, and where. */
export interface RecordedPull {
  readonly id: string;
  readonly digest: Digest;
  readonly tag: Tag | null;
  readonly repositoryId: string;
  readonly repository: RepositoryName;
  readonly projectId: string;
}

/** In the order in which they were recorded: those with an id above `after` and below `before`. */
export async function listPullsAfter(
  reads: Reads,
  { after, before, limit }: { after: string; before: string; limit: number },
): Promise<RecordedPull[]> {
  return await reads
    .selectFrom("pulls as p")
    .innerJoin("repositories as r", "r.id", "p.repository_id")
    .select(["p.id", "p.digest", "p.tag", "r.id as repositoryId", "r.name as repository"])
    .select("r.project_id as projectId")
    .where("p.id", ">", after)
    .where("p.id", "<", before)
    .orderBy("p.id")
    .limit(limit)
    .execute();
}
