import { z } from "zod";
import { actorOf } from "../auth/principal.ts";
import type { Reads } from "../db/database.ts";
import type { RoleRow } from "../db/tables.ts";
import { change } from "./change.ts";
import { assertVersion, defineEndpoint, type Endpoint, nothing } from "./endpoint.ts";
import {
  deleteRole,
  findRoleByName,
  insertRole,
  isRoleInUse,
  listRoles,
  updateRole,
} from "./role-store.ts";
import {
  builtInRoles,
  grantableActions,
  isBuiltInRole,
  type RoleName,
  roleNames,
} from "./roles.ts";
import { description, pageInput, pageOf, pageOutput, plainName } from "./schema.ts";
import { conflict, notFound } from "./unknown.ts";

const roleActions = z
  .array(z.enum(grantableActions))
  .min(1)
  .max(grantableActions.length)
  .describe("What it lets one do.");

const roleOutput = z.object({
  name: z.string(),
  description: z.string(),
  actions: z.array(z.string()),
  built_in: z.boolean().describe("Such a role is there in every installation, and stays as it is."),
  version: z.int(),
});

const inRole = z.strictObject({ role: plainName });

const list = defineEndpoint({
  method: "GET",
  path: "/api/v1/roles",
  command: "role list",
  summary: "Lists the roles: those built in, then the others by name.",
  action: "registry:list",
  input: z.strictObject(pageInput),
  output: pageOutput(roleOutput),
  async handler({ db }, { limit, after }) {
    const rows = await listRoles(db.reads, { after, limit: limit + 1 });
    const page = pageOf(rows, limit, (row) => row.name, roleAnswer);
    return after === "" ? { ...page, items: [...roleNames.map(builtIn), ...page.items] } : page;
  },
});

const create = defineEndpoint({
  method: "POST",
  path: "/api/v1/roles",
  command: "role create",
  summary: "Makes a role beside those built in.",
  action: "system:manage",
  input: z.strictObject({
    name: plainName,
    description: description.default(""),
    actions: roleActions,
  }),
  output: roleOutput,
  status: 201,
  version: (output) => output.version,
  async handler(deps, input, call) {
    const { name, actions } = input;
    const entry = { action: "role.created", resource: `role ${name}`, detail: { actions } };
    return change(deps, call, entry, async (tx) => {
      // A role by the name of what administrators are would be taken for more than it is.
      const isTaken = isBuiltInRole(name) || name === "administrator";
      if (isTaken || (await findRoleByName(tx, name)) !== null) {
        throw conflict(`there is a role ${name} already`);
      }
      const now = deps.clock.now();
      const createdBy = actorOf(call.principal);
      return roleAnswer(await insertRole(tx, { ...input, now, createdBy }));
    });
  },
});

const show = defineEndpoint({
  method: "GET",
  path: "/api/v1/roles/{role}",
  command: "role show",
  summary: "Shows a role.",
  action: "registry:list",
  input: inRole,
  output: roleOutput,
  version: (output) => output.version,
  async handler({ db }, { role }) {
    return isBuiltInRole(role) ? builtIn(role) : roleAnswer(await getRole(db.reads, role));
  },
});

const update = defineEndpoint({
  method: "PATCH",
  path: "/api/v1/roles/{role}",
  command: "role update",
  summary: "Changes a role for everybody who has it.",
  action: "system:manage",
  input: inRole.extend({
    description: description.optional(),
    actions: roleActions.optional(),
  }),
  output: roleOutput,
  version: (output) => output.version,
  async handler(deps, { role: name, description: text, actions }, call) {
    const changes = {
      ...(text === undefined ? {} : { description: text }),
      ...(actions === undefined ? {} : { actions }),
    };
    const entry = { action: "role.changed", resource: `role ${name}`, detail: changes };
    return change(deps, call, entry, async (tx) => {
      const role = await getCustomRole(tx, name);
      assertVersion(call, role.version);
      return roleAnswer((await updateRole(tx, role.id, changes)) ?? role);
    });
  },
});

const remove = defineEndpoint({
  method: "DELETE",
  path: "/api/v1/roles/{role}",
  command: "role delete",
  summary: "Deletes a role that nobody has.",
  action: "system:manage",
  input: inRole,
  output: nothing,
  status: 204,
  async handler(deps, { role: name }, call) {
    await change(deps, call, { action: "role.deleted", resource: `role ${name}` }, async (tx) => {
      const role = await getCustomRole(tx, name);
      assertVersion(call, role.version);
      if (await isRoleInUse(tx, name)) {
        throw conflict(`the role ${name} is in use: take it from everybody who has it first`);
      }
      await deleteRole(tx, role.id);
    });
    return undefined;
  },
});

async function getRole(reads: Reads, name: string): Promise<RoleRow> {
  const role = await findRoleByName(reads, name);
  if (role === null) throw notFound(`role ${name}`);
  return role;
}

async function getCustomRole(reads: Reads, name: string): Promise<RoleRow> {
  if (isBuiltInRole(name)) throw conflict(`the role ${name} is built in: it stays as it is`);
  return getRole(reads, name);
}

function builtIn(name: RoleName): z.input<typeof roleOutput> {
  return { name, description: "", actions: [...builtInRoles[name]], built_in: true, version: 1 };
}

function roleAnswer(row: RoleRow): z.input<typeof roleOutput> {
  return {
    name: row.name,
    description: row.description,
    actions: JSON.parse(row.actions) as string[],
    built_in: false,
    version: row.version,
  };
}

export const roleEndpoints: readonly Endpoint[] = [list, create, show, update, remove];
