import { z } from "zod";
import { defineEndpoint, type Endpoint } from "../access/endpoint.ts";
import { time } from "../access/schema.ts";
import { beginDevice, pollDevice } from "./device-sign-in.ts";
import { createdTokenOutput } from "./tokens.ts";

export const deviceEndpoints: readonly Endpoint[] = [
  defineEndpoint({
    method: "POST",
    path: "/api/v1/device",
    command: null,
    summary: "Begins the sign-in of a program whose user lets it in with a browser, at /device.",
    // Nothing comes of it until somebody who is signed in says so.
    action: null,
    input: z.strictObject({
      description: z
        .string()
        .regex(/^[\x20-\x7e]{1,200}$/, "must be 1 to 200 printable ASCII characters")
        .describe("What the person is asked about, and what the token is called."),
    }),
    output: z.object({
      device_code: z.string().describe("With this the program asks whether it was let in."),
      user_code: z.string().describe("This the person types, or has in the link."),
      expires_at: time,
      interval_seconds: z.int().describe("How long to wait between two questions."),
    }),
    status: 201,
    shownOnce: "device_code",
    handler: (deps, { description }, call) => beginDevice(deps, call, description),
  }),
  defineEndpoint({
    method: "POST",
    path: "/api/v1/device/token",
    command: null,
    summary: "Tells whether somebody let the program in, and gives it a token, once.",
    // The code proves it.
    action: null,
    input: z.strictObject({ device_code: z.string().max(256) }),
    output: z.object({
      user: z.string().nullable().describe("Who let it in; null while nobody has decided."),
      token: createdTokenOutput.nullable(),
    }),
    shownOnce: "token",
    handler: (deps, { device_code }, call) => pollDevice(deps, call, device_code),
  }),
];
