import { z } from "zod";
import { actorOf } from "../auth/principal.ts";
import { findPrincipalByName } from "../auth/principal-store.ts";
import type { Reads } from "../db/database.ts";
import type { GroupRow } from "../db/tables.ts";
import { change } from "./change.ts";
import { assertVersion, defineEndpoint, type Endpoint, nothing } from "./endpoint.ts";
import {
  addGroupMember,
  deleteGroup,
  findGroupByName,
  insertGroup,
  listGroupMembers,
  listGroups,
  removeGroupMember,
  updateGroup,
} from "./group-store.ts";
import {
  description,
  formatTime,
  pageInput,
  pageOf,
  pageOutput,
  plainName,
  principalName,
  time,
} from "./schema.ts";
import { conflict, notFound } from "./unknown.ts";

const groupOutput = z.object({
  name: z.string(),
  description: z.string(),
  created_at: time,
  version: z.int(),
});

const inGroup = z.strictObject({ group: plainName });

const list = defineEndpoint({
  method: "GET",
  path: "/api/v1/groups",
  command: "group list",
  summary: "Lists the groups by name.",
  action: "system:manage",
  input: z.strictObject(pageInput),
  output: pageOutput(groupOutput),
  async handler({ db }, { limit, after }) {
    const rows = await listGroups(db.reads, { after, limit: limit + 1 });
    return pageOf(rows, limit, (row) => row.name, groupAnswer);
  },
});

const create = defineEndpoint({
  method: "POST",
  path: "/api/v1/groups",
  command: "group create",
  summary: "Makes a group, which can be given roles and grants like a user.",
  action: "system:manage",
  input: z.strictObject({ name: plainName, description: description.default("") }),
  output: groupOutput,
  status: 201,
  version: (output) => output.version,
  async handler(deps, input, call) {
    const entry = { action: "group.created", resource: `group ${input.name}` };
    return change(deps, call, entry, async (tx) => {
      if ((await findGroupByName(tx, input.name)) !== null) {
        throw conflict(`there is a group ${input.name} already`);
      }
      const now = deps.clock.now();
      const createdBy = actorOf(call.principal);
      return groupAnswer(await insertGroup(tx, { ...input, now, createdBy }));
    });
  },
});

const show = defineEndpoint({
  method: "GET",
  path: "/api/v1/groups/{group}",
  command: "group show",
  summary: "Shows a group.",
  action: "system:manage",
  input: inGroup,
  output: groupOutput,
  version: (output) => output.version,
  handler: async ({ db }, { group }) => groupAnswer(await getGroup(db.reads, group)),
});

const update = defineEndpoint({
  method: "PATCH",
  path: "/api/v1/groups/{group}",
  command: "group update",
  summary: "Changes the description of a group.",
  action: "system:manage",
  input: inGroup.extend({ description }),
  output: groupOutput,
  version: (output) => output.version,
  async handler(deps, { group: name, ...changes }, call) {
    const entry = { action: "group.changed", resource: `group ${name}`, detail: changes };
    return change(deps, call, entry, async (tx) => {
      const group = await getGroup(tx, name);
      assertVersion(call, group.version);
      return groupAnswer((await updateGroup(tx, group.id, changes)) ?? group);
    });
  },
});

const remove = defineEndpoint({
  method: "DELETE",
  path: "/api/v1/groups/{group}",
  command: "group delete",
  summary: "Deletes a group, and with it what was granted to it.",
  action: "system:manage",
  input: inGroup,
  output: nothing,
  status: 204,
  async handler(deps, { group: name }, call) {
    await change(deps, call, { action: "group.deleted", resource: `group ${name}` }, async (tx) => {
      const group = await getGroup(tx, name);
      assertVersion(call, group.version);
      await deleteGroup(tx, group.id);
    });
    return undefined;
  },
});

const listMembers = defineEndpoint({
  method: "GET",
  path: "/api/v1/groups/{group}/members",
  command: "group members",
  summary: "Lists the users and robots in a group.",
  action: "system:manage",
  input: inGroup.extend(pageInput),
  output: pageOutput(z.object({ member: z.string(), kind: z.enum(["user", "robot"]) })),
  async handler({ db }, { group, limit, after }) {
    const { id } = await getGroup(db.reads, group);
    const rows = await listGroupMembers(db.reads, id, { after, limit: limit + 1 });
    return pageOf(
      rows,
      limit,
      (row) => row.id,
      ({ name, kind }) => ({ member: name, kind }),
    );
  },
});

const inMember = inGroup.extend({ member: principalName });

const addMember = defineEndpoint({
  method: "PUT",
  path: "/api/v1/groups/{group}/members/{member}",
  command: "group add",
  summary: "Puts a user or robot into a group.",
  action: "system:manage",
  input: inMember,
  output: z.object({ group: z.string(), member: z.string() }),
  async handler(deps, { group: name, member }, call) {
    const entry = {
      action: "group.member_added",
      resource: `group ${name}`,
      detail: { member },
    };
    return change(deps, call, entry, async (tx) => {
      const group = await getGroup(tx, name);
      await addGroupMember(tx, group.id, await principalId(tx, member));
      return { group: name, member };
    });
  },
});

const removeMember = defineEndpoint({
  method: "DELETE",
  path: "/api/v1/groups/{group}/members/{member}",
  command: "group remove",
  summary: "Takes a user or robot out of a group.",
  action: "system:manage",
  input: inMember,
  output: nothing,
  status: 204,
  async handler(deps, { group: name, member }, call) {
    const entry = {
      action: "group.member_removed",
      resource: `group ${name}`,
      detail: { member },
    };
    await change(deps, call, entry, async (tx) => {
      const group = await getGroup(tx, name);
      const removed = await removeGroupMember(tx, group.id, await principalId(tx, member));
      if (!removed) throw notFound(`member ${member} of the group ${name}`);
    });
    return undefined;
  },
});

async function getGroup(reads: Reads, name: string): Promise<GroupRow> {
  const group = await findGroupByName(reads, name);
  if (group === null) throw notFound(`group ${name}`);
  return group;
}

async function principalId(reads: Reads, name: string): Promise<string> {
  const principal = await findPrincipalByName(reads, name);
  if (principal === null) throw notFound(`user or robot ${name}`);
  return principal.id;
}

function groupAnswer(row: GroupRow): z.input<typeof groupOutput> {
  const { name, description: text, created_at, version } = row;
  return { name, description: text, created_at: formatTime(created_at), version };
}

export const groupEndpoints: readonly Endpoint[] = [
  list,
  create,
  show,
  update,
  remove,
  listMembers,
  addMember,
  removeMember,
];
