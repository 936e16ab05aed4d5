import { z } from "zod";
import { defineEndpoint, type Endpoint } from "../access/endpoint.ts";
import { visibilities } from "../access/visibility.ts";
import { addressHere } from "../platform/config.ts";
import { email, password, userName } from "./schemas.ts";
import { assertSetupToken, isSetUp, setUp, setupAddress } from "./setup.ts";
import { userOutput } from "./user-view.ts";

const setupStatus = z.object({
  done: z.boolean().describe("Whether there is an administrator."),
  address: z
    .string()
    .nullable()
    .describe("Where a browser makes the first one; null when it is done."),
});

export const setupEndpoints: readonly Endpoint[] = [
  defineEndpoint({
    method: "GET",
    path: "/api/v1/setup",
    command: null,
    summary: "Shows whether the registry is set up, and the address that sets it up.",
    action: "system:manage",
    input: z.strictObject({}),
    output: setupStatus,
    async handler(deps) {
      const done = await isSetUp(deps);
      return { done, address: done ? null : setupAddress(addressHere(deps.config), deps.secrets) };
    },
  }),

  defineEndpoint({
    method: "POST",
    path: "/api/v1/setup",
    command: null,
    summary:
      "Makes the first administrator, who proves with the setup token that it is theirs to do.",
    // Nobody has rights yet: the token is the proof, and on the control socket the socket is.
    action: null,
    input: z.strictObject({
      token: z.string().max(256).default("").describe("The token of the printed address."),
      name: userName,
      password,
      email: email.default(null),
      visibility: z
        .enum(visibilities)
        .optional()
        .describe(
          "Who may pull from their project without being let in: if not given, nobody from a new one.",
        ),
    }),
    output: userOutput,
    status: 201,
    async handler(deps, { token, ...first }, call) {
      if (call.principal.kind !== "operator") assertSetupToken(deps.secrets, token);
      return await setUp(deps, call, first);
    },
  }),
];
