import { z } from "zod";
import { change } from "../access/change.ts";
import { assertVersion, defineEndpoint, type Endpoint, nothing } from "../access/endpoint.ts";
import { cidrs, description, pageInput, pageOf, pageOutput } from "../access/schema.ts";
import { listCredentials } from "../auth/credential-store.ts";
import { findPrincipal, updatePrincipal } from "../auth/principal-store.ts";
import type { Reads } from "../db/database.ts";
import type { PrincipalRow } from "../db/tables.ts";
import { assert } from "../lib/assert.ts";
import { changeOwnPassword, ownUser } from "./account.ts";
import { email, expiresInDays, expiryDaysDefault, id, password } from "./schemas.ts";
import { tokenScopes } from "./token-scope.ts";
import {
  createdTokenOutput,
  createToken,
  credentialOutput,
  credentialView,
  endCredential,
  listTokens,
  tokenOutput,
} from "./tokens.ts";
import { userOutput, userView } from "./user-view.ts";

const action = "account:manage";
const sessionOutput = credentialOutput.extend({
  current: z.boolean().describe("Whether it is the one that asks."),
});

export const accountEndpoints: readonly Endpoint[] = [
  defineEndpoint({
    method: "GET",
    path: "/api/v1/account",
    command: "account show",
    summary: "Shows one's own account.",
    action,
    input: z.strictObject({}),
    output: userOutput,
    version: ({ version }) => version,
    async handler({ db }, _input, call) {
      return userView(await findOwn(db.reads, ownUser(call).id));
    },
  }),

  defineEndpoint({
    method: "PATCH",
    path: "/api/v1/account",
    command: "account update",
    summary: "Changes what is known of oneself.",
    action,
    input: z.strictObject({ email: email.optional(), description: description.optional() }),
    output: userOutput,
    version: ({ version }) => version,
    async handler(deps, input, call) {
      const user = ownUser(call);
      const entry = {
        action: "user.changed",
        resource: `user ${user.name}`,
        detail: { own: true, changed: Object.keys(input) },
      };
      return await change(deps, call, entry, async (tx) => {
        assertVersion(call, (await findOwn(tx, user.id)).version);
        const row = await updatePrincipal(tx, user.id, {
          ...(input.email === undefined ? {} : { email: input.email }),
          ...(input.description === undefined ? {} : { description: input.description }),
        });
        assert(row !== null, "a user that was just read is gone");
        return userView(row);
      });
    },
  }),

  defineEndpoint({
    method: "PUT",
    path: "/api/v1/account/password",
    command: "account set-password",
    summary: "Changes one's own password; all sessions end, tokens stay.",
    action,
    input: z.strictObject({ current: password.describe("The password as it is."), password }),
    output: nothing,
    status: 204,
    async handler(deps, { current, password: next }, call) {
      return await changeOwnPassword(deps, call, ownUser(call), { current, next });
    },
  }),

  defineEndpoint({
    method: "GET",
    path: "/api/v1/account/tokens",
    command: "account tokens",
    summary: "Lists one's own personal access tokens, expired ones too.",
    action,
    input: z.strictObject(pageInput),
    output: pageOutput(tokenOutput),
    handler: ({ db }, page, call) => listTokens(db.reads, ownUser(call).id, page),
  }),

  defineEndpoint({
    method: "POST",
    path: "/api/v1/account/tokens",
    command: "account create-token",
    summary: "Makes a personal access token, which is shown once.",
    action,
    input: z.strictObject({
      description: description.default(""),
      scopes: tokenScopes.default(null),
      expires_in_days: expiresInDays.default(expiryDaysDefault),
      cidrs: cidrs.default([]),
    }),
    output: createdTokenOutput,
    status: 201,
    shownOnce: "token",
    async handler(deps, { expires_in_days: days, ...input }, call) {
      return await createToken(deps, call, ownUser(call), { ...input, expiresInDays: days });
    },
  }),

  defineEndpoint({
    method: "DELETE",
    path: "/api/v1/account/tokens/{id}",
    command: "account revoke-token",
    summary: "Ends one of one's own tokens at once.",
    action,
    input: z.strictObject({ id }),
    output: nothing,
    status: 204,
    async handler(deps, input, call) {
      return await endCredential(deps, call, ownUser(call), { kind: "token", id: input.id });
    },
  }),

  defineEndpoint({
    method: "GET",
    path: "/api/v1/account/sessions",
    command: "account sessions",
    summary: "Lists where one is signed in with a browser.",
    action,
    input: z.strictObject(pageInput),
    output: pageOutput(sessionOutput),
    async handler({ db }, { limit, after }, call) {
      const user = ownUser(call);
      const page = { kinds: ["session"] as const, after, limit: limit + 1 };
      const rows = await listCredentials(db.reads, user.id, page);
      return pageOf(
        rows,
        limit,
        (row) => row.id,
        (row) => ({ ...credentialView(row), current: row.id === user.credentialId }),
      );
    },
  }),

  defineEndpoint({
    method: "DELETE",
    path: "/api/v1/account/sessions/{id}",
    command: "account end-session",
    summary: "Ends one of one's own sessions at once.",
    action,
    input: z.strictObject({ id }),
    output: nothing,
    status: 204,
    async handler(deps, input, call) {
      return await endCredential(deps, call, ownUser(call), { kind: "session", id: input.id });
    },
  }),
];

async function findOwn(reads: Reads, userId: string): Promise<PrincipalRow> {
  const row = await findPrincipal(reads, userId);
  assert(row !== null, "who signed in is not there");
  return row;
}
