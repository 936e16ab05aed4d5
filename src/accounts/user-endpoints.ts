import { z } from "zod";
import { change } from "../access/change.ts";
import {
  type ApiCall,
  assertVersion,
  defineEndpoint,
  type Endpoint,
  nothing,
} from "../access/endpoint.ts";
import { deleteRateLimitsOf } from "../access/rate-limit-store.ts";
import { cidrs, description, pageInput, pageOf, pageOutput } from "../access/schema.ts";
import { conflict, notFound } from "../access/unknown.ts";
import { hashPassword } from "../auth/passwords.ts";
import { actorOf } from "../auth/principal.ts";
import {
  countAdministrators,
  deletePrincipal,
  endEverythingIssued,
  findPrincipalByName,
  listPrincipals,
  type PrincipalChanges,
  updatePrincipal,
} from "../auth/principal-store.ts";
import type { Reads } from "../db/database.ts";
import type { PrincipalRow } from "../db/tables.ts";
import { assert } from "../lib/assert.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { UserName } from "./account-name.ts";
import { createUser } from "./create-user.ts";
import { settleGone } from "./identity-store.ts";
import { makePassword } from "./make-password.ts";
import { email, password, reuseName, userName } from "./schemas.ts";
import { userOutput, userView } from "./user-view.ts";

const action = "system:manage";
const userPath = { user: userName };
const passwordOrNone = password
  .nullable()
  .optional()
  .describe("From 8 to 1,024 bytes. Left out: one is made and answered once; null: none.");
const shownPassword = z
  .string()
  .nullable()
  .describe("The password that was made, which nobody can ask for again; null where none was.");

