import { compiled } from "../db/compiled.ts";
import type { Reads, Tx } from "../db/database.ts";
import { bound } from "../db/dialect-facts.ts";
import type { GrantRow } from "../db/tables.ts";
import { assert } from "../lib/assert.ts";
import { uuidv7 } from "../lib/random.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { ProjectName } from "../oci/repository-name.ts";
import { parseRepositoryPattern, parseTagPattern } from "./pattern.ts";
import type { GrantableAction } from "./roles.ts";

/** Who a grant is for. */
export interface Subject {
  readonly kind: GrantRow["subject_kind"];
  readonly id: string;
}

export interface NewGrant {
  readonly effect: GrantRow["effect"];
  readonly subject: Subject;
  /** Null: in every project. */
  readonly project: { readonly id: string; readonly name: ProjectName } | null;
  readonly pattern: string;
  readonly tagPattern?: string | null;
  /** Either the name of a role or a list of actions. */
  readonly gives: { readonly role: string } | { readonly actions: readonly GrantableAction[] };
  readonly cidrs?: readonly string[];
  /** Epoch milliseconds. */
  readonly expiresAt?: number | null;
  readonly now: number;
  readonly createdBy: string | null;
}

/** What the grants of members cover: with their project's id, all of it. */
export const memberPattern = "**";

/** Grants of one project: each request to it may have to read them all. */
export const grantsPerProjectMax = 10_000;

/**
 * Throws UNSUPPORTED (400) for a pattern that is none, or that reaches beyond the project, and DENIED
 * (409) where the project has as many grants as it may.
 */
export async function insertGrant(tx: Tx, grant: NewGrant): Promise<GrantRow> {
  const { subject, project, gives } = grant;
  const byRole = "role" in gives;
  assert(byRole || gives.actions.length > 0, "a grant of nothing");
  if (project !== null) await assertRoom(tx, project);
  const tagPattern = grant.tagPattern ?? null;
  const row: GrantRow = {
    id: uuidv7(),
    effect: grant.effect,
    subject_kind: subject.kind,
    subject_id: subject.id,
    project_id: project?.id ?? null,
    pattern: parseRepositoryPattern(grant.pattern, project?.name ?? null),
    tag_pattern: tagPattern === null ? null : parseTagPattern(tagPattern),
    role: byRole ? gives.role : null,
    actions: byRole ? null : JSON.stringify([...new Set(gives.actions)]),
    cidrs: JSON.stringify(grant.cidrs ?? []),
    expires_at: grant.expiresAt ?? null,
    created_at: grant.now,
    created_by: grant.createdBy,
    version: 1,
  };
  await tx.insertInto("grants").values(row).execute();
  return row;
}

async function assertRoom(tx: Tx, project: Membership["project"]): Promise<void> {
  const [last] = await selectLastOfFull(tx, project.id);
  if (last === undefined) return;
  throw new RegistryError("DENIED", {
    status: 409,
    message: `the project ${project.name} has ${grantsPerProjectMax} grants, as many as it may: give roles to groups`,
    detail: { max: grantsPerProjectMax },
  });
}

const selectLastOfFull = compiled((db, projectId: string) =>
  db
    .selectFrom("grants")
    .select("project_id")
    .where("project_id", "=", projectId)
    .limit(1)
    .offset(grantsPerProjectMax - 1),
);

/** Makes somebody owner of a project, in the transaction that made the project. */
export async function grantOwner(
  tx: Tx,
  owner: {
    readonly projectId: string;
    readonly project: ProjectName;
    readonly principalId: string;
    readonly actor: string | null;
    readonly now: number;
  },
): Promise<void> {
  await setMember(tx, {
    project: { id: owner.projectId, name: owner.project },
    subject: { kind: "principal", id: owner.principalId },
    role: "owner",
    actor: owner.actor,
    now: owner.now,
  });
}

/** Returns what was deleted; null when there was none of this id in the project (null: of every project). */
export async function deleteGrant(
  tx: Tx,
  id: string,
  projectId: string | null,
): Promise<GrantRow | null> {
  const row = await tx
    .deleteFrom("grants")
    .where("id", "=", id)
    .where("project_id", projectId === null ? "is" : "=", projectId)
    .returningAll()
    .executeTakeFirst();
  return row ?? null;
}

