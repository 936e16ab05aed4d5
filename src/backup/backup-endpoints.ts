import { z } from "zod";
import { defineEndpoint, type Endpoint, lines } from "../access/endpoint.ts";
import {
  assertOperator,
  follow,
  lineOf,
  s3KeysInput,
  settingsInput,
  toAwsKeys,
} from "../access/long-work.ts";
import { listMade } from "./backup-record.ts";
import { startBackup } from "./run-backup.ts";

const input = z.strictObject({
  target: z
    .string()
    .min(1)
    .max(4096)
    .describe("A folder, an archive (.tar) or s3://bucket/prefix; absolute."),
  settings: settingsInput.describe("Settings that say how to reach its S3."),
  keys: s3KeysInput,
  list_only: z
    .boolean()
    .default(false)
    .describe("Only the list of blobs with their digests, without the database and the bytes."),
});

export const backupLine = lineOf(
  z.object({
    name: z.string(),
    blobs: z.number(),
    bytes: z.number(),
    copied: z.number(),
    copiedBytes: z.number(),
    broken: z.array(z.object({ digest: z.string(), message: z.string() })).readonly(),
    seconds: z.number(),
  }),
);

const create = defineEndpoint({
  method: "POST",
  path: "/api/v1/backups",
  command: null,
  summary: "Makes a backup, and tells how far it is. Only on the control socket.",
  action: "system:manage",
  input,
  output: lines,
  streams: true,
  handler(deps, { target, settings, keys, list_only }, call) {
    assertOperator(call, "a backup is made from where the registry runs: with berth backup create");
    const texts = { target, settings, keys: toAwsKeys(keys) };
    const running = startBackup(deps, call, { target: texts, listOnly: list_only });
    return follow(running, (report) => report);
  },
});

export const backupEndpoints: readonly Endpoint[] = [create, listMade];
