import { z } from "zod";
import { defineEndpoint } from "../access/endpoint.ts";
import { formatTimeOrNull, time } from "../access/schema.ts";
import { answeringNode, nodeOutput } from "./answering-node.ts";
import { checkNames, checkStates } from "./check.ts";
import { lookAtAll } from "./health.ts";

export const healthOutput = z.object({
  node: nodeOutput,
  state: z.enum(checkStates).describe("The worst of the checks."),
  checks: z.array(
    z.object({
      name: z.enum(checkNames),
      state: z
        .enum(checkStates)
        .describe("warn: somebody should look; bad: something is refused, lost, or about to be."),
      message: z.string().describe("What is so."),
      advice: z.string().nullable().describe("What to do; null where there is nothing to do."),
      at: time.nullable().describe("Of what the message tells of; null where it is of now."),
    }),
  ),
});

/** Also what `berth doctor` says of a server. */
export const healthEndpoint = defineEndpoint({
  method: "GET",
  path: "/api/v1/health",
  command: null,
  summary:
    "Tells what is well and what is not: the server that answers, its storage, and the work in the background.",
  action: "system:manage",
  input: z.strictObject({}),
  output: healthOutput,
  async handler(deps) {
    const checks = await lookAtAll(deps);
    const worst = checks.reduce((most, { state }) => Math.max(most, checkStates.indexOf(state)), 0);
    return {
      node: answeringNode(deps.server),
      state: checkStates[worst] ?? "ok",
      checks: checks.map(({ at, ...check }) => ({ ...check, at: formatTimeOrNull(at) })),
    };
  },
});
