import { sql } from "kysely";
import { actorOf, isAdministrator, type Principal } from "../auth/principal.ts";
import { findPrincipalByName } from "../auth/principal-store.ts";
import type { Reads, Tx } from "../db/database.ts";
import { bound, live } from "../db/dialect-facts.ts";
import type { Visibility } from "../db/tables.ts";
import { uuidv7 } from "../lib/random.ts";
import type { ProjectName } from "../oci/repository-name.ts";
import { unknownProject } from "./unknown.ts";

/** A project that is there. */
export interface Project {
  readonly id: string;
  readonly name: ProjectName;
  readonly visibility: Visibility;
  readonly description: string;
  /** Addresses and ranges from which alone it is reached. */
  readonly cidrs: readonly string[];
  /** See `ProjectRow`. */
  readonly trashDays: number;
  readonly untaggedDays: number | null;
  readonly createdAt: number;
  /** The name of who made it, also of one who is gone. */
  readonly createdBy: string | null;
  readonly version: number;
}

export async function findProject(reads: Reads, name: ProjectName): Promise<Project | null> {
  const row = await selectProjects(reads).where("p.name", "=", bound(name)).executeTakeFirst();
  return row === undefined ? null : projectOfRow(row);
}

/** Throws what `unknownProject` says where there is none. */
export async function getProject(reads: Reads, name: ProjectName): Promise<Project> {
  const project = await findProject(reads, name);
  if (project === null) throw unknownProject(name);
  return project;
}

/** By name, after one, in byte order. */
export async function listProjects(
  reads: Reads,
  page: { readonly after: string; readonly limit: number },
): Promise<Project[]> {
  const rows = await selectProjects(reads)
    .where("p.name", ">", bound(page.after as ProjectName))
    .orderBy("p.name")
    .limit(page.limit)
    .execute();
  return rows.map(projectOfRow);
}

function selectProjects(reads: Reads) {
  return reads
    .selectFrom("projects as p")
    .leftJoin("principals as c", "c.id", "p.created_by")
    .select(["p.id", "p.name", "p.visibility", "p.description", "p.cidrs", "p.created_at"])
    .select(["p.trash_days", "p.untagged_days"])
    .select(["c.name as created_by", "p.version"])
    .where("p.state", "=", live);
}

type SelectedProject = Awaited<ReturnType<ReturnType<typeof selectProjects>["execute"]>>[number];

function projectOfRow(row: SelectedProject): Project {
  return {
    id: row.id,
    name: row.name,
    visibility: row.visibility,
    description: row.description,
    cidrs: JSON.parse(row.cidrs) as string[],
    trashDays: row.trash_days,
    untaggedDays: row.untagged_days,
    createdAt: row.created_at,
    createdBy: row.created_by,
    version: row.version,
  };
}

export interface NewProject {
  readonly name: ProjectName;
  /** Id of a principal. */
  readonly createdBy: string | null;
  readonly now: number;
  readonly visibility?: Visibility;
  readonly description?: string;
  readonly cidrs?: readonly string[];
}

/** Whether the name is kept for another user: a project of a user's name is theirs, also while it is not there. */
export async function isNameOfAnother(
  reads: Reads,
  name: ProjectName,
  principal: Principal,
): Promise<boolean> {
  if (principal.kind === "operator" || isAdministrator(principal)) return false;
  const holder = await findPrincipalByName(reads, name);
  return holder !== null && holder.id !== actorOf(principal);
}

/**
 * Returns the id. No live project may have the name: see `findProject`. One that had it before hands
 * nothing on.
 */
export async function insertProject(tx: Tx, project: NewProject): Promise<string> {
  const { name, createdBy, now } = project;
  const earlier = await tx
    .selectFrom("projects")
    .select(({ fn }) => fn.max("generation").as("generation"))
    .where("name", "=", name)
    .executeTakeFirst();
  const id = uuidv7();
  await tx
    .insertInto("projects")
    .values({
      id,
      name,
      generation: (earlier?.generation ?? 0) + 1,
      state: "live",
      created_at: now,
      created_by: createdBy,
      visibility: project.visibility ?? "private",
      description: project.description ?? "",
      cidrs: JSON.stringify(project.cidrs ?? []),
    })
    .execute();
  return id;
}

export interface ProjectChanges {
  readonly visibility?: Visibility | undefined;
  readonly description?: string | undefined;
  readonly cidrs?: readonly string[] | undefined;
  readonly trashDays?: number | undefined;
  readonly untaggedDays?: number | null | undefined;
}

export async function updateProject(
  tx: Tx,
  id: string,
  { visibility, description, cidrs, trashDays, untaggedDays }: ProjectChanges,
): Promise<void> {
  await tx
    .updateTable("projects")
    .set({
      ...(visibility === undefined ? {} : { visibility }),
      ...(description === undefined ? {} : { description }),
      ...(cidrs === undefined ? {} : { cidrs: JSON.stringify(cidrs) }),
      ...(trashDays === undefined ? {} : { trash_days: trashDays }),
      ...(untaggedDays === undefined ? {} : { untagged_days: untaggedDays }),
      version: sql`version + 1`,
    })
    .where("id", "=", id)
    .execute();
}
