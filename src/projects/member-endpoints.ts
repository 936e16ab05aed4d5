import { z } from "zod";
import { change } from "../access/change.ts";
import { defineEndpoint, type Endpoint, nothing } from "../access/endpoint.ts";
import { listMembers, removeMember, setMember } from "../access/grant-store.ts";
import { actionsOfRole, assertMayGive } from "../access/may-give.ts";
import { ofProject } from "../access/place.ts";
import { getProject } from "../access/project-store.ts";
import { formatTime, pageInput, pageOf, pageOutput, projectName, time } from "../access/schema.ts";
import { formatSubject, getSubject, subjectName } from "../access/subject.ts";
import { notFound } from "../access/unknown.ts";
import { actorOf } from "../auth/principal.ts";

const memberOutput = z.object({
  member: z.string().describe("Name of a user or robot, or `group:NAME`."),
  role: z.string(),
  since: time,
});

const list = defineEndpoint({
  method: "GET",
  path: "/api/v1/projects/{project}/members",
  command: "member list",
  summary: "Lists the members of a project, in the order in which they got their roles.",
  action: "project:manage",
  resource: ofProject,
  input: z.strictObject({ project: projectName, ...pageInput }),
  output: pageOutput(memberOutput),
  async handler({ db }, { project: name, limit, after }) {
    const { id } = await getProject(db.reads, name);
    const rows = await listMembers(db.reads, { projectId: id, after, limit: limit + 1 });
    return pageOf(
      rows,
      limit,
      (row) => row.id,
      (row) => ({
        member: formatSubject({ kind: row.subject_kind, id: row.subject_id }, row.subject_name),
        role: row.role,
        since: formatTime(row.created_at),
      }),
    );
  },
});

const inMember = z.strictObject({ project: projectName, member: subjectName });

const set = defineEndpoint({
  method: "PUT",
  path: "/api/v1/projects/{project}/members/{member}",
  command: "member set",
  summary: "Gives a user, robot or group a role in a project, instead of an earlier one.",
  action: "project:manage",
  resource: ofProject,
  input: inMember.extend({
    role: z
      .string()
      .max(64)
      .describe("reader, ci, developer, maintainer, owner, or the name of a custom role."),
  }),
  output: memberOutput,
  async handler(deps, { project: name, member, role }, call) {
    let projectId: string | null = null;
    let before: string | null = null;
    const entry = () => ({
      action: "member.set",
      resource: `member ${member} of ${name}`,
      projectId,
      detail: { role, before },
    });
    return change(deps, call, entry, async (tx) => {
      const project = await getProject(tx, name);
      projectId = project.id;
      const subject = await getSubject(tx, member);
      await assertMayGive(deps, call, name, await actionsOfRole(tx, role));
      const now = deps.clock.now();
      const actor = actorOf(call.principal);
      before = await setMember(tx, { project, subject, role, actor, now });
      return { member, role, since: formatTime(now) };
    });
  },
});

const remove = defineEndpoint({
  method: "DELETE",
  path: "/api/v1/projects/{project}/members/{member}",
  command: "member remove",
  summary: "Ends the role of a user, robot or group in a project; other grants of theirs stay.",
  action: "project:manage",
  resource: ofProject,
  input: inMember,
  output: nothing,
  status: 204,
  async handler(deps, { project: name, member }, call) {
    let projectId: string | null = null;
    let before: string | null = null;
    const entry = () => ({
      action: "member.removed",
      resource: `member ${member} of ${name}`,
      projectId,
      detail: { before },
    });
    await change(deps, call, entry, async (tx) => {
      const project = await getProject(tx, name);
      projectId = project.id;
      before = await removeMember(tx, { project, subject: await getSubject(tx, member) });
      if (before === null) throw notFound(`member ${member} of ${name}`);
    });
    return undefined;
  },
});

export const memberEndpoints: readonly Endpoint[] = [list, set, remove];
