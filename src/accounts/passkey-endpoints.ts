import { z } from "zod";
import { defineEndpoint, type Endpoint, nothing } from "../access/endpoint.ts";
import { countRecoveryCodes, listPasskeys } from "../auth/passkey-store.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { ownUser } from "./account.ts";
import {
  addedPasskeyOutput,
  addPasskey,
  beginPasskey,
  passkeyOutput,
  passkeysMax,
  passkeyView,
  removePasskey,
  removeSecondFactor,
  renewRecoveryCodes,
  whyNoPasskeys,
} from "./passkeys.ts";
import { id, password, userName } from "./schemas.ts";
import { findUser } from "./user-endpoints.ts";
import { registrationAnswer } from "./webauthn.ts";

const action = "account:manage";
const current = password.describe("The password, once more.");
const codes = z.array(z.string());
/** Those of others are to be seen and taken away, never to be added. */
const list = z.object({
  items: z.array(passkeyOutput),
  recovery_codes_left: z.int().describe("Recovery codes that were not used yet."),
});

export const passkeyEndpoints: readonly Endpoint[] = [
  defineEndpoint({
    method: "GET",
    path: "/api/v1/account/passkeys",
    command: null,
    summary: "Lists one's own passkeys.",
    action,
    input: z.strictObject({}),
    output: list.extend({
      unavailable: z
        .string()
        .nullable()
        .describe("Why none can be added at this address; null where one can."),
    }),
    async handler(deps, _input, call) {
      const { reads } = deps.db;
      const user = ownUser(call);
      return {
        items: (await listPasskeys(reads, user.id, passkeysMax)).map(passkeyView),
        recovery_codes_left: await countRecoveryCodes(reads, user.id),
        unavailable: whyNoPasskeys(deps),
      };
    },
  }),

  defineEndpoint({
    method: "POST",
    path: "/api/v1/account/passkeys/options",
    command: null,
    summary: "Begins to add a passkey: what the browser is to be asked for.",
    action,
    input: z.strictObject({ password: current }),
    output: z.object({
      options: z
        .record(z.string(), z.unknown())
        .describe("For PublicKeyCredential.parseCreationOptionsFromJSON. Good once, for minutes."),
    }),
    async handler(deps, input, call) {
      return { options: { ...(await beginPasskey(deps, call, ownUser(call), input.password)) } };
    },
  }),

  defineEndpoint({
    method: "POST",
    path: "/api/v1/account/passkeys",
    command: null,
    summary:
      "Adds the passkey that the browser made; with the first come recovery codes, shown once.",
    action,
    input: z.strictObject({
      name: z
        .string()
        .trim()
        .min(1)
        .max(100)
        .regex(/^\P{C}*$/u, "must be printable")
        .describe("Where it is kept, in words of its user."),
      credential: registrationAnswer.describe("What the browser made, as its toJSON writes it."),
    }),
    output: addedPasskeyOutput,
    status: 201,
    shownOnce: "recovery_codes",
    handler: (deps, { name, credential }, call) =>
      addPasskey(deps, call, ownUser(call), { name, answer: credential }),
  }),

  defineEndpoint({
    method: "POST",
    path: "/api/v1/account/passkeys/{id}/remove",
    command: null,
    summary: "Removes one of one's own passkeys; with the last one the recovery codes go too.",
    action,
    input: z.strictObject({ id, password: current }),
    output: nothing,
    status: 204,
    handler: (deps, input, call) => removePasskey(deps, call, ownUser(call), input),
  }),

  defineEndpoint({
    method: "POST",
    path: "/api/v1/account/recovery-codes",
    command: null,
    summary: "Makes recovery codes anew, shown once; the earlier ones are good no more.",
    action,
    input: z.strictObject({ password: current }),
    output: z.object({ recovery_codes: codes }),
    status: 201,
    shownOnce: "recovery_codes",
    handler: (deps, input, call) => renewRecoveryCodes(deps, call, ownUser(call), input.password),
  }),

  defineEndpoint({
    method: "GET",
    path: "/api/v1/users/{user}/passkeys",
    command: "user passkeys",
    summary: "Lists the passkeys of a user.",
    action: "system:manage",
    input: z.strictObject({ user: userName }),
    output: list,
    async handler({ db: { reads } }, { user }) {
      const row = await findUser(reads, user);
      return {
        items: (await listPasskeys(reads, row.id, passkeysMax)).map(passkeyView),
        recovery_codes_left: await countRecoveryCodes(reads, row.id),
      };
    },
  }),

  defineEndpoint({
    method: "DELETE",
    path: "/api/v1/users/{user}/second-factor",
    command: "user remove-second-factor",
    summary: "Removes the passkeys and recovery codes of a user: the password alone will do again.",
    action: "system:manage",
    input: z.strictObject({ user: userName }),
    output: nothing,
    status: 204,
    async handler(deps, { user }, call) {
      const { principal } = call;
      const isToken = principal.kind === "user" && principal.credentialKind === "token";
      const row = await findUser(deps.db.reads, user);
      if (isToken && row.administrator === 1) {
        throw new RegistryError("DENIED", {
          message:
            "an administrator's second factor is removed with a password or a session, not with a token",
        });
      }
      return await removeSecondFactor(deps, call, row);
    },
  }),
];
