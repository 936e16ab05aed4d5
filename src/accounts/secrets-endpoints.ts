import { z } from "zod";
import { change } from "../access/change.ts";
import { defineEndpoint, type Endpoint } from "../access/endpoint.ts";
import { conflict } from "../access/unknown.ts";
import { resealAuditChain } from "../audit/audit.ts";
import { rotateKeys } from "../auth/rotate-keys.ts";

export const secretsEndpoints: readonly Endpoint[] = [
  defineEndpoint({
    method: "POST",
    path: "/api/v1/secrets/rotate",
    command: "secrets rotate",
    summary: "Puts a new key in place of the one that stored secrets are sealed with.",
    action: "system:manage",
    input: z.strictObject({}),
    output: z.object({
      key_id: z.string().describe("Of the key that seals from now on."),
      resealed: z.number().int().describe("Secrets that were sealed again."),
    }),
    async handler(deps, _input, call) {
      if (deps.config.processes > 1) {
        throw conflict(
          "each process of this server has the key in memory: stop the server, and run this command then",
        );
      }
      const { keyId, resealed } = await rotateKeys({
        db: deps.db,
        box: deps.secrets,
        folder: deps.config.secretKeys.length > 0 ? null : deps.config.data,
        async rederive(tx, earlier, current) {
          await resealAuditChain(tx, current, earlier);
        },
      });
      // After the fact: each of its transactions is complete in itself, and a crash resumes it at the start.
      return await change(
        deps,
        call,
        { action: "keys.rotated", resource: `key ${keyId}`, detail: { resealed } },
        async () => ({ key_id: keyId, resealed }),
      );
    },
  }),
];
