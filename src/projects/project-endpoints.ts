import { z } from "zod";
import { isAllowed } from "../access/authorize.ts";
import { change } from "../access/change.ts";
import {
  type ApiCall,
  assertVersion,
  defineEndpoint,
  type Endpoint,
  type Management,
  nothing,
} from "../access/endpoint.ts";
import { grantOwner, setMember } from "../access/grant-store.ts";
import { assertMay, assertMayGive } from "../access/may-give.ts";
import { ofProject } from "../access/place.ts";
import {
  findProject,
  getProject,
  insertProject,
  isNameOfAnother,
  listProjects,
  updateProject,
} from "../access/project-store.ts";
import { assertTagsMayGo } from "../access/protected-tag-store.ts";
import {
  cidrs,
  description,
  newProjectName,
  pageInput,
  pageOutput,
  projectName,
} from "../access/schema.ts";
import { getSubject, subjectName } from "../access/subject.ts";
import { conflict } from "../access/unknown.ts";
import { isWider } from "../access/visibility.ts";
import { visiblePage } from "../access/visible-page.ts";
import { actorOf, type Principal } from "../auth/principal.ts";
import type { Tx } from "../db/database.ts";
import type { ProjectName } from "../oci/repository-name.ts";
import {
  allowedOf,
  allowedOutput,
  projectAnswer,
  projectOutput,
  readingActions,
  trashDays,
  untaggedDays,
  visibility,
} from "./project-schema.ts";
import { trashProject } from "./project-store.ts";
import { placeToPush } from "./push-place.ts";

const shownProject = projectOutput.extend({
  allowed: allowedOutput,
  push_place: z
    .string()
    .nullable()
    .describe("A repository in it, there or not, to which the caller may push; null: none."),
});

const inProject = z.strictObject({ project: projectName });

const list = defineEndpoint({
  method: "GET",
  path: "/api/v1/projects",
  command: "project list",
  summary: "Lists the projects that one may see, by name.",
  action: "registry:list",
  input: z.strictObject(pageInput),
  output: pageOutput(projectOutput),
  handler: (deps, { limit, after }, call) =>
    visiblePage({
      secrets: deps.secrets,
      read: (page) => listProjects(deps.db.reads, page),
      cursorOf: ({ name }) => name,
      after,
      limit,
      isVisible: ({ name }) => may(deps, call, "project:read", name),
      toItem: (project) => projectAnswer(deps, call, project),
    }),
});

const create = defineEndpoint({
  method: "POST",
  path: "/api/v1/projects",
  command: "project create",
  summary: "Makes a project, which whoever makes it owns.",
  action: "project:create",
  input: z.strictObject({
    name: newProjectName,
    visibility: visibility.default("private"),
    description: description.default(""),
    cidrs: cidrs.default([]),
    owner: subjectName
      .optional()
      .describe("Who owns it instead of whoever makes it. Administrators alone may say so."),
  }),
  resource: ({ name }) => ({ kind: "project", name }),
  output: projectOutput,
  status: 201,
  version: (output) => output.version,
  async handler(deps, { name, owner, ...rest }, call) {
    const now = deps.clock.now();
    const actor = actorOf(call.principal);
    if (owner !== undefined) await assertMay(deps, call, "system:manage", { kind: "registry" });
    const { entry, note } = noted("project.created", name, { visibility: rest.visibility });
    return change(deps, call, entry, async (tx) => {
      await assertNameIsFree(tx, name, call.principal);
      const projectId = await insertProject(tx, { name, createdBy: actor, now, ...rest });
      note(projectId);
      if (owner !== undefined) {
        const subject = await getSubject(tx, owner);
        await setMember(tx, {
          project: { id: projectId, name },
          subject,
          role: "owner",
          actor,
          now,
        });
      } else if (actor !== null) {
        await grantOwner(tx, { projectId, project: name, principalId: actor, actor, now });
      }
      return projectAnswer(deps, call, await getProject(tx, name));
    });
  },
});

const show = defineEndpoint({
  method: "GET",
  path: "/api/v1/projects/{project}",
  command: "project show",
  summary: "Shows a project.",
  action: "project:read",
  resource: ofProject,
  input: inProject,
  output: shownProject,
  version: (output) => output.version,
  async handler(deps, { project: name }, call) {
    const project = await getProject(deps.db.reads, name);
    const actions = ["repository:push", "project:manage"] as const;
    const allowed = await allowedOf(deps.access, call, { kind: "project", name }, actions);
    const push_place = await placeToPush(deps, call, project);
    return { ...(await projectAnswer(deps, call, project)), allowed, push_place };
  },
});

const update = defineEndpoint({
  method: "PATCH",
  path: "/api/v1/projects/{project}",
  command: "project update",
  summary: "Changes visibility, description, addresses or times of a project.",
  action: "project:manage",
  resource: ofProject,
  input: inProject.extend({
    visibility: visibility.optional(),
    description: description.optional(),
    cidrs: cidrs.optional(),
    trash_days: trashDays.optional(),
    untagged_days: untaggedDays.nullable().optional(),
  }),
  output: projectOutput,
  version: (output) => output.version,
  async handler(deps, { project: name, ...changes }, call) {
    const { entry, note } = noted("project.changed", name, changes);
    return change(deps, call, entry, async (tx) => {
      const project = await getProject(tx, name);
      assertVersion(call, project.version);
      note(project.id);
      if (changes.visibility !== undefined && isWider(changes.visibility, project.visibility)) {
        await assertMayGive(deps, call, name, readingActions);
      }
      const { trash_days, untagged_days, ...rest } = changes;
      const times = { trashDays: trash_days, untaggedDays: untagged_days };
      await updateProject(tx, project.id, { ...rest, ...times });
      return projectAnswer(deps, call, await getProject(tx, name));
    });
  },
});

const remove = defineEndpoint({
  method: "DELETE",
  path: "/api/v1/projects/{project}",
  command: "project delete",
  summary:
    "Moves a project with all that is in it to the trash; its robots end until it comes back.",
  action: "project:manage",
  resource: ofProject,
  input: inProject,
  output: nothing,
  status: 204,
  async handler(deps, { project: name }, call) {
    const { entry, note } = noted("project.deleted", name, {});
    await change(deps, call, entry, async (tx) => {
      const project = await getProject(tx, name);
      assertVersion(call, project.version);
      note(project.id);
      await assertTagsMayGo(tx, { projectId: project.id, repositoryId: null });
      const actor = actorOf(call.principal);
      await trashProject(tx, project.id, { actor, now: deps.clock.now() });
    });
    return undefined;
  },
});

async function assertNameIsFree(tx: Tx, name: ProjectName, principal: Principal): Promise<void> {
  const taken = conflict(`the name ${name} is taken`);
  if ((await findProject(tx, name)) !== null) throw taken;
  if (await isNameOfAnother(tx, name, principal)) throw taken;
}

function may(
  { access }: Management,
  call: ApiCall,
  action: "project:read",
  name: ProjectName,
): Promise<boolean> {
  const resource = { kind: "project", name } as const;
  return isAllowed(access, call.principal, action, resource, () => call.address);
}

/** The audit's line of a change to a project whose id the transaction finds. */
function noted(action: string, name: ProjectName, detail: Readonly<Record<string, unknown>>) {
  let projectId: string | null = null;
  return {
    entry: () => ({ action, resource: `project ${name}`, projectId, detail }),
    note(id: string) {
      projectId = id;
    },
  };
}

export const projectEndpoints: readonly Endpoint[] = [list, create, show, update, remove];
