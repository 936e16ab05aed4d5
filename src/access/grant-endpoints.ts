import { z } from "zod";
import { actorOf } from "../auth/principal.ts";
import type { GrantRow } from "../db/tables.ts";
import type { ProjectName } from "../oci/repository-name.ts";
import { change } from "./change.ts";
import {
  type ApiCall,
  defineEndpoint,
  type Endpoint,
  type Management,
  nothing,
} from "./endpoint.ts";
import {
  deleteGrant,
  insertGrant,
  listGrants,
  memberPattern,
  type NamedGrant,
} from "./grant-store.ts";
import { grantView, viewOfGrant } from "./grant-view.ts";
import { actionsOfRole, assertMayGive, assertMayLiftDenials } from "./may-give.ts";
import { ofProject } from "./place.ts";
import { getProject } from "./project-store.ts";
import { grantableActions } from "./roles.ts";
import {
  cidrs,
  formatTime,
  identifier,
  moment,
  pageInput,
  pageOf,
  pageOutput,
  projectName,
  time,
} from "./schema.ts";
import { formatSubject, getSubject, subjectName } from "./subject.ts";
import { notFound } from "./unknown.ts";

const grantFields = {
  subject: subjectName,
  effect: z
    .enum(["allow", "deny"])
    .default("allow")
    .describe("What is denied stays so, whatever else is allowed."),
  pattern: z
    .string()
    .max(256)
    .default(memberPattern)
    .describe("Of repository names, project included: team/**. In a project ** is all of it."),
  tag_pattern: z
    .string()
    .max(256)
    .nullable()
    .default(null)
    .describe("Of tags that may be pushed, deleted and locked; null: every tag."),
  role: z.string().max(64).optional().describe("Either a role,"),
  actions: z
    .array(z.enum(grantableActions))
    .min(1)
    .max(grantableActions.length)
    .optional()
    .describe("or a list of actions."),
  cidrs: cidrs.default([]),
  expires_at: moment.nullable().default(null),
};

const grantInput = z.strictObject(grantFields);
type GrantInput = z.output<typeof grantInput>;

const isOneOf = ({ role, actions }: { role?: unknown; actions?: unknown }) =>
  (role === undefined) !== (actions === undefined);
const oneOf = "either role or actions must be given";

const grantOutput = z.object({
  id: z.string(),
  subject: z.string(),
  ...grantView.shape,
  created_at: time,
});

const inProject = { project: projectName };

const listEverywhere = defineEndpoint({
  method: "GET",
  path: "/api/v1/grants",
  command: "grant list",
  summary: "Lists the grants that hold in every project, in the order in which they were made.",
  action: "system:manage",
  input: z.strictObject(pageInput),
  output: pageOutput(grantOutput),
  handler: (deps, page) => grantPage(deps, null, page),
});

const listInProject = defineEndpoint({
  method: "GET",
  path: "/api/v1/projects/{project}/grants",
  command: "grant list",
  summary: "Lists the grants of a project, members' roles among them.",
  action: "project:manage",
  resource: ofProject,
  input: z.strictObject({ ...inProject, ...pageInput }),
  output: pageOutput(grantOutput),
  async handler(deps, { project, ...page }) {
    const { id } = await getProject(deps.db.reads, project);
    return grantPage(deps, id, page);
  },
});

const createEverywhere = defineEndpoint({
  method: "POST",
  path: "/api/v1/grants",
  command: "grant create",
  words: ["subject"],
  summary: "Grants or denies something in every project.",
  action: "system:manage",
  input: grantInput.refine(isOneOf, oneOf),
  output: grantOutput,
  status: 201,
  handler: (deps, input, call) => createGrant(deps, call, null, input),
});

const createInProject = defineEndpoint({
  method: "POST",
  path: "/api/v1/projects/{project}/grants",
  command: "grant create",
  words: ["subject"],
  summary: "Grants or denies something within a project.",
  action: "project:manage",
  resource: ofProject,
  input: z.strictObject({ ...inProject, ...grantFields }).refine(isOneOf, oneOf),
  output: grantOutput,
  status: 201,
  handler: (deps, { project, ...input }, call) => createGrant(deps, call, project, input),
});