/** A grant with its subject's name; null where the subject is gone. */
export type NamedGrant = GrantRow & { readonly subject_name: string | null };

/** Of one project, or (null) those that hold in every project; after an id, in the order they were made. */
export async function listGrants(
  reads: Reads,
  page: { readonly projectId: string | null; readonly after: string; readonly limit: number },
): Promise<NamedGrant[]> {
  return await reads
    .selectFrom("grants as g")
    .leftJoin("principals as p", (join) =>
      join.onRef("p.id", "=", "g.subject_id").on("g.subject_kind", "=", "principal"),
    )
    .leftJoin("groups as gr", (join) =>
      join.onRef("gr.id", "=", "g.subject_id").on("g.subject_kind", "=", "group"),
    )
    .selectAll("g")
    .select(({ fn }) => fn.coalesce("p.name", "gr.name").as("subject_name"))
    .where("g.project_id", page.projectId === null ? "is" : "=", page.projectId)
    .where("g.id", ">", page.after)
    .orderBy("g.id")
    .limit(page.limit)
    .execute();
}

export interface Membership {
  readonly project: { readonly id: string; readonly name: ProjectName };
  readonly subject: Subject;
}

/** Gives the role in the project instead of the one before, which is returned; null for none. */
export async function setMember(
  tx: Tx,
  member: Membership & {
    readonly role: string;
    readonly actor: string | null;
    readonly now: number;
  },
): Promise<string | null> {
  const before = await removeMember(tx, member);
  await insertGrant(tx, {
    effect: "allow",
    subject: member.subject,
    project: member.project,
    pattern: memberPattern,
    gives: { role: member.role },
    now: member.now,
    createdBy: member.actor,
  });
  return before;
}

/** Returns the role that ended; null when it was no member. Other grants of theirs stay. */
export async function removeMember(tx: Tx, member: Membership): Promise<string | null> {
  const rows = await tx
    .deleteFrom("grants")
    .where("subject_id", "=", member.subject.id)
    .where("subject_kind", "=", member.subject.kind)
    .where("project_id", "=", member.project.id)
    .where("pattern", "=", memberPattern)
    .where("effect", "=", "allow")
    .where("role", "is not", null)
    .where("tag_pattern", "is", null)
    .where("cidrs", "=", "[]")
    .where("expires_at", "is", null)
    .returning("role")
    .execute();
  return rows[0]?.role ?? null;
}

export interface MemberRow {
  /** Of the grant: lists go on after it. */
  readonly id: string;
  readonly subject_kind: GrantRow["subject_kind"];
  readonly subject_id: string;
  /** Null where the subject is gone. */
  readonly subject_name: string | null;
  readonly role: string;
  readonly created_at: number;
}

/** Members of a project, after an id, in the order in which they got their role. */
export async function listMembers(
  reads: Reads,
  page: { readonly projectId: string; readonly after: string; readonly limit: number },
): Promise<MemberRow[]> {
  return await selectMembers(reads, page.projectId, page.after, page.limit);
}

const selectMembers = compiled((db, projectId: string, after: string, limit: number) =>
  db
    .selectFrom("grants as g")
    .leftJoin("principals as p", (join) =>
      join.onRef("p.id", "=", "g.subject_id").on("g.subject_kind", "=", "principal"),
    )
    .leftJoin("groups as gr", (join) =>
      join.onRef("gr.id", "=", "g.subject_id").on("g.subject_kind", "=", "group"),
    )
    .select(["g.id", "g.subject_kind", "g.subject_id", "g.created_at"])
    .select(({ fn, ref }) => [
      fn.coalesce("p.name", "gr.name").as("subject_name"),
      ref("g.role").$notNull().as("role"),
    ])
    .where("g.project_id", "=", bound(projectId))
    .where("g.id", ">", bound(after))
    .where("g.pattern", "=", memberPattern)
    .where("g.effect", "=", "allow")
    .where("g.role", "is not", null)
    .where("g.tag_pattern", "is", null)
    .where("g.cidrs", "=", "[]")
    .where("g.expires_at", "is", null)
    .orderBy("g.id")
    .limit(limit),
);
