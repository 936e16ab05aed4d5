import { z } from "zod";
import type { ThisServer } from "../access/endpoint.ts";

export const nodeOutput = z
  .object({
    id: z.string().describe("As berth nodes has it."),
    name: z.string().describe("Of its machine."),
    version: z.string(),
  })
  .describe("The server that answers: another node of the database may say something else.");

export function answeringNode({ node: { id, name, version } }: ThisServer) {
  return { id, name, version };
}