const deleteEverywhere = defineEndpoint({
  method: "DELETE",
  path: "/api/v1/grants/{id}",
  command: "grant delete",
  summary: "Deletes a grant that holds in every project.",
  action: "system:manage",
  input: z.strictObject({ id: identifier }),
  output: nothing,
  status: 204,
  handler: (deps, { id }, call) => removeGrant(deps, call, null, id),
});

const deleteInProject = defineEndpoint({
  method: "DELETE",
  path: "/api/v1/projects/{project}/grants/{id}",
  command: "grant delete",
  summary: "Deletes a grant of a project.",
  action: "project:manage",
  resource: ofProject,
  input: z.strictObject({ ...inProject, id: identifier }),
  output: nothing,
  status: 204,
  handler: (deps, { project, id }, call) => removeGrant(deps, call, project, id),
});

async function grantPage(
  { db }: Management,
  projectId: string | null,
  { limit, after }: { readonly limit: number; readonly after: string },
) {
  const rows = await listGrants(db.reads, { projectId, after, limit: limit + 1 });
  return pageOf(
    rows,
    limit,
    (row) => row.id,
    (row: NamedGrant) =>
      grantAnswer(
        row,
        formatSubject({ kind: row.subject_kind, id: row.subject_id }, row.subject_name),
      ),
  );
}

async function createGrant(
  deps: Management,
  call: ApiCall,
  projectName: ProjectName | null,
  input: GrantInput,
) {
  const { subject: name, effect, pattern, tag_pattern, expires_at } = input;
  const gives = input.role !== undefined ? { role: input.role } : { actions: input.actions ?? [] };
  let projectId: string | null = null;
  const entry = () => ({
    action: "grant.created",
    resource: `grant to ${name} on ${pattern}`,
    projectId,
    detail: { effect, ...gives, tag_pattern, cidrs: input.cidrs, expires_at },
  });
  return change(deps, call, entry, async (tx) => {
    const project = projectName === null ? null : await getProject(tx, projectName);
    projectId = project?.id ?? null;
    const subject = await getSubject(tx, name);
    const given = "role" in gives ? await actionsOfRole(tx, gives.role) : gives.actions;
    // Everywhere only administrators grant, who may give all there is.
    if (project !== null && effect === "allow")
      await assertMayGive(deps, call, project.name, given);
    const row = await insertGrant(tx, {
      effect,
      subject,
      project,
      pattern,
      tagPattern: tag_pattern,
      gives,
      cidrs: input.cidrs,
      expiresAt: expires_at,
      now: deps.clock.now(),
      createdBy: actorOf(call.principal),
    });
    return grantAnswer(row, name);
  });
}

async function removeGrant(
  deps: Management,
  call: ApiCall,
  projectName: ProjectName | null,
  id: string,
): Promise<undefined> {
  const entry = (row: GrantRow) => ({
    action: "grant.deleted",
    resource: `grant ${id} on ${row.pattern}`,
    projectId: row.project_id,
    detail: { subject: row.subject_id, effect: row.effect, role: row.role, actions: row.actions },
  });
  await change(deps, call, entry, async (tx) => {
    const project = projectName === null ? null : await getProject(tx, projectName);
    const removed = await deleteGrant(tx, id, project?.id ?? null);
    if (removed === null) throw notFound(`grant ${id}`);
    if (removed.effect === "deny") assertMayLiftDenials(call);
    return removed;
  });
  return undefined;
}

function grantAnswer(row: GrantRow, subject: string): z.input<typeof grantOutput> {
  const created_at = formatTime(row.created_at);
  return { id: row.id, subject, ...viewOfGrant(row), created_at };
}

export const grantEndpoints: readonly Endpoint[] = [
  listEverywhere,
  listInProject,
  createEverywhere,
  createInProject,
  deleteEverywhere,
  deleteInProject,
];
