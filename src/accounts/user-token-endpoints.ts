import { z } from "zod";
import { defineEndpoint, type Endpoint, nothing } from "../access/endpoint.ts";
import { pageInput, pageOutput } from "../access/schema.ts";
import { id, userName } from "./schemas.ts";
import { endCredential, listTokens, tokenOutput } from "./tokens.ts";
import { findUser } from "./user-endpoints.ts";

/** Tokens of others: to be seen and ended, never to be made. */
export const userTokenEndpoints: readonly Endpoint[] = [
  defineEndpoint({
    method: "GET",
    path: "/api/v1/users/{user}/tokens",
    command: "token list",
    summary: "Lists the personal access tokens of a user, expired ones too.",
    action: "system:manage",
    input: z.strictObject({ user: userName, ...pageInput }),
    output: pageOutput(tokenOutput),
    async handler({ db }, { user, ...page }) {
      const { id: userId } = await findUser(db.reads, user);
      return await listTokens(db.reads, userId, page);
    },
  }),

  defineEndpoint({
    method: "DELETE",
    path: "/api/v1/users/{user}/tokens/{id}",
    command: "token revoke",
    summary: "Ends one of a user's tokens at once.",
    action: "system:manage",
    input: z.strictObject({ user: userName, id }),
    output: nothing,
    status: 204,
    async handler(deps, { user, id: tokenId }, call) {
      const row = await findUser(deps.db.reads, user);
      return await endCredential(deps, call, row, { kind: "token", id: tokenId });
    },
  }),
];
