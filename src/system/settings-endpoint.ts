import { z } from "zod";
import { defineEndpoint } from "../access/endpoint.ts";
import { pageInput, pageOf, pageOutput } from "../access/schema.ts";
import { programAnywhere } from "../platform/program.ts";
import { secretKeys, settingsSchema, variableOf } from "../platform/settings.ts";
import { answeringNode, nodeOutput } from "./answering-node.ts";

const setting = z.object({
  name: z.string().describe("As berth.yaml has it; dots are levels there."),
  variable: z
    .string()
    .describe("Its environment variable; with _FILE at its end, of a file that holds the value."),
  value: z.string().nullable().describe("The one that counts; empty for none, null for a secret."),
  secret: z.boolean(),
  set: z.boolean().describe("Whether it has a value: of a secret no more is told."),
  from: z.enum(["default", "flag", "environment", "file"]).describe("Where its value comes from."),
  source: z.string().nullable().describe("Which flag, variable or file that is."),
  purpose: z.string().describe("What it is for."),
});

/** `berth settings list`: those of a server that runs; `berth config print` has those that one would get. */
export const settingsEndpoint = defineEndpoint({
  method: "GET",
  path: "/api/v1/settings",
  command: "settings list",
  summary:
    "Lists every setting of the server that answers, its value, and where the value comes from. Secrets are not told.",
  action: "system:manage",
  input: z.strictObject(pageInput),
  output: pageOutput(setting).extend({
    node: nodeOutput,
    program: z.string().describe("How its commands begin where it runs, in any folder."),
  }),
  handler({ config, server }, { limit, after }) {
    const from = config.sources.findIndex(({ key }) => key === after) + 1;
    const rows = config.sources.slice(from, from + limit + 1);
    const page = pageOf(
      rows,
      limit,
      ({ key }) => key,
      ({ key, value, from: kind, source }) => ({
        name: key,
        variable: variableOf(key),
        value: secretKeys.has(key) ? null : value,
        secret: secretKeys.has(key),
        set: value !== "",
        from: kind,
        source: kind === "default" ? null : source,
        purpose: settingsSchema.shape[key].description ?? "",
      }),
    );
    return { ...page, node: answeringNode(server), program: programAnywhere() };
  },
});
