import { z } from "zod";
import { defineEndpoint, type Endpoint } from "../access/endpoint.ts";
import { email, password, userName } from "./schemas.ts";
import { signUp } from "./sign-up.ts";
import { userOutput } from "./user-view.ts";

export const signUpEndpoints: readonly Endpoint[] = [
  defineEndpoint({
    method: "POST",
    path: "/api/v1/signup",
    command: null,
    summary: "Makes an account for whoever asks, as far as the setting signup lets them.",
    // The setting decides, and the invitation proves.
    action: null,
    input: z.strictObject({
      name: userName,
      password,
      email: email.default(null),
      invitation: z.string().max(256).default("").describe("The secret of an invitation."),
    }),
    output: userOutput,
    status: 201,
    handler: (deps, input, call) => signUp(deps, call, input),
  }),
];