export const userEndpoints: readonly Endpoint[] = [
  defineEndpoint({
    method: "GET",
    path: "/api/v1/users",
    command: "user list",
    summary: "Lists the users.",
    action,
    input: z.strictObject(pageInput),
    output: pageOutput(userOutput),
    async handler({ db }, { limit, after }) {
      const rows = await listPrincipals(db.reads, { kind: "user", after, limit: limit + 1 });
      return pageOf(rows, limit, (row) => row.name, userView);
    },
  }),

  defineEndpoint({
    method: "POST",
    path: "/api/v1/users",
    command: "user create",
    summary: "Makes a user, and the project of the same name, which they own.",
    action,
    input: z.strictObject({
      name: userName,
      password: passwordOrNone,
      email: email.default(null),
      description: description.default(""),
      administrator: z.boolean().default(false),
      cidrs: cidrs.default([]),
      reuse_name: reuseName,
      adopt_project: z
        .boolean()
        .default(false)
        .describe("Where a project of this name is there already: make them its owner."),
    }),
    output: userOutput.extend({ password: shownPassword }),
    status: 201,
    shownOnce: "password",
    async handler(deps, input, call) {
      const { name, administrator } = input;
      if (administrator) refuseToken(call);
      const given = await passwordOf(input.password);
      const detail = { administrator, adopted_project: input.adopt_project };
      return await change(
        deps,
        call,
        { action: "user.created", resource: `user ${name}`, detail },
        async (tx) => {
          const { reuse_name: reuseNameToo, adopt_project: adoptProject, ...rest } = input;
          const row = await createUser(
            tx,
            {
              ...rest,
              passwordHash: given.hash,
              createdBy: actorOf(call.principal),
              reuseName: reuseNameToo,
              adoptProject,
            },
            deps.clock.now(),
          );
          return { ...userView(row), password: given.made };
        },
      );
    },
  }),

  defineEndpoint({
    method: "GET",
    path: "/api/v1/users/{user}",
    command: "user show",
    summary: "Shows a user.",
    action,
    input: z.strictObject(userPath),
    output: userOutput,
    version: ({ version }) => version,
    async handler({ db }, { user }) {
      return userView(await findUser(db.reads, user));
    },
  }),

  defineEndpoint({
    method: "PATCH",
    path: "/api/v1/users/{user}",
    command: "user update",
    summary: "Changes what is known of a user, makes them an administrator, or disables them.",
    action,
    input: z.strictObject({
      ...userPath,
      email: email.optional(),
      description: description.optional(),
      administrator: z.boolean().optional(),
      disabled: z
        .boolean()
        .optional()
        .describe("Nothing that they have signs in meanwhile; sessions and issued tokens end."),
      cidrs: cidrs.optional(),
    }),
    output: userOutput,
    version: ({ version }) => version,
    async handler(deps, { user, disabled, administrator, ...input }, call) {
      const changes: PrincipalChanges = {
        ...(input.email === undefined ? {} : { email: input.email }),
        ...(input.description === undefined ? {} : { description: input.description }),
        ...(input.cidrs === undefined ? {} : { cidrs: JSON.stringify(input.cidrs) }),
        ...(administrator === undefined ? {} : { administrator: administrator ? 1 : 0 }),
        ...(disabled === undefined ? {} : { state: disabled ? "disabled" : "active" }),
      };
      // Not what an address or a description says: records outlive people.
      const changed = Object.keys(input).filter((key) => key !== "cidrs");
      const detail = { administrator, disabled, cidrs: input.cidrs, changed };
      const verb = disabled === true ? "disabled" : "changed";
      return await change(
        deps,
        call,
        { action: `user.${verb}`, resource: `user ${user}`, detail },
        async (tx) => {
          const row = await findUserFor(tx, user, call);
          if (administrator === true && row.administrator !== 1) refuseToken(call);
          if (disabled === true || administrator === false) await assertNotLast(tx, row);
          const after = await updatePrincipal(tx, row.id, changes);
          assert(after !== null, "a user that was just read is gone");
          if (disabled === true) await endEverythingIssued(tx, row.id);
          if (disabled === true) await settleGone(tx, row.id, "disabled");
          if (disabled === false && row.state !== "active") await settleGone(tx, row.id, "enabled");
          return userView(after);
        },
      );
    },
  }),

  defineEndpoint({
    method: "DELETE",
    path: "/api/v1/users/{user}",
    command: "user delete",
    summary: "Deletes a user with their tokens, grants and memberships; their project stays.",
    action,
    input: z.strictObject(userPath),
    output: nothing,
    status: 204,
    async handler(deps, { user }, call) {
      return await change(
        deps,
        call,
        { action: "user.deleted", resource: `user ${user}` },
        async (tx) => {
          const row = await findUserFor(tx, user, call);
          await assertNotLast(tx, row);
          // An address of somebody who is gone is nobody's business any more.
          await updatePrincipal(tx, row.id, { email: null });
          await deletePrincipal(tx, row.id);
          await deleteRateLimitsOf(tx, row.id);
          return undefined;
        },
      );
    },
  }),

  defineEndpoint({
    method: "PUT",
    path: "/api/v1/users/{user}/password",
    command: "user set-password",
    summary: "Gives a user another password; their sessions end, their tokens stay.",
    action,
    input: z.strictObject({
      ...userPath,
      password: passwordOrNone,
      enable: z.boolean().default(false).describe("Let them sign in again if they are disabled."),
    }),
    output: z.object({ password: shownPassword }),
    shownOnce: "password",
    async handler(deps, { user, enable, ...input }, call) {
      const { hash, made } = await passwordOf(input.password);
      return await change(
        deps,
        call,
        { action: "user.password_set", resource: `user ${user}`, detail: { enable } },
        async (tx) => {
          const row = await findUserFor(tx, user, call);
          if (row.administrator === 1) refuseToken(call);
          await updatePrincipal(tx, row.id, {
            password_hash: hash,
            ...(enable ? { state: "active" } : {}),
          });
          if (enable && row.state !== "active") await settleGone(tx, row.id, "enabled");
          await endEverythingIssued(tx, row.id);
          return { password: made };
        },
      );
    },
  }),
];

/** Throws 404. */
export async function findUser(reads: Reads, name: UserName): Promise<PrincipalRow> {
  const row = await findPrincipalByName(reads, name);
  if (row === null || row.kind !== "user") throw notFound(`user ${name}`);
  return row;
}

async function findUserFor(reads: Reads, name: UserName, call: ApiCall): Promise<PrincipalRow> {
  const row = await findUser(reads, name);
  assertVersion(call, row.version);
  return row;
}

/** Throws DENIED for a token: as the administrator that it makes or becomes it would outlive itself. */
function refuseToken({ principal }: ApiCall): void {
  if (principal.kind !== "user" || principal.credentialKind !== "token") return;
  throw new RegistryError("DENIED", {
    message:
      "an administrator is made, or given a password, with a password or a session, not with a token",
  });
}

/** Throws 409: without an administrator nobody could give anybody rights. */
async function assertNotLast(reads: Reads, row: PrincipalRow): Promise<void> {
  if (row.administrator !== 1 || row.state !== "active") return;
  if ((await countAdministrators(reads, 2)) > 1) return;
  throw conflict(`${row.name} is the last active administrator: make somebody else one first`);
}

/** Made where none was given; `made` is what to answer then. */
async function passwordOf(
  given: string | null | undefined,
): Promise<{ hash: string | null; made: string | null }> {
  if (given === null) return { hash: null, made: null };
  const made = given === undefined ? makePassword() : null;
  return { hash: await hashPassword(made ?? given ?? ""), made };
}
